"""The command in this process, and the one in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from msray.cli import app
from tests.commands import REPOSITORY

RUN_MAIN = "import sys; from msray.cli import app; from tests.cli.conftest import add_examples; add_examples(); "


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document, which must be all of stdout."""
        return json.loads(self.out)


Msray = Callable[..., Said]


def add_examples() -> None:
    """Let the command know the verbs of ``example_verbs.py``."""
    for name in ("fail", "answer", "wait"):
        app.VERBS[name] = app.Verb(f"tests.cli.example_verbs:{name}", "An example.")


def spawn(*words: str) -> subprocess.Popen[str]:
    """The command with the example verbs, as a process."""
    # Who runs the tests in the background may have ctrl-C ignored, which a process hands on.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = listening + RUN_MAIN + "sys.exit(app.main())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(REPOSITORY), os.environ.get("PYTHONPATH", "")))}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *words], env=environment, **pipes)


@pytest.fixture
def msray(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Msray:
    """``msray(...)`` in an empty working directory; no variable of ours is set."""
    monkeypatch.setattr(app, "VERBS", dict(app.VERBS))
    add_examples()
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MSRAY_")]:
        monkeypatch.delenv(name)

    def run(*words: object) -> Said:
        code = app.main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def on_cluster(ray_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands join the cluster that tests share."""
    monkeypatch.setenv("RAY_ADDRESS", ray_address)
