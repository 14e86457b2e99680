"""A Ray head of our own beside clusters that are not."""

import socket
import urllib.request
from pathlib import Path

import pytest

from msray.on_ray import head
from msray.on_ray.environment import free_port


@pytest.mark.ray
@pytest.mark.timeout(200)
def test_a_head_has_its_dashboard_where_another_took_the_port_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setattr(head, "free_port", lambda first=0: taken if first else free_port())

        started = head.start_head(tmp_path)
        try:
            with urllib.request.urlopen(started.dashboard, timeout=10) as answer:
                status = answer.status
        finally:
            stopped = head.stop_head(tmp_path)

    assert (status, stopped) == (200, True)
    assert head.known_head(tmp_path) is None
