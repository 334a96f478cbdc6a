"""Processes: exit, kill, fork, children of multiprocessing. Each test runs a program of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from .conftest import Script, Sink

START = """
import os, sys, time, watchglass
watchglass.init({url!r}, "program", flush_interval_s=60, instrument=False)

@watchglass.observe
def work(n):
    return n
"""


def program(sink: Sink, rest: str) -> str:
    return START.format(url=sink.url) + rest


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise RuntimeError('bye')"])
def test_what_is_left_is_sent_at_exit(sink: Sink, script: Script, ending: str) -> None:
    script(program(sink, f"work(1)\nwatchglass.score('s', value=1, trace_id='1' * 32, span_id='1' * 16)\n{ending}"))
    assert [span.name for span in sink.spans] == ["work"]
    assert [event.trace_id for event in sink.events] == ["1" * 32]


def test_what_ends_in_an_exit_handler_is_sent(sink: Sink, script: Script) -> None:
    done = script(program(sink, "import atexit\natexit.register(lambda: work(2))\nwork(1)"))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(sink.spans) == 2


def test_exit_with_a_dead_collector_is_quick_and_quiet(script: Script) -> None:
    closed = Sink()
    closed.close()
    start = time.monotonic()
    done = script(program(closed, "for n in range(1000): work(n)"))
    assert done.returncode == 0
    assert done.stderr.count("\n") == 2
    assert "cannot reach" in done.stderr
    assert "watchglass drops spans" in done.stderr
    assert time.monotonic() - start < 30


def test_exit_with_a_collector_that_never_answers_is_bounded(script: Script) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = script(START.format(url=url) + "work(1)", timeout_s=60)
    assert done.returncode == 0


def test_sigterm_with_a_handler_sends_and_without_one_ends_at_once(sink: Sink) -> None:
    handler = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    for prefix, expected in ((handler, 0), ("", -signal.SIGTERM)):
        code = program(sink, f"{prefix}work(1)\nprint('ready', flush=True)\ntime.sleep(60)")
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.terminate()
            assert process.wait(30) == expected
    assert len(sink.spans) == 1


def test_a_killed_process_loses_what_it_had_queued_only(sink: Sink) -> None:
    code = program(sink, "work(1)\nwatchglass.flush()\nwork(2)\nprint('ready', flush=True)\ntime.sleep(60)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert [span.attributes["watchglass.input"] for span in sink.spans] == ['{"n":1}']


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_sends_its_own_and_the_parent_the_parents(sink: Sink, script: Script) -> None:
    done = script(
        program(
            sink,
            """
work("before")
child = os.fork()
work("child" if child == 0 else "parent")
if child:
    os.waitpid(child, 0)
""",
        )
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(span.attributes["watchglass.output"] for span in sink.spans) == ['"before"', '"child"', '"parent"']


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_children_of_multiprocessing_send_at_their_exit(
    sink: Sink, tmp_path_factory: pytest.TempPathFactory, method: str
) -> None:
    path = tmp_path_factory.mktemp("program") / "program.py"
    path.write_text(
        START.format(url=sink.url)
        + f"""
import multiprocessing
if __name__ == "__main__":
    work("parent")
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        pool.map(work, ["a", "b", "c", "d"], chunksize=1)
        pool.close()
        pool.join()
""",
        "utf-8",
    )
    subprocess.run([sys.executable, path], check=True, timeout=60)
    assert sorted(span.attributes["watchglass.output"] for span in sink.spans) == [
        '"a"',
        '"b"',
        '"c"',
        '"d"',
        '"parent"',
    ]


def test_the_sending_thread_imports_nothing(sink: Sink, script: Script) -> None:
    """A fork while it does would leave the child an import lock that nobody opens."""
    done = script(
        START.format(url=sink.url)
        + """
before = set(sys.modules)
work(1)
watchglass.score("s", value=1, trace_id="1" * 32, span_id="1" * 16)
watchglass.flush()
print(sorted(set(sys.modules) - before))
"""
    )
    assert done.stdout == "[]\n"


def test_a_thread_that_forks_while_another_records_does_not_hang(sink: Sink, script: Script) -> None:
    done = script(
        program(
            sink,
            """
import threading
going = True
def busy():
    while going:
        work(0)
thread = threading.Thread(target=busy)
thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        work("child")
        watchglass.flush(5)
        os._exit(0)
    os.waitpid(child, 0)
going = False
thread.join()
""",
        )
    )
    assert done.returncode == 0
    assert sum(span.attributes["watchglass.output"] == '"child"' for span in sink.spans) == 20
