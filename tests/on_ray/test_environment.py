"""Ray's switches, in programs of their own: a process can import Ray only once."""

import subprocess
import sys
import time

import pytest

from msray.errors import UnavailableError
from msray.on_ray import session
from msray.on_ray.environment import free_port
from tests.end_to_end.running import environment

PROGRAM = """
import ray
from msray.on_ray import session
session.start_local()
print("token" if ray.get(ray.remote(lambda: __import__("os").environ["RAY_AUTH_MODE"]).remote()) == "token" else "open")
"""


@pytest.mark.ray
def test_a_program_that_imports_ray_first_is_protected_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment(), capture_output=True, text=True, timeout=100, check=False
    )

    assert done.stdout.split() == ["token"], done.stderr[-2000:]


def test_a_host_of_shards_loads_neither_database_nor_web_server() -> None:
    code = (
        "import sys, msray.on_ray.supervisor; "
        "print(*{'sqlalchemy', 'sqlite3', 'fastapi', 'uvicorn', 'polars'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)

    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr[-2000:]


def test_an_address_where_nobody_listens_is_told_in_seconds() -> None:
    started = time.monotonic()

    with pytest.raises(UnavailableError, match=r"no Ray cluster at 127\.0\.0\.1:\d+: .*refused"):
        session.join(f"127.0.0.1:{free_port()}")

    assert time.monotonic() - started < 20
