"""What every channel is: a configuration, and a `send` that answers with one of three results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from watchglass_alerts.message import Message


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""

    detail: str = ""
    """What is worth recording all the same, such as one recipient of three that was refused."""
    receipt: str = ""
    """What a later message of the alert needs to join this one's thread; it comes back as `Message.reply_to`."""


@dataclass(frozen=True, slots=True)
class Retry:
    """It may work later."""

    after_s: float | None
    """What the receiver asked for, in seconds; None leaves it to the back-off."""
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The same message will never be accepted."""

    reason: str


SendResult = Delivered | Retry | Failed


class ChannelConfig(BaseModel):
    """What all channels have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: str = Field(description="Which kind of channel: a name from `channels.BUILTIN`.")


class Channel(Protocol):
    """A way to tell somebody.

    `send` raises nothing for whatever the other side does, is done within about ten seconds, and puts no secret into
    a reason. It may be called from any thread, by one at a time.
    """

    def send(self, message: Message) -> SendResult:
        """Deliver once; `message.id` repeats when it is the same notification again."""
        ...
