"""Hostile inputs 66 to 78 and 89 to 91, each by its number; those that need a server are where `ELSEWHERE` says."""

import math
import socket
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import orjson
import pytest

from watchglass_alerts import ConfigError, Rule, RuleError, load_rules
from watchglass_alerts.channels import block_kit, create_channel, email, parse_channel
from watchglass_alerts.evaluation import evaluate
from watchglass_alerts.measurement import Measured, measured
from watchglass_alerts.network import AddressRefusedError, check_url, resolve
from watchglass_alerts.rules_file import MAX_BYTES, parse_rules
from watchglass_alerts.scans import Answer
from watchglass_alerts.slots import Slot
from watchglass_alerts.state import Observation, Status
from watchglass_alerts.substitution import substitute
from watchglass_alerts.testing import HOSTILE

from .conftest import T0

ELSEWHERE = {
    70: ("test_engine.py", "test_too_many_groups_are_one_alert_about_the_rule"),
    75: ("test_network.py", "test_no_channel_follows_a_redirect_nor_a_proxy"),
    76: ("test_network.py", "test_ten_gigabytes_are_cut_at_64_kilobytes"),
    77: ("test_engine.py", "test_a_rule_deleted_while_the_engine_is_down_resolves_too"),
    89: ("test_slack.py", "test_hostile_text_stays_text_within_limits"),
    90: ("test_email.py", "test_hostile_text_adds_no_header_no_recipient_and_no_markup"),
}
RULE = b"rules:\n  - name: a\n    metric: calls\n    window: 5m\n    interval: 1m\n    channels: []\n"


@pytest.mark.parametrize("number", ELSEWHERE)
def test_those_with_a_server_are_tested_where_it_says(number: int) -> None:
    file, name = ELSEWHERE[number]
    assert f"def {name}(" in (Path(__file__).parent / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
         b"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
         b"rules: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n", "1"),
        (b"rules:\n  - !!python/object/apply:os.system [id]\n", "2"),
        (RULE + b"    metric: errors\n    condition: {op: '>', threshold: 1.0}\n", "7"),
    ],
)  # fmt: skip
def test_66_bombs_objects_and_duplicate_keys_are_errors_with_a_line(text: bytes, line: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_rules(text, "rules.yaml")
    assert str(refused.value).startswith(f"rules.yaml:{line}:")


def test_66_ten_megabytes_are_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"#" * 10_000_000)
    with pytest.raises(RuleError, match=f"larger than {MAX_BYTES:,} bytes"):
        load_rules(file)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (b"{op: '>', treshold: 1.0}", "did you mean threshold"),
        (b"{op: '>', threshold: '0.5'}", "condition.threshold = '0.5'"),
        (b"{op: '>', threshold: .nan}", "condition.threshold = nan"),
        (b"{op: '>', threshold: .inf}", "condition.threshold = inf"),
    ],
)
def test_67_misspelt_fields_and_numbers_that_are_none_are_refused(condition: bytes, said: str) -> None:
    with pytest.raises(RuleError, match=r"rules\.yaml:7: ") as refused:
        parse_rules(RULE + b"    condition: " + condition + b"\n", "rules.yaml")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"interval": "0s"}, {"interval": "-1m"}, {"interval": "1ms"}, {"interval": "10y"}, {"interval": 0},
        {"for": "30d"}, {"window": "60d"},
        {"window": "20d", "interval": "90s",
         "condition": {"type": "change", "against": "20d", "op": ">", "threshold": 1.0}},
    ],
)  # fmt: skip
def test_68_times_out_of_bounds_are_refused_when_saved(fields: dict[str, Any], make_rule: Callable[..., Rule]) -> None:
    with pytest.raises(RuleError):
        make_rule(**fields)


def test_69_nothing_to_divide_by_is_no_data(make_rule: Callable[..., Rule]) -> None:
    nothing = [Answer([], 0)]
    null = [Answer([{"scores": 0, "mean": math.nan, "variance": math.nan, "matching": 0}], 1)]
    change = {"type": "change", "against": "1d", "change": "relative", "op": ">", "threshold": 0.5}
    zero_before = [Answer([{"calls": 9, "errors": 0}], 1), Answer([], 0)]
    for rule, answers in (
        (make_rule(), nothing),
        (make_rule(metric="score:x", statistic="mean"), null),
        (make_rule(metric="calls", condition=change, min_sample_size=0), zero_before),
    ):
        (each,) = evaluate(rule, Slot(T0, False), {}, measured(rule, answers))
        assert each.step.state.status is Status.NO_DATA, rule.metric


def test_70_a_million_groups_are_one_alert(make_rule: Callable[..., Rule]) -> None:
    rule = make_rule(group_by=["model"])
    (change, *_) = evaluate(rule, Slot(T0, False), {}, Measured({}, 1_000_000))
    assert (change.labels, change.step.state.status) == ({}, Status.ERROR)
    assert change.step.reason == "1,000,000 groups by model; only the 1,000 largest are watched"


@pytest.mark.parametrize(
    "text", ["{{ config }}", "{{ ().__class__ }}", "{{ labels.__init__ }}", "{{ value.__class__ }}"]
)
def test_71_templates_name_values_and_nothing_else(text: str, make_rule: Callable[..., Rule]) -> None:
    with pytest.raises(RuleError, match=r"annotations\.summary"):
        make_rule(annotations={"summary": text})


def test_71_format_strings_stay_text_and_results_are_bounded() -> None:
    assert substitute("{0.__init__} {{ value }}", {"value": "{{ value }}"}) == "{0.__init__} {{ value }}"
    assert len(substitute("{{ value }}" * 150, {"value": "x" * 10_000})) <= 10_000


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "10.1.2.3", "192.168.0.1", "172.16.0.1",
        "100.64.0.1", "[fd00::1]", "[fe80::1]",
        "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
    ],
)  # fmt: skip
def test_72_and_73_addresses_inside_are_refused_at_save_and_at_connect(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AddressRefusedError):
        check_url(f"https://{host}/hook", allow_loopback=False)
    with pytest.raises(ConfigError, match=r"alerts\.channels\.hook: url"):
        create_channel("hook", parse_channel({"type": "slack", "url": f"https://{host}/hook"}), allow_loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://example.com/", "https://user:pass@example.com/", "https://example.com:22/",
        "https://example.com./", "https://exämple.com/", "https://xn--exmple-cua.com/", "//example.com/", "https:///x",
    ],
)  # fmt: skip
def test_74_other_schemes_users_ports_and_odd_hosts_are_refused(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_url(url, allow_loopback=True)


def test_75_a_name_that_turns_inside_is_refused_at_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    target = check_url("https://hooks.example.com/x", allow_loopback=False)
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    with pytest.raises(AddressRefusedError, match="not public"):
        resolve(target, allow_loopback=False)


def test_77_two_rules_with_one_name_are_refused() -> None:
    once = RULE + b"    condition: {op: '>', threshold: 1.0}\n"
    with pytest.raises(RuleError, match=r"rules\.yaml:8: rule 'a': the name is used more than once"):
        parse_rules(once + once.partition(b"\n")[2], "rules.yaml")


def test_78_a_missing_or_readable_secret_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the environment variable NO_SUCH is not set"):
        create_channel("ops", parse_channel({"type": "slack", "url_env": "NO_SUCH"}), allow_loopback=False)
    file = tmp_path / "url"
    file.write_text("https://hooks.example.com/SECRET")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by every user") as refused:
        create_channel("ops", parse_channel({"type": "slack", "url_file": str(file)}), allow_loopback=False)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("sample", ["changeme", "Change-Me", "your-token", "<secret>", "xxx"])
def test_78_a_sample_is_no_secret(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGERDUTY_KEY", sample)
    settings = parse_channel({"type": "pagerduty", "routing_key_env": "PAGERDUTY_KEY"})
    with pytest.raises(ConfigError, match="is a sample, not a secret"):
        create_channel("ops", settings, allow_loopback=False)


def test_89_slack_text_mentions_links_and_formats_nothing() -> None:
    body = block_kit.payload(HOSTILE)
    text = orjson.dumps(body).decode()
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)
    assert '"mrkdwn"' not in text
    for block in body["blocks"]:
        if "text" in block:
            assert block["text"]["type"] == "plain_text"
            assert len(block["text"]["text"]) <= block_kit.SECTION
            assert "<!channel>" not in block["text"]["text"]


def test_90_a_mail_has_one_recipient_one_subject_and_no_live_markup() -> None:
    raw = email.render(HOSTILE, "w@example.com", ("oncall@example.com",)).as_bytes(policy=policy.SMTP)
    mail = message_from_bytes(raw, policy=policy.default)
    assert (mail["To"], mail["Bcc"], mail["Cc"]) == ("oncall@example.com", None, None)
    assert len(mail["Subject"]) <= 220
    assert "\x00" not in mail["Subject"]
    html = mail.get_body(("html",))
    assert html is not None
    assert "<b>bold</b>" not in html.get_content()


def test_91_prompt_text_is_only_in_messages_of_a_rule_that_says_so(make_rule: Callable[..., Rule]) -> None:
    assert make_rule().examples == "links"
    with pytest.raises(RuleError, match=r"annotations\.summary"):
        make_rule(annotations={"summary": "{{ prompt_text }}"})
    assert not [name for name in Observation.__slots__ if "prompt" in name or "text" in name]
