"""`watchglass evaluators`: what people change is a row that workers take up."""

import json

import pytest
from click.testing import CliRunner, Result

from watchglass_cli.commands.evaluators import evaluators
from watchglass_store import Store, StoreConfig


@pytest.fixture
def served(store: Store, store_config: StoreConfig, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("WATCHGLASS_STORE__URL", store_config.url)
    return store


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(evaluators, arguments)
    assert done.exit_code == code, done.output
    return done


def shown(*arguments: str) -> dict[str, object]:
    return json.loads(run(*arguments, "--json").output)  # type: ignore[no-any-return]


def test_settings_change_and_what_is_not_given_stays(served: Store) -> None:
    listed = {row["evaluator"]: row for row in json.loads(run("list", "--json").output)}
    assert (listed["rouge"]["enabled"], listed["rouge"]["origin"]) == (True, "settings file")
    assert not listed["judge_helpfulness"]["enabled"]
    assert not shown("off", "rouge")["enabled"]
    filters = ("--filter", "service_name=shop,blog", "--filter", "environment=prod")
    assert shown("set", "rouge", "--sample-rate", "0.1", *filters)["enabled"] is False
    row = shown("on", "rouge")
    assert (row["enabled"], row["sample_rate"]) == (True, 0.1)
    assert row["filters"] == {"environment": ["prod"], "service_name": ["shop", "blog"]}
    assert shown("set", "rouge", "--no-filter")["filters"] == {}
    assert len(json.loads(run("history", "rouge", "--json").output)) == 4
    assert "service_name=shop,blog" in run("history", "rouge").output
    assert served.query("SELECT count() AS n FROM audit_log WHERE object = 'rouge'")[0]["n"] == 4


def test_rubrics_are_written_and_edited(served: Store) -> None:
    choices = ("--choice", "rude=0", "--choice", "polite=1")
    made = run("rubric", "tone", "--prompt", "Is it polite?", *choices).output
    assert "turn it on: watchglass evaluators on judge_tone" in made
    assert shown("on", "judge_tone")["enabled"]
    assert shown("rubric", "tone", "--prompt", "Is it kind?")["choices"] == {"rude": 0, "polite": 1}
    versions = json.loads(run("rubric", "tone", "--json").output)
    assert [row["prompt"] for row in versions] == ["Is it kind?", "Is it polite?"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("on", "rogue"), "unknown evaluator 'rogue' (known: "),
        (("set", "rouge"), "nothing to change"),
        (("set", "rouge", "--sample-rate", "2"), "sample_rate 2.0: a share of the traces, 0 to 1"),
        (("set", "rouge", "--filter", "user=x"), "filter 'user': no such column; choose from service_name"),
        (("set", "rouge", "--filter", "shop"), "write COLUMN=VALUE"),
        (("set", "rouge", "--no-filter", "--filter", "model=x"), "exclude each other"),
        (("rubric", "Tone", "--prompt", "x"), "rubric 'Tone': small letters"),
        (("rubric", "tone", "--choice", "x"), "write VERDICT=NUMBER"),
    ],
)
def test_what_makes_no_sense_is_explained(arguments: tuple[str, ...], message: str, served: Store) -> None:
    assert message in run(*arguments, code=2).output
