"""The rules that hold for every verb: exit codes, one JSON document, nothing heavy for --help."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from msray.cli import app
from tests.cli.conftest import Msray, Said, spawn
from tests.commands import REPOSITORY

CODES = {
    "usage": (2, "usage"),
    "feed": (3, "feed"),
    "unavailable": (4, "unavailable"),
    "timeout": (4, "unavailable"),
    "file": (2, "usage"),
    "disk": (1, "io"),
    "no ray": (2, "usage"),
    "bug": (1, "internal"),
    "interrupt": (130, "interrupted"),
}


@pytest.mark.parametrize("how", CODES)
def test_each_kind_of_failure_has_its_exit_code_and_one_document(msray: Msray, how: str) -> None:
    said = msray("fail", how, "--json")

    assert (said.code, said.document["error"]["code"]) == CODES[how]
    assert said.document["schema"] == "msray.fail/1"
    assert said.document["ok"] is False
    assert said.document["error"]["message"]
    assert "data" not in said.document


@pytest.mark.parametrize("how", CODES)
def test_a_failure_is_told_on_stderr_without_traceback(msray: Msray, how: str) -> None:
    said = msray("fail", how)

    assert said.out == ""
    assert said.err.startswith("msray: ")
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) <= 2


def test_debug_shows_the_traceback_and_keeps_the_document_whole(msray: Msray) -> None:
    said = msray("--debug", "fail", "bug", "--json")

    assert "ZeroDivisionError" in said.err
    assert "Traceback" in said.err
    assert said.document["error"]["code"] == "internal"


def test_a_failure_after_data_shows_how_far_it_came(msray: Msray) -> None:
    said = msray("fail", "feed", "--after-data", "--json")

    assert said.document["data"] == {"done": 3}
    assert said.document["ok"] is False


def test_success_is_data_on_stdout_and_the_rest_on_stderr(msray: Msray) -> None:
    said = msray("answer", "--times", 3)

    assert said == Said(0, "n\tsquare\n0\t0\n1\t1\n2\t4\n", "done\n")


@pytest.mark.parametrize("words", [("--json", "answer"), ("answer", "--json"), ("answer", "--json", "--json")])
def test_json_may_stand_anywhere_and_prints_one_document(msray: Msray, words: tuple[str, ...]) -> None:
    said = msray(*words)

    assert said.document == {"schema": "msray.answer/1", "ok": True, "data": {"times": 1, "ratio": None}}
    assert said.err == "done\n"


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("replya",), ""),
        (("answr",), "did you mean 'answer'?"),
        (("answer", "--tims", "3"), "did you mean --times?"),
        (("config", "scheme"), "schema"),
        (("answer", "--times", "many"), "--times"),
        (("answer", "--times", "0"), "--times"),
        (("answer", "3"), ""),
        (("fail",), "how"),
        (("config",), "msray config --help"),
        (("--speed", "answer"), ""),
    ],
)
def test_a_wrong_command_line_is_exit_code_2_and_names_the_nearest(
    msray: Msray, words: tuple[str, ...], near: str
) -> None:
    plain, document = msray(*words), msray(*words, "--json").document

    assert plain.code == 2
    assert plain.out == ""
    assert document["ok"] is False
    assert near in document["error"]["message"] + document["error"]["hint"]
    assert document["error"]["hint"]


def test_json_without_a_verb_is_a_usage_error(msray: Msray) -> None:
    said = msray("--json")

    assert said.code == 2
    assert said.document["schema"] == "msray/1"


@pytest.mark.parametrize("words", [(), ("--help",), ("help",)])
def test_help_lists_every_verb_and_its_summary(msray: Msray, words: tuple[str, ...]) -> None:
    said = msray(*words)

    assert said.code == 0
    for name, verb in app.VERBS.items():
        assert f"  {name} " in said.out
        assert verb.summary[:20] in said.out


def test_help_of_a_verb_is_its_own(msray: Msray) -> None:
    assert "Overwrite what is there" in msray("help", "init").out
    assert "Overwrite what is there" in msray("init", "--help", "--json").out


def test_version_is_said_to_people_and_programs(msray: Msray) -> None:
    assert msray("--version").out.startswith("msray ")
    assert "version" in msray("--version", "--json").document["data"]


def test_every_verb_can_be_loaded_and_says_what_it_does(msray: Msray) -> None:
    for name, verb in app.VERBS.items():
        said = msray(name, "--help")

        assert said.code == 0, name
        assert callable(verb.load())
        assert verb.summary.endswith("."), name


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from msray.cli.app import main; main(['--help']); "
        "heavy = {'numpy', 'numba', 'ray', 'pyarrow', 'pydantic', 'polars', 'pandas', 'rich', 'asyncio'}; "
        "print(*sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "\n")


def test_interrupt_is_exit_code_130_and_one_line() -> None:
    process = spawn("wait", "--json")
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting\n"

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert '"interrupted"' in out
    assert err == ""


@pytest.mark.parametrize("words", [("answer", "--times", "200000"), ("answer", "--json"), ("--help",)])
def test_a_reader_that_leaves_is_no_noise(words: tuple[str, ...]) -> None:
    process = spawn(*words)
    assert process.stdout is not None
    process.stdout.close()

    assert process.stderr is not None
    err = process.stderr.read()
    process.wait(timeout=30)

    assert process.returncode == 1
    assert err in ("", "done\n")


@pytest.mark.parametrize("words", [("features",), ("features", "--json"), ("--version",)])
def test_a_stdout_that_takes_nothing_is_one_line_and_exit_code_1(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "msray", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1
