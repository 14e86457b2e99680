"""An API to call in a test, without a socket."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from msray.api.app import create_app
from msray.api.auth import ApiKey, KeyRing, Scope, key_of
from msray.api.config import ApiConfig
from msray.api.in_process import commits_into, state_around
from msray.api.models import ModelSource
from msray.api.state import ApiState, InstrumentSnapshot
from msray.store.ledger_store import LedgerStore
from msray.telemetry.metrics import Figures
from tests.clocks import StillClock

KEYS = {scope: f"{scope.value}-sesame" for scope in Scope}
A_SIGNAL: dict[str, Any] = {"symbol": "BTCUSDT", "signal_type": "spread", "score": 0.8}


class Books:
    """A few instruments that are running."""

    def __init__(self, *snapshots: InstrumentSnapshot) -> None:
        self.show(*snapshots)

    def show(self, *snapshots: InstrumentSnapshot) -> None:
        """From now on."""
        self._snapshots = {snapshot.instrument: snapshot for snapshot in snapshots}

    def instruments(self) -> Sequence[str]:
        return list(self._snapshots)

    def snapshot(self, instrument: str) -> InstrumentSnapshot | None:
        return self._snapshots.get(instrument)


class Service:
    """The API around a ledger in a folder."""

    def __init__(
        self,
        folder: Path,
        *,
        books: Books | None = None,
        models: ModelSource | None = None,
        has_keys: bool = False,
        **words: Any,
    ) -> None:
        self.clock = StillClock()
        self.figures = Figures()
        self.path = folder / "ledger.db"
        self.store = LedgerStore(str(self.path), clock=self.clock, observe=commits_into(self.figures))
        config = ApiConfig(**words)
        state = state_around(self.store, config, clock=self.clock, figures=self.figures, models=models)
        if books:
            replaced = {name: getattr(state, name) for name in ApiState.__slots__} | {"books": books}
            state = ApiState(**replaced)
        keys = [ApiKey(scope.value, key_of(KEYS[scope]).digest, frozenset({scope})) for scope in Scope]
        self.app = create_app(state, KeyRing(keys if has_keys else []))

    def call(self, method: str, path: str, **words: Any) -> httpx.Response:
        """One request; an exception inside the application is raised here."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=words.pop("client", ("127.0.0.1", 1)))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **words)

        return asyncio.run(ask())

    def post(self, document: Any = None, **words: Any) -> httpx.Response:
        """Submit; a document or, in ``content``, bytes."""
        if "content" in words:
            words.setdefault("headers", {})
            words["headers"] = {"Content-Type": "application/json"} | words["headers"]
        else:
            words["json"] = A_SIGNAL if document is None else document
        return self.call("POST", "/api/v1/signals", **words)

    def get(self, path: str, **words: Any) -> Any:
        """The document of a GET that must succeed."""
        response = self.call("GET", path, **words)
        assert response.status_code == 200, response.text
        return response.json()

    def close(self) -> None:
        self.store.close()
