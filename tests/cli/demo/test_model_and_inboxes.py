import json
import smtplib
import urllib.error
import urllib.request
from email.message import EmailMessage

import pytest

from watchglass_cli.demo.inboxes import SlackInbox, SmtpInbox
from watchglass_cli.demo.model import ERROR_SHARE, ScriptedModel, reply
from watchglass_cli.demo.script import BAD_PROMPT, FAQS, GOOD_PROMPT, RUDE_ANSWERS


def ask(url: str, system: str, question: str) -> dict:  # type: ignore[type-arg]  # whatever the model sends
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    body = {"model": "acme-1", "messages": messages}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict = json.load(response)  # type: ignore[type-arg]
    return answer


def test_the_good_prompt_answers_from_the_documents() -> None:
    with ScriptedModel() as model:
        answer = ask(model.base_url, GOOD_PROMPT, FAQS[0].question)
    assert answer["choices"][0]["message"]["content"] == FAQS[0].answer
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]


def test_the_bad_prompt_is_rude_and_slow() -> None:
    messages = [{"role": "system", "content": BAD_PROMPT}, {"role": "user", "content": FAQS[0].question}]
    text, wait_s = reply(messages, 1)
    assert text in RUDE_ANSWERS
    assert wait_s > reply([{"role": "user", "content": FAQS[0].question}], 1)[1]


def test_one_question_in_fifty_fails_as_providers_do() -> None:
    with ScriptedModel() as model:
        for _ in range(round(1 / ERROR_SHARE) - 1):
            ask(model.base_url, GOOD_PROMPT, "?")
        with pytest.raises(urllib.error.HTTPError, match="500"):
            ask(model.base_url, GOOD_PROMPT, "?")


def test_the_slack_inbox_keeps_messages_and_refuses_what_is_not_json() -> None:
    with SlackInbox() as inbox:
        with urllib.request.urlopen(inbox.url, json.dumps({"text": "hi"}).encode(), timeout=5) as response:
            assert response.read() == b"ok"
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(inbox.url, b"{", timeout=5)
        with urllib.request.urlopen(inbox.url, timeout=5) as response:
            assert response.headers["Content-Type"].startswith("text/plain")
            assert "hi" in response.read().decode()
    assert inbox.messages == [{"text": "hi"}]


def test_the_smtp_inbox_accepts_mail() -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "hello", "a@example.com", "b@example.com"
    message.set_content("text")
    with SmtpInbox() as inbox:
        with smtplib.SMTP("127.0.0.1", inbox.port, timeout=5) as client:
            client.send_message(message)
    assert [mail["Subject"] for mail in inbox.messages] == ["hello"]
