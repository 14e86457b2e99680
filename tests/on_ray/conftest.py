"""The cluster that tests share, joined."""

from collections.abc import Iterator

import pytest

from msray.on_ray import session


@pytest.fixture(scope="module")
def joined(ray_address: str) -> Iterator[None]:
    """This process is in the cluster that tests share; the test leaves nothing on it."""
    session.join(ray_address)
    yield
    session.leave()
