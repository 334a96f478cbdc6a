"""When a Streamlit page has answered: what its socket said, and what is drawn."""

import time
from typing import Literal

from playwright.sync_api import Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class Runs:
    """Follows a page's runs of its script.

    A click asks for a run over the socket. Until the server says that it began, which a busy machine may put off for
    longer than any fixed pause, the page looks as finished as before the click.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._state: Literal["asked", "running", "finished"] = "finished"
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._sent)
        socket.on("framereceived", self._received)

    def _sent(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes) and BackMsg.FromString(frame).WhichOneof("type") == "rerun_script":
            self._state = "asked"

    def _received(self, frame: str | bytes) -> None:
        message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        if message.HasField("new_session"):
            self._state = "running"
        elif message.HasField("script_finished") and self._state == "running":
            early = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
            self._state = "asked" if early else "finished"

    def idle(self, *, drawn: str = "true", timeout_s: float = 60.0) -> None:
        """Until the script has run and its elements are drawn; `drawn` is a JavaScript condition for more."""
        self._page.wait_for_selector('[data-testid="stHeading"]', timeout=1000 * timeout_s)
        self._page.wait_for_timeout(100)
        deadline = time.monotonic() + timeout_s
        while self._state != "finished":
            assert time.monotonic() < deadline, f"{self._state}, not finished, after {timeout_s:.0f} s"
            self._page.wait_for_timeout(20)
        self._page.wait_for_function(
            f"""() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
                  && !document.querySelector('[data-stale="true"], [data-testid^="stSkeleton"]') && ({drawn})""",
            timeout=1000 * timeout_s,
        )
