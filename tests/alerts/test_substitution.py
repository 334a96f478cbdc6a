import pytest

from watchglass_alerts.substitution import LIMIT, check_template, substitute


def test_names_are_replaced_once() -> None:
    values = {"value": "{{ threshold }}", "threshold": "20 %"}
    assert substitute("{{ value }} of {{threshold}}", values) == "{{ threshold }} of 20 %"


@pytest.mark.parametrize(
    "text",
    [
        "{{ config }}",
        "{{ ().__class__ }}",
        "{{ value.real }}",
        "{{ value",
        "{{}}",
        "{{ value | upper }}",
        "{{ labels.x }}",
    ],
)
def test_anything_but_a_known_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"annotations\.summary: .*allowed: "):
        check_template("annotations.summary", text, ["model"])


def test_format_strings_stay_text() -> None:
    check_template("x", "{0.__init__} %s {value} }}", [])
    assert substitute("{0.__init__} %s {value}", {"value": "1"}) == "{0.__init__} %s {value}"


def test_labels_can_be_named() -> None:
    check_template("x", "{{ labels.model }}", ["model"])
    assert substitute("{{ labels.model }}", {"labels.model": "m1"}) == "m1"


def test_the_result_is_bounded() -> None:
    assert len(substitute("{{ value }}" * 100, {"value": "x" * 200})) == LIMIT
