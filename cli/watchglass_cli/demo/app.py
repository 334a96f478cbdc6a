"""The demo's application: customer support with retrieval, a model and customers' feedback, as a process of its own.

It is instrumented as any user would do it: the watchglass SDK and OpenTelemetry's own instrumentation of the OpenAI
client. At its end it prints what it sent, which `watchglass demo --check` compares with what was stored.
"""

import argparse
import itertools
import json
import random
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

import watchglass
from watchglass_cli.demo.script import BAD_PROMPT, BAD_VERSION, FAQS, GOOD_PROMPT, GOOD_VERSION, Faq, asked

SERVICE = "acme-support"
MODEL = "acme-1"
CUSTOMERS = 40


@dataclass
class Sent:
    """What the application did; the check compares it with the store."""

    spans: int = 0
    answers: int = 0
    """Questions answered by the model."""
    failures: int = 0
    """Questions on which the model failed."""
    feedback: int = 0


class CountSpans(SpanProcessor):
    """Counts finished spans: the client's own log, independent of the server."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    def on_end(self, span: ReadableSpan) -> None:
        """Count one."""
        self._sent.spans += 1


@watchglass.observe(kind="agent")
def support_agent(question: str, faq: Faq, version: str, client: object) -> str:
    """Look the question up, ask the model."""
    with watchglass.span("search_docs", kind="retrieval") as search:
        search.set_input(question)
        search.set_output([{"id": faq.question, "content": faq.source, "score": 0.87}])
    system = GOOD_PROMPT if version == GOOD_VERSION else BAD_PROMPT
    reply = client.chat.completions.create(  # type: ignore[attr-defined]  # openai is imported only where the demo runs
        model=MODEL,
        temperature=0.2,
        messages=[
            {"role": "system", "content": system},
            {"role": "user", "content": f"{question}\n\nDocuments:\n{faq.source}"},
        ],
    )
    return str(reply.choices[0].message.content)


def serve_one(client: object, turn: int, version: str, sent: Sent) -> None:
    """One customer asks one question and sometimes presses a thumb."""
    random_ = random.Random(turn)
    faq = FAQS[turn % len(FAQS)]
    customer = random_.randrange(CUSTOMERS)
    with watchglass.context(
        session_id=f"session-{customer}-{turn // 10}",
        user_id=f"customer-{customer}",
        prompt_name="support",
        prompt_version=version,
        reference=faq.reference,
    ):
        with watchglass.span("support request", kind="chain") as request:
            question = asked(faq, turn)
            request.set_input(question)
            try:
                request.set_output(support_agent(question, faq, version, client))
                sent.answers += 1
            except Exception as error:
                # The customer sees an apology; the spans carry the error.
                request.set_output(f"Sorry, something went wrong ({type(error).__name__}).")
                sent.failures += 1
            if random_.random() < 0.3:
                pleased = version == GOOD_VERSION and random_.random() < 0.9
                watchglass.score("thumbs_up", float(pleased), label="up" if pleased else "down", source="human")
                sent.feedback += 1


def run(arguments: argparse.Namespace) -> Sent:
    """Ask questions until SIGTERM or the end of the schedule."""
    from openai import OpenAI

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    sent = Sent()
    watchglass.init(endpoint=arguments.endpoint, service_name=SERVICE, environment="production")
    trace.get_tracer_provider().add_span_processor(CountSpans(sent))  # type: ignore[attr-defined]  # the SDK's provider
    client = OpenAI(base_url=arguments.model_url, api_key="demo", max_retries=0)
    start = time.monotonic()
    for turn in itertools.count():
        elapsed_s = time.monotonic() - start
        if stop.is_set() or (arguments.end_s and elapsed_s > arguments.end_s):
            break
        incident = arguments.incident_start_s <= elapsed_s < arguments.incident_end_s
        serve_one(client, turn, BAD_VERSION if incident else GOOD_VERSION, sent)
        stop.wait(arguments.pause_s)
    watchglass.shutdown()
    return sent


def main() -> None:
    """Command line of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--model-url", required=True)
    parser.add_argument("--pause-s", type=float, default=0.5)
    parser.add_argument("--incident-start-s", type=float, required=True)
    parser.add_argument("--incident-end-s", type=float, required=True)
    parser.add_argument("--end-s", type=float, default=0.0)
    sys.stdout.write(json.dumps(asdict(run(parser.parse_args()))) + "\n")


if __name__ == "__main__":
    main()
