"""Trying a channel in a browser, with a real alert engine, a real webhook and a real mail server behind the page."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from watchglass_alerts import AlertsConfig, Engine
from watchglass_alerts.testing import WebhookServer, answer
from watchglass_store import connect

from .conftest import SECTIONS

pytestmark = pytest.mark.browser
CHAT, MAIL = SECTIONS["alerts"]["channels"]


class Inbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope.content.decode())
        return "250 OK"


@pytest.fixture
def receivers(empty, free_ports) -> Iterator[tuple[WebhookServer, Inbox]]:
    """The webhook and the inbox of an engine that runs on the page's store."""
    inbox, port, stop = Inbox(), free_ports(), threading.Event()
    mail = Controller(inbox, hostname="127.0.0.1", port=port)
    mail.start()
    store = connect(empty.owner, Path())
    with WebhookServer() as webhook:
        smtp = {"host": "127.0.0.1", "port": port, "security": "plain", "sender": "w@example.com"}
        channels = {
            CHAT: {"type": "slack", "url": webhook.url},
            MAIL: {"type": "email", "recipients": ["ops@example.com"], **smtp},
        }
        # By construction, as the names on the page have spaces, which a configuration file would refuse.
        config = AlertsConfig.model_validate(
            {"allow_loopback": True, "channels": {"a": channels[CHAT], "b": channels[MAIL]}}
        )
        config = config.model_copy(update={"channels": dict(zip(channels, config.channels.values(), strict=True))})
        engine = threading.Thread(target=Engine(store, config).run_forever, args=(stop,))
        engine.start()
        yield webhook, inbox
        stop.set()
        engine.join()
    mail.stop()
    store.close()


def choose(page, text):
    page.locator(".st-key-test_channel input").click()
    page.get_by_role("option", name=text).click()


@pytest.mark.slow
def test_a_test_message_arrives_or_says_why_not(open_tab, empty, receivers):
    webhook, inbox = receivers
    tab = open_tab(source=empty.reader)
    page = tab.go("/settings")
    send = page.get_by_role("button", name="Send a test message")
    choose(page, "slack")
    tab.idle()
    send.click()
    page.get_by_text("took the test message").wait_for()
    assert b"Test: slack #llm-oncall" in webhook.received[-1].body
    choose(page, "e-mail")
    tab.idle()
    send.click()
    page.get_by_text("Delivered: e-mail on-call").wait_for()
    assert "Test: e-mail on-call" in inbox.mails[-1]
    webhook.behaviour = answer(404, b"no_service SECRETPATH")
    choose(page, "slack")
    tab.idle()
    send.click()
    page.get_by_text("did not take it").wait_for()
    tab.idle()
    assert "404" in page.get_by_test_id("stAlert").inner_text()
    assert "SECRETPATH" not in page.content()
