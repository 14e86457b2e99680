"""Who holds a lease, and whether that process is gone."""

import os
import subprocess
import sys

import pytest

from msray.on_ray.holder import holder, is_gone, runs
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        (holder("shard-0", "here", 7), True),
        (holder("shard-0", "here", 8), False),
        (holder("shard-0", "there", 7), False),
        (holder("shard on here, pid 7", "there", 7), False),
        ("somebody else", False),
        ("shard-0 on here, pid 7 of many", False),
    ],
)
def test_only_a_process_of_this_host_that_does_not_run_is_gone(said: str, gone: bool) -> None:
    assert is_gone(said, "here", lambda pid: pid == 8) == gone


def test_a_process_runs_until_it_is_killed_even_if_nobody_asks_how_it_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert runs(process.pid)

        process.kill()

        assert eventually(lambda: not runs(process.pid)), "a zombie is no holder"
    assert not runs(process.pid)
    assert runs(os.getpid())
