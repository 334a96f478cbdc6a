import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchglass_store import Store
from watchglass_store.sql import quote_name, quote_string, split_statements, tokens


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" ;; -- nothing\n ; /* ; */ ", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        ("-- first\nSELECT 1; -- second\nSELECT 2 -- end", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';', '\\';', ''';' ; SELECT 2", ["SELECT ';', '\\';', ''';'", "SELECT 2"]),
        ('SELECT `;`, ";", `\\`;`, "\\";" ; SELECT 2', ['SELECT `;`, ";", `\\`;`, "\\";"', "SELECT 2"]),
        ("SELECT /* ; /* ; */ ; */ 1; SELECT 2", ["SELECT /* ; /* ; */ ; */ 1", "SELECT 2"]),
        ("SELECT 1 -- ; it's\n + 1; SELECT 2", ["SELECT 1 -- ; it's\n + 1", "SELECT 2"]),
        ("SELECT 1 # ; it's\n + 1; SELECT 2", ["SELECT 1 # ; it's\n + 1", "SELECT 2"]),
        ("SELECT $$;'$$, $a$;$$;$a$; SELECT 2", ["SELECT $$;'$$, $a$;$$;$a$", "SELECT 2"]),
        ("SELECT {a:Map(String, String)}; SELECT 2", ["SELECT {a:Map(String, String)}", "SELECT 2"]),
        ("SELECT '\n;\n'", ["SELECT '\n;\n'"]),
        ("SELECT 1 /* unclosed ; x", ["SELECT 1"]),
    ],
)
def test_split(text: str, statements: list[str]) -> None:
    assert split_statements(text) == statements


PIECES = st.one_of(
    st.sampled_from(["SELECT", "x", "1.5e-3", "(", ")", "-", "/", "/* ; */", "-- ; '\n", "# ;\n", "$$;$$", "{x:Int8}"]),
    st.text(max_size=8).map(quote_string),
    st.text(max_size=8).map(quote_name),
)
STATEMENTS = st.lists(PIECES, min_size=1, max_size=8).map(lambda pieces: "SELECT " + " ".join(pieces) + " end")


@given(st.lists(STATEMENTS, max_size=5), st.sampled_from([";", "; ", ";\n-- ;\n", " ; /* ; */ ;"]))
def test_joined_statements_are_split_where_they_were_joined(statements: list[str], joint: str) -> None:
    assert split_statements(joint.join(statements)) == statements


@given(st.text())
def test_tokens_lie_in_the_text_in_order(text: str) -> None:
    end = 0
    for token in tokens(text):
        assert token.start >= end
        assert text[token.start : token.end] == token.text
        end = token.end


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("select a.b", ["word", "word", "symbol", "word"]),
        ("1.5 0x1F 1e-5 1e5", ["number"] * 4),
        ("'a''b' 'a\\'b' ''", ["string"] * 3),
        ('`a``b` "a"', ["quoted", "quoted"]),
        ("$$ ' $$ $x$ $$ $x$", ["heredoc", "heredoc"]),
        ("$$ $$ $$ $x$ $a", ["heredoc", "symbol", "symbol", "symbol", "word", "symbol", "word"]),
        ("{ a : String } { a }", ["parameter", "symbol", "word", "symbol"]),
        ("'unclosed", ["symbol", "word"]),
    ],
)
def test_kinds(text: str, kinds: list[str]) -> None:
    assert [token.kind for token in tokens(text)] == kinds


TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=40, max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    values=st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=40, max_size=40
    )
)
def test_the_engine_reads_quoted_text_as_what_it_was(store: Store, values: list[str]) -> None:
    columns = {f"{index} {value}": value for index, value in enumerate(values)}
    sql = "SELECT " + ", ".join(f"{quote_string(value)} AS {quote_name(name)}" for name, value in columns.items())
    assert store.query(sql) == [columns]


def test_lexing_takes_time_in_proportion_to_the_text() -> None:
    """200,000 heredocs that never close; looking for each one's end would take minutes."""
    text = "".join(f"$a{number}$ " for number in range(200_000))
    assert sum(1 for _ in tokens(text)) == 400_000
