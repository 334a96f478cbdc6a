"""The documentation says what the code does: fields, metrics, channels and examples."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from watchglass_alerts import AlertsConfig, channels, load_rules
from watchglass_alerts.channels.email import EmailConfig
from watchglass_alerts.channels.heartbeat import HeartbeatConfig
from watchglass_alerts.channels.pagerduty import PagerDutyConfig
from watchglass_alerts.channels.slack import SlackConfig
from watchglass_alerts.channels.slack_bot import SlackBotConfig
from watchglass_alerts.channels.teams import TeamsConfig
from watchglass_alerts.channels.webhook import WebhookConfig
from watchglass_alerts.condition import Condition
from watchglass_alerts.metrics import CATALOGUE
from watchglass_alerts.rule_tests import test_rules as run_tests
from watchglass_alerts.rules import FIELDS, Rule, ShareOf
from watchglass_alerts.rules_file import parse_rule, parse_rules
from watchglass_alerts.substitution import NAMES

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "docs" / "rules.md").read_text()
CHANNEL_CONFIGS = (
    SlackConfig,
    SlackBotConfig,
    EmailConfig,
    WebhookConfig,
    PagerDutyConfig,
    TeamsConfig,
    HeartbeatConfig,
)
CHANNELS = (ROOT / "docs" / "channels.md").read_text()


RULE = {"name": "x", "metric": "error_rate", "window": "1h", "interval": "1m", "channels": []}
"""What the page's blocks of single fields are completed with."""


def field_table(model: type[BaseModel]) -> str:
    """A model's fields as a table; put it into the page where the test says that it is missing."""
    lines = ["| field | | what |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        need = "required" if field.is_required() else ""
        lines.append(f"| `{field.alias or name}` | {need} | {field.description} |")
    return "\n".join(lines)


def metric_table() -> str:
    lines = ["| metric | statistic | what | interval |", "|---|---|---|---|"]
    intervals = {
        "count": "exact",
        "share": "Wilson",
        "mean": "normal",
        "quantile": "order of the values",
        "gauge": "exact",
    }
    lines += [f"| `{row.metric}` | {row.statistic} | {row.description} | {intervals[row.kind]} |" for row in CATALOGUE]
    return "\n".join(lines)


@pytest.mark.parametrize("model", [Rule, Condition, ShareOf])
def test_every_field_of_a_rule_is_in_the_page(model: type[BaseModel]) -> None:
    assert field_table(model) in RULES, field_table(model)


@pytest.mark.parametrize("model", [AlertsConfig, *CHANNEL_CONFIGS])
def test_every_setting_is_in_the_page(model: type[BaseModel]) -> None:
    assert field_table(model) in CHANNELS, field_table(model)


def test_every_metric_and_name_is_in_the_page() -> None:
    assert metric_table() in RULES, metric_table()
    for name in (*(field for fields in FIELDS.values() for field in fields), *NAMES):
        assert f"`{name}`" in RULES, name


def test_every_channel_has_a_heading_and_every_channel_file_is_registered() -> None:
    headings = set(re.findall(r"^## `(\w+)`", CHANNELS, re.MULTILINE))
    assert headings == set(channels.BUILTIN)
    folder = Path(channels.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {
        "__init__",
        "base",
        "replies",
        "posting",
        "block_kit",
        "mail_body",
    }
    assert files == {target.partition(":")[0].rpartition(".")[2] for target in channels.BUILTIN.values()}


def test_the_examples_are_rules(tmp_path: Path) -> None:
    assert len(load_rules(ROOT / "examples" / "rules.yaml")) == 6
    blocks = re.findall(r"```yaml\n(.*?)```", RULES, re.DOTALL)
    assert blocks
    for block in blocks:
        if block.startswith("rules:"):
            parse_rules(block.encode(), "docs/rules.md")
        elif block.startswith("rule_files:"):
            (tmp_path / "tests.yaml").write_text(block)
            (tmp_path / "rules.yaml").write_text(blocks[0])
            assert [check.problem for check in run_tests(tmp_path / "tests.yaml")] == ["", ""]
        else:
            parse_rule(RULE | yaml.safe_load(block))
