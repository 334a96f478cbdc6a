"""Errors as ClickHouse says them over HTTP: a status, a code header and `Code: N. DB::Exception: … (NAME)`."""

import re

STATUS = {
    "UNSUPPORTED_METHOD": 400,
    "SYNTAX_ERROR": 400,
    "CANNOT_PARSE_TEXT": 400,
    "CANNOT_PARSE_ESCAPE_SEQUENCE": 400,
    "CANNOT_PARSE_QUOTED_STRING": 400,
    "CANNOT_PARSE_INPUT_ASSERTION_FAILED": 400,
    "CANNOT_PARSE_DATETIME": 400,
    "CANNOT_PARSE_NUMBER": 400,
    "BAD_ARGUMENTS": 400,
    "ILLEGAL_TYPE_OF_ARGUMENT": 400,
    "INCORRECT_DATA": 400,
    "BAD_REQUEST_PARAMETER": 400,
    "TYPE_MISMATCH": 400,
    "REQUIRED_PASSWORD": 401,
    "READONLY": 403,
    "AUTHENTICATION_FAILED": 403,
    "ACCESS_DENIED": 403,
    "UNKNOWN_IDENTIFIER": 404,
    "UNKNOWN_FUNCTION": 404,
    "UNKNOWN_TABLE": 404,
    "UNKNOWN_DATABASE": 404,
    "SESSION_NOT_FOUND": 404,
    "TIMEOUT_EXCEEDED": 408,
    "QUERY_IS_TOO_LARGE": 413,
    "SESSION_IS_LOCKED": 423,
    "TOO_MANY_SIMULTANEOUS_QUERIES": 503,
    "MEMORY_LIMIT_EXCEEDED": 507,
    "NOT_ENOUGH_SPACE": 507,
}
"""HTTP status by error name, as ClickHouse's HTTPHandler chooses it; everything else is 500."""

_CODE = re.compile(r"Code:\s*(\d+)\.")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")


class Problem(Exception):
    """An error on its way to the client.

    Attributes:
        code: ClickHouse's number.
        name: ClickHouse's name.
        text: The whole line, `Code: …. DB::Exception: … (NAME)`.
    """

    def __init__(self, code: int, name: str, message: str) -> None:
        self.code = code
        self.name = name
        self.text = f"Code: {code}. DB::Exception: {message} ({name})"
        super().__init__(self.text)

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return STATUS.get(self.name, 500)

    @classmethod
    def from_engine(cls, error: RuntimeError) -> "Problem":
        """Read what the engine raised; its text already has ClickHouse's form, behind chDB's own prefix."""
        text = str(error)
        code = _CODE.search(text)
        names = _NAME.findall(text)
        problem = cls(int(code[1]) if code else 1001, names[-1] if names else "STD_EXCEPTION", text)
        if code:
            problem.text = text[code.start() :].rstrip()
        return problem


def syntax_error(message: str) -> Problem:
    """The statement is not one that can be read."""
    return Problem(62, "SYNTAX_ERROR", message)


def readonly(message: str) -> Problem:
    """The read-only user asked for more than reading."""
    return Problem(164, "READONLY", message)
