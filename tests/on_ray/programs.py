"""Clusters in processes of their own, as long as somebody holds their standard input open."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from msray.on_ray.environment import free_port
from tests.end_to_end.running import environment, family

CLUSTER = """
import sys
from msray.on_ray import session
session.start_local(cpus=2)  # each more is a process that loads what the tasks need
try:
    import ray
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
finally:
    session.leave()
"""
SERVED = """
import sys
from pydantic import SecretStr
from msray.api.config import ApiConfig
from msray.on_ray import board, ledger_actor, serving, session
session.start_local()
try:
    ledger_actor.start_ledger(sys.argv[1])
    board.start_board()
    serving.start_api(ApiConfig(port=int(sys.argv[2]), ledger_url=SecretStr(sys.argv[1])))
    print("ready", flush=True)
    sys.stdin.read()
finally:
    session.leave()
"""


class Served(NamedTuple):
    """Where it answers, and its first process."""

    url: str
    pid: int

    def commands(self) -> list[str]:
        """Command lines of all its processes."""
        return commands_of(self.pid)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A cluster, with nothing on it; its address."""
    with _running(CLUSTER, folder=folder) as (_, address):
        yield address


@contextlib.contextmanager
def served(folder: Path, switches: Mapping[str, str]) -> Iterator[Served]:
    """A cluster with the API on it; with these switches of Ray, and ours for the rest."""
    port = free_port()
    with _running(SERVED, str(folder / "ledger.db"), str(port), folder=folder, switches=switches) as (pid, _):
        yield Served(f"http://127.0.0.1:{port}", pid)


def commands_of(pid: int) -> list[str]:
    """Command lines of a process and all below it."""
    lines = []
    for one in family(pid):
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return lines


@contextlib.contextmanager
def _running(
    program: str, *words: str, folder: Path, switches: Mapping[str, str] | None = None
) -> Iterator[tuple[int, str]]:
    """Its pid, and the line that it says when it is ready."""
    log, pipe = folder / "program.log", subprocess.PIPE
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [sys.executable, "-c", program, *words],
            env=environment(**(switches or {})),
            stdin=pipe,
            stdout=pipe,
            stderr=said,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline().strip()
            assert line, log.read_text()[-4000:]
            yield process.pid, line
        finally:
            process.stdin.close()
            process.wait(60)
