import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from watchglass_store import StoreConfig
from watchglass_store.address import Address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("clickhouse://h", Address("h", 8123)),
        ("clickhouse://h/", Address("h", 8123)),
        ("clickhouse://h:9000/d", Address("h", 9000, database="d")),
        ("clickhouse://u:p@h", Address("h", 8123, "u", "p")),
        ("clickhouse://u%40x:p%3A%2F%3F@h", Address("h", 8123, "u@x", "p:/?")),
        ("clickhouse://h?secure=true", Address("h", 8443, secure=True)),
        ("clickhouses://h", Address("h", 8443, secure=True)),
        ("https://h:1/d?verify=false", Address("h", 1, database="d", secure=True, verify=False)),
        ("http://h", Address("h", 8123)),
        ("clickhouse://[::1]:8123/d", Address("::1", 8123, database="d")),
    ],
)
def test_urls(url: str, address: Address) -> None:
    assert Address.parse(url) == address
    assert Address.parse(address.url) == address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", ["scheme ''", "clickhouse, clickhouses, http, https"]),
        ("postgres://u:hunter2@h", ["scheme 'postgres'", "clickhouses"]),
        ("clickhouse://", ["host is missing"]),
        ("clickhouse://u:hunter2@/d", ["host is missing"]),
        ("clickhouse://u:hunter2@h:x/d", ["port", "1 to 65535"]),
        ("clickhouse://u:hunter2@h:99999/d", ["port", "1 to 65535"]),
        ("clickhouse://u:hunter2@h:0/d", ["port 0", "1 to 65535"]),
        ("clickhouse://u:hunter2@[h/d", ["port"]),
        ("clickhouse://u:hunter2@h/a-b", ["database 'a-b'", "letters, digits and _"]),
        ("clickhouse://u:hunter2@h/a/b", ["database 'a/b'"]),
        ("clickhouse://u:hunter2@h?secure=maybe", ["secure='maybe'", "true, 1, false, 0"]),
        ("clickhouse://u:hunter2@h?secure", ["secure=''"]),
        ("clickhouse://u:hunter2@h?tls=1", ["parameter 'tls'", "secure, verify"]),
    ],
)
def test_a_bad_url_is_explained_without_its_password(url: str, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        Address.parse(url)
    for word in words:
        assert word in str(caught.value)
    assert "hunter2" not in str(caught.value)
    if url:
        with pytest.raises(ValidationError, match="url") as refused:
            StoreConfig(url=url)
        assert words[0] in str(refused.value)
        assert "hunter2" not in str(refused.value)


@given(st.text(min_size=1), st.text(), st.booleans(), st.integers(1, 65535))
def test_any_password_survives_the_url(username: str, password: str, secure: bool, port: int) -> None:
    try:
        address = Address("h", port, username, password, secure=secure)
        assert Address.parse(address.url) == address
    except UnicodeEncodeError:
        pass


def test_passwords_are_not_shown() -> None:
    address = Address("h", 1, "u", "hunter2", "d")
    assert "hunter2" not in f"{address} {address!r} {StoreConfig(url=address.url)!r}"
    assert str(address) == "clickhouse://u@h:1/d"


@pytest.mark.parametrize(("key", "value"), [("port", 0), ("port", 65536), ("port", "x"), ("host", ""), ("nope", 1)])
def test_bad_settings_are_named(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        StoreConfig.model_validate({key: value})


def test_defaults() -> None:
    assert StoreConfig() == StoreConfig(url="", host="127.0.0.1", port=8123)
