"""``msray`` as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def start(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    """A command in a working directory; no variable of ours is set but these."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MSRAY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "msray", *words],
        cwd=folder,
        env={**environment, **variables, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def address(process: subprocess.Popen[str]) -> str:
    """Host and port where it listens, which must be its first word on stderr."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("listening on http://"), line + process.stderr.read()
    return line.split()[2].rstrip(",").removeprefix("http://")
