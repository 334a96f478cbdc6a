"""What can go wrong with the store, as a tree.

StoreError
├── StoreUnavailable   try again later: nothing is wrong with what was sent
└── StoreRejected      the same input will always fail
"""


class StoreError(Exception):
    """Base of everything that the store raises at run time."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, is full, overloaded or starting: try again."""


class StoreRejected(StoreError):
    """The store understood and refused: the same input will always fail.

    Attributes:
        code: ClickHouse's error number, for example 60.
        name: ClickHouse's error name, for example UNKNOWN_TABLE.
    """

    def __init__(self, message: str, *, code: int, name: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
