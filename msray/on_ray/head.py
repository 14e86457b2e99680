"""A Ray head of our own: started in the background, found again by a file, ended by whoever reads that file."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from msray.errors import UnavailableError
from msray.on_ray.environment import free_port, has_token, proxy_ports

START_S = 60.0
STOP_S = 20.0
DASHBOARD_PORT = 8265


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A head that is running.

    Attributes
    ----------
    address
        For :func:`~msray.on_ray.session.join`.
    pid
        Its first process, which takes the others with it.
    dashboard
        URL of the Ray dashboard, on this machine only.
    """

    address: str
    pid: int
    dashboard: str


def start_head(state_dir: Path) -> Head:
    """Start a head that outlives this process, and note it in the state folder.

    Raises
    ------
    UnavailableError
        If it does not come up; its own words are in ``ray-head.log`` beside the note.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time():
        if not has_token():  # asking Ray itself takes seconds
            subprocess.run([_ray(), "get-auth-token", "--generate"], check=False, capture_output=True)
        try:
            return _start(state_dir, free_port(DASHBOARD_PORT))
        except UnavailableError:  # another cluster may have taken the port in the seconds until its dashboard opened it
            return _start(state_dir, free_port())


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait for whoever else starts a head on this machine: a port is free until the other one's head takes it."""
    with (Path(tempfile.gettempdir()) / f"msray-head-{os.getuid()}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start(state_dir: Path, dashboard_port: int) -> Head:
    port = free_port()
    command = [
        _ray(),
        "start",
        "--head",
        "--block",
        f"--port={port}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard_port}",
        "--dashboard-agent-listen-port=0",  # any: Ray's own may be another cluster's, and jobs are not taken then
        f"--num-cpus={max(4, os.cpu_count() or 1)}",
        f"--object-store-memory={200 << 20}",
        "--disable-usage-stats",
    ]
    log_path = state_dir / "ray-head.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | proxy_ports(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    head = Head(address=f"127.0.0.1:{port}", pid=process.pid, dashboard=f"http://127.0.0.1:{dashboard_port}")
    with contextlib.ExitStack() as undo:
        undo.callback(_kill, process)
        _wait_until_up(process, log_path)
        _note(state_dir).write_text(json.dumps(asdict(head)))
        undo.pop_all()
    return head


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def known_head(state_dir: Path) -> Head | None:
    """The head noted in the state folder, if it is still running."""
    try:
        head = Head(**json.loads(_note(state_dir).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return head if _is_running(head) else None


def stop_head(state_dir: Path) -> bool:
    """End the head noted in the state folder, and nothing else; False where there is none."""
    head = known_head(state_dir)
    if head is not None:
        os.kill(head.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while known_head(state_dir) is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(head.pid, signal.SIGKILL)
    _note(state_dir).unlink(missing_ok=True)
    return head is not None


def _wait_until_up(process: "subprocess.Popen[bytes]", log_path: Path) -> None:
    """Until it says that it is up, with its dashboard: without one it says less, and waits all the same."""
    deadline = time.monotonic() + START_S
    while b"view the dashboard" not in (said := log_path.read_bytes()):
        if process.poll() is not None or time.monotonic() > deadline or b"--block" in said:
            raise UnavailableError("a Ray head could not be started", hint=f"see {log_path}")
        time.sleep(0.1)


def _ray() -> str:
    return str(Path(sys.executable).with_name("ray"))


def _is_running(head: Head) -> bool:
    """Whether the process is there and is this head: a pid may be another's by now, or a zombie's."""
    try:
        said = Path(f"/proc/{head.pid}/cmdline").read_bytes()
    except OSError:
        return False
    return f"--port={head.address.rpartition(':')[2]}".encode() in said.split(b"\0")


def _note(state_dir: Path) -> Path:
    return state_dir / "ray-head.json"
