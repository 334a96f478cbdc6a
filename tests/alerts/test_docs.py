"""The documentation says what the code does: fields, metrics, channels and examples."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from watchglass_alerts import AlertsConfig, channels, load_rules
from watchglass_alerts.channels.email import EmailConfig
from watchglass_alerts.channels.slack import SlackConfig
from watchglass_alerts.metrics import CALLS, SCORES
from watchglass_alerts.rules import CALL_FIELDS, SCORE_FIELDS, Condition, Rule, ShareOf
from watchglass_alerts.rules_file import parse_rule, parse_rules
from watchglass_alerts.substitution import NAMES

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "docs" / "rules.md").read_text()
CHANNELS = (ROOT / "docs" / "channels.md").read_text()


def field_table(model: type[BaseModel]) -> str:
    """A model's fields as a table; put it into the page where the test says that it is missing."""
    lines = ["| field | | what |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        need = "required" if field.is_required() else ""
        lines.append(f"| `{field.alias or name}` | {need} | {field.description} |")
    return "\n".join(lines)


def metric_table() -> str:
    lines = ["| metric | statistic | what | interval |", "|---|---|---|---|"]
    intervals = {"count": "exact", "share": "Wilson", "mean": "normal", "quantile": "none stated"}
    rows = (*CALLS, *SCORES)
    lines += [f"| `{row.metric}` | {row.statistic} | {row.description} | {intervals[row.kind]} |" for row in rows]
    return "\n".join(lines)


@pytest.mark.parametrize("model", [Rule, Condition, ShareOf])
def test_every_field_of_a_rule_is_in_the_page(model: type[BaseModel]) -> None:
    assert field_table(model) in RULES, field_table(model)


@pytest.mark.parametrize("model", [AlertsConfig, SlackConfig, EmailConfig])
def test_every_setting_is_in_the_page(model: type[BaseModel]) -> None:
    assert field_table(model) in CHANNELS, field_table(model)


def test_every_metric_and_name_is_in_the_page() -> None:
    assert metric_table() in RULES, metric_table()
    for name in (*CALL_FIELDS, *SCORE_FIELDS, *NAMES):
        assert f"`{name}`" in RULES, name


def test_every_channel_has_a_heading_and_every_channel_file_is_registered() -> None:
    headings = set(re.findall(r"^## `(\w+)`", CHANNELS, re.MULTILINE))
    assert headings == set(channels.BUILTIN)
    folder = Path(channels.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "replies"}
    assert files == {target.partition(":")[0].rpartition(".")[2] for target in channels.BUILTIN.values()}


def test_the_examples_are_rules() -> None:
    assert len(load_rules(ROOT / "examples" / "rules.yaml")) == 6
    blocks = re.findall(r"```yaml\n(.*?)```", RULES, re.DOTALL)
    assert blocks
    for block in blocks:
        if block.startswith("rules:"):
            parse_rules(block.encode(), "docs/rules.md")
        else:
            parse_rule(yaml.safe_load(block))
