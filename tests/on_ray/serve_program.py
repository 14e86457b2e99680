"""A cluster in a process of its own, with the API on it, as long as its standard input is open."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from msray.on_ray.environment import free_port
from tests.end_to_end.running import environment, family

PROGRAM = """
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


def commands_of(pid: int) -> list[str]:
    """Command lines of a process and all below it."""
    lines = []
    for one in family(pid):
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return lines


@contextlib.contextmanager
def served(folder: Path, switches: Mapping[str, str]) -> Iterator[Served]:
    """It runs with these switches of Ray, and ours for the rest."""
    port = free_port()
    command = [sys.executable, "-c", PROGRAM, str(folder / "ledger.db"), str(port)]
    log = (folder / "served.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, env=environment(**switches), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n", (folder / "served.log").read_text()[-4000:]
            yield Served(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.stdin.close()
            process.wait(60)
