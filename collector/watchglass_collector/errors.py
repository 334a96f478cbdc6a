"""The two ways a request fails. Everything else is accepted."""

from enum import Enum


class Refusal(Enum):
    """Why a request can never be accepted; each transport has its own code for it."""

    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    UNSUPPORTED = "unsupported"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"


class Refused(Exception):
    """Permanent: the same request will always be refused, so the client must not send it again."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.refusal = refusal


class TryAgain(Exception):
    """Retryable: nothing was stored, the client must keep the request and send it again."""

    def __init__(self, reason: str, *, retry_after_s: int = 1) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        """1 to 5 seconds: exporters give up within ten."""
