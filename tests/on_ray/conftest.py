"""The cluster that tests share, joined."""

from collections.abc import Iterator

import pytest

from msray.on_ray import running, session


@pytest.fixture(scope="module")
def joined(ray_address: str) -> Iterator[None]:
    """This process is in the cluster that tests share; nothing is left on it."""
    assert not session.is_joined(), "somebody has not left"
    session.join(ray_address)
    yield
    running.kill_all()
    session.leave()
