"""Commands of msray as a user runs them, and what they leave behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msray.simulator.process import simulating

REPOSITORY = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """The environment without what would lead a command elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MSRAY_", "RAY_"))}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", **more}


def msray(folder: Path, *words: str, code: int = 0, timeout_s: float = 100.0) -> dict[str, Any]:
    """Run a command to its end; its document, with ``stderr`` added. The exit code must be as said."""
    done = subprocess.run(
        [sys.executable, "-m", "msray", *words, "--json"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    document: dict[str, Any] = json.loads(done.stdout)
    return document | {"stderr": done.stderr}


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a command that goes on beside the test."""
    command, pipe = [sys.executable, "-m", "msray", *words, "--json"], subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment(), stdout=pipe, stderr=pipe, text=True)


@contextlib.contextmanager
def simulator(*words: str) -> Iterator[str]:
    """A simulator in a process of its own; its URL."""
    with simulating(*words, environment=environment()) as listening:
        yield listening()


def get(url: str, **headers: str) -> Any:
    """The JSON at a URL."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return json.load(answer)


def kill(pids: Sequence[int]) -> None:
    """``kill -9`` for each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def family(pid: int) -> list[int]:
    """A process and all that it started, as far as they are still its own."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def processes_in(folder: Path) -> set[int]:
    """Every process whose working directory this is: a command that was run there, and all that it started."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if place.readlink() == folder.resolve():
                found.add(int(place.parent.name))
    return found
