"""A Ray head of our own beside clusters that are not."""

import contextlib
import socket
import urllib.request
from pathlib import Path

import pytest
from ray.job_submission import JobSubmissionClient

from msray.on_ray import head
from msray.on_ray.environment import free_port
from tests.waiting import eventually

RAYS_AGENT_PORT = 52365


@pytest.mark.ray
@pytest.mark.timeout(200)
def test_a_head_has_its_dashboard_and_takes_jobs_where_others_took_the_ports_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as others:
        taken = others.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        with contextlib.suppress(OSError):  # another cluster has it indeed
            others.enter_context(socket.create_server(("", RAYS_AGENT_PORT)))
        monkeypatch.setattr(head, "free_port", lambda first=0: taken if first else free_port())

        started = head.start_head(tmp_path)
        try:
            with urllib.request.urlopen(started.dashboard, timeout=10) as answer:
                status = answer.status
            job = eventually(lambda: _submitted(started.dashboard), 60)
        finally:
            stopped = head.stop_head(tmp_path)

    assert (status, bool(job), stopped) == (200, True, True)
    assert head.known_head(tmp_path) is None


def _submitted(dashboard: str) -> str:
    """A job that does nothing; none while Ray has nobody yet to hand it to."""
    try:
        return JobSubmissionClient(dashboard).submit_job(entrypoint="true")
    except RuntimeError as error:
        assert "No available agent" in str(error)
        return ""
