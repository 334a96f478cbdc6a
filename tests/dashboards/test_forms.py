"""A form keeps what was typed until it was saved, and is empty then."""

from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from watchglass_dashboards.ui.forms import form_key, just_saved, saved

    with st.form(form_key("thing")):
        name = st.text_input("Name")
        asked = st.form_submit_button("Save")
    if done := just_saved("thing"):
        st.success(done)
    if asked and name == "good":
        saved("thing", f"saved {name}")
    elif asked:
        st.warning("refused")


def submitted(test: AppTest, name: str) -> tuple[str, list[str], list[str]]:
    test.text_input[0].set_value(name)
    test.button[0].click().run()
    assert not test.exception
    return test.text_input[0].value, [said.value for said in test.warning], [said.value for said in test.success]


def test_what_is_refused_stays_and_what_is_saved_goes() -> None:
    test = AppTest.from_function(page).run()
    assert submitted(test, "bad") == ("bad", ["refused"], [])
    assert submitted(test, "good") == ("", [], ["saved good"])
    assert submitted(test, "bad") == ("bad", ["refused"], []), "it is said once"
    assert submitted(test, "good") == ("", [], ["saved good"])
