"""YAML as text with places; everything a configuration does not need is refused with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.cli.yaml_text import MAX_BYTES, parse_yaml, read_yaml
from msray.errors import ConfigError


def test_scalars_stay_the_text_that_was_written() -> None:
    text = "a: 010\nb: no\nc: 12:30\nd: 1_000\ne: 2024-01-01\nf: 'null'\ng: null\nh:\ni: ~\nj: ''\n"

    tree = parse_yaml(text, "x").tree

    assert tree == {
        **{"a": "010", "b": "no", "c": "12:30", "d": "1_000", "e": "2024-01-01", "f": "null"},
        **{"g": None, "h": None, "i": None, "j": ""},
    }


def test_every_key_and_item_knows_its_line() -> None:
    document = parse_yaml("# heading\napi:\n  port: 1\nlist:\n  - a\n  - {b: 2,\n     c: 3}\n", "x")

    assert document.lines[("api", "port")] == 3
    assert document.lines[("list", 1)] == 6
    assert document.lines[("list", 1, "c")] == 7
    assert document.line(("api", "missing", "deeper")) == 2
    assert document.line(("nothing",)) == 1


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n", "{}"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert parse_yaml(text, "x").tree == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("api:\n  port: 1\n  port: 2\n", "f.yaml:3: api.port: is here twice, first in line 2"),
        ("a: &x 1\nb: *x\n", "f.yaml:2: must not use aliases, got *x"),
        ("a: !!python/object/apply:os.system [ls]\n", "f.yaml:1: must not use tags"),
        ("a: !x 1\n", "f.yaml:1: must not use tags"),
        ("a: 1\n---\nb: 1\n", "f.yaml:2: must be one document, got another"),
        ("- a\n", "f.yaml:1: must be a mapping of keys, got a list"),
        ("just a text\n", "f.yaml:1: must be a mapping of keys, got a str"),
        ("? [a, b]\n: 1\n", "f.yaml:1: a key must be a word, got a sequence"),
        ("a: [\n", "f.yaml:2: "),
        ("a: 1\n b: 2\n", "f.yaml:2: "),
        ("a: '\n", "f.yaml:2: "),
        ("a: \x00\n", "f.yaml: "),
        ("[" * 100_000, "f.yaml:1: must have at most 32 levels, got more"),
        ("a: " + "{a: " * 100, "f.yaml:1: must have at most 32 levels, got more"),
    ],
)
def test_what_a_configuration_does_not_need_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "f.yaml")

    assert str(caught.value).startswith(message)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]

    with pytest.raises(ConfigError, match="aliases"):
        parse_yaml("\n".join(lines), "x")


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"a: 1\nb: \xff\n")

    with pytest.raises(ConfigError, match=r"f.yaml:2: must be UTF-8, got byte 0xff"):
        read_yaml(tmp_path / "f.yaml")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")

    assert read_yaml(tmp_path / "f.yaml").tree == {"a": "1"}


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"#" * (MAX_BYTES + 1))

    with pytest.raises(ConfigError, match="at most 1048576 bytes"):
        read_yaml(tmp_path / "f.yaml")


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        read_yaml(tmp_path / name)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        assert isinstance(parse_yaml(text, "f.yaml").tree, dict)
    except ConfigError as error:
        assert str(error).startswith("f.yaml:")
