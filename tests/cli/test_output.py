"""What moves and what has colour is for a person at a terminal only."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from msray.cli.output import Output, plain


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


Become = Callable[..., Terminal]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Called in the test itself, since pytest sets its own streams after fixtures: all three become one terminal."""

    def become(typed: str = "") -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return become


def replay(out: Output) -> None:
    with out.progress("replay", total=1000, unit="messages") as advance:
        for _ in range(10):
            advance(100)


def test_progress_shows_rate_and_share_on_a_terminal(terminal: Become) -> None:
    screen = terminal()

    replay(Output())

    for words in ("replay", "messages/s", "100%"):
        assert words in screen.getvalue()


@pytest.mark.parametrize("variable", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_progress_stays_silent_where_it_is_not_wanted(
    terminal: Become, monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str]
) -> None:
    monkeypatch.setenv(*variable)
    screen = terminal()

    replay(Output())

    assert screen.getvalue() == ""


def test_progress_stays_silent_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    replay(Output())

    assert capsys.readouterr() == ("", "")


def test_table_is_tab_separated_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("name", "unit"), [("spread_bps", "bps")])

    assert capsys.readouterr().out == "name\tunit\nspread_bps\tbps\n"


def test_table_is_drawn_on_a_terminal_and_reads_no_markup(terminal: Become) -> None:
    screen = terminal()

    Output().table(("interval",), [("[0, 1]",), ("[bold]x",)])

    assert "[0, 1]" in screen.getvalue()
    assert "[bold]x" in screen.getvalue()
    assert "\t" not in screen.getvalue()


def test_table_has_no_colour_with_no_color(terminal: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = terminal()

    Output().table(("a",), [(1,)])

    assert "1" in screen.getvalue()
    assert "\x1b[3" not in screen.getvalue()


@pytest.mark.parametrize(
    ("typed", "expected"), [("y\n", True), ("yes\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_a_question_is_answered_by_a_person(terminal: Become, typed: str, expected: bool) -> None:
    screen = terminal(typed)

    assert Output().confirm("Overwrite?") is expected
    assert screen.getvalue() == "Overwrite? [y/N] "


def test_nobody_is_asked_with_no_input(terminal: Become) -> None:
    screen = terminal("y\n")

    assert Output(may_ask=False).confirm("Overwrite?") is False
    assert screen.getvalue() == ""


def test_nobody_is_asked_off_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    assert Output().confirm("Overwrite?") is False
    assert capsys.readouterr().err == ""


def test_the_last_data_said_is_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(is_json=True, verb="replay")

    out.data({"done": 1})
    out.data({"done": 2})
    out.finish(None, is_done=True)

    assert capsys.readouterr().out == '{"schema": "msray.replay/1", "ok": true, "data": {"done": 2}}\n'


def test_a_verb_without_data_still_prints_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    Output(is_json=True, verb="down").finish(None, is_done=True)

    assert capsys.readouterr().out == '{"schema": "msray.down/1", "ok": true, "data": {}}\n'


def test_plain_knows_numpy_paths_and_what_json_does_not() -> None:
    value = {"n": np.int64(3), "x": np.float64("nan"), "path": Path("a/b"), "set": {1}, "ok": np.bool_(True), 5: None}

    assert plain(value) == {"n": 3, "x": None, "path": "a/b", "set": [1], "ok": True, "5": None}
    assert plain(np.array([1.0, np.inf])) == [1.0, None]


def test_what_others_print_does_not_come_between(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(is_json=True, verb="status")

    with out.alone_on_stdout():
        print("(raylet) A worker died")
        out.data({"shards": []})
    out.finish(None, is_done=True)

    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"schema": "msray.status/1", "ok": True, "data": {"shards": []}}
    assert captured.err == "(raylet) A worker died\n"


def test_a_table_goes_to_stdout_while_others_are_kept_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output()

    with out.alone_on_stdout():
        out.table(("shard",), [["shard-0"]])
        out.line("done")

    assert capsys.readouterr().out == "shard\nshard-0\ndone\n"
