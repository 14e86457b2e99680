"""Services to test with."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.service import Service
from tests.api.streaming import Server, streaming


@pytest.fixture
def open_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    opened: list[Service] = []

    def opener(**words: Any) -> Service:
        opened.append(Service(tmp_path / str(len(opened)), **words))
        return opened[-1]

    yield opener
    for service in opened:
        service.close()


@pytest.fixture
def service(open_service: Callable[..., Service]) -> Service:
    return open_service()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with streaming(tmp_path) as running:
        yield running
