"""POST /api/v1/signals: durable before 201, the same when repeated."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from msray.api.state import InstrumentSnapshot
from msray.store.ledger_records import Batch, Receipt
from tests.api.service import A_SIGNAL, Books, Service
from tests.clocks import START_NS

NOW = "2024-08-09T00:00:00Z"  # the manual clock's


def test_a_signal_is_stored_before_it_is_answered(service: Service) -> None:
    response = service.post(
        {**A_SIGNAL, "venue": "binance_spot", "direction": -1, "price": 61000.5, "features": {"x": 1}}
    )

    assert response.status_code == 201
    answer = response.json()
    assert answer == {"signal_id": answer["signal_id"], "seq": 1, "duplicate": False}
    assert response.headers["location"] == f"/api/v1/signals/{answer['signal_id']}"
    stored = service.get(response.headers["location"])
    expected = {
        "instrument": "binance_spot:BTCUSDT",
        "signal_type": "spread",
        "detector": "submitted",
        "source": "submitted",
        "score": 0.8,
        "direction": -1,
        "price": 61000.5,
        "features": {"x": 1.0},
        "size_sigma": None,
        "event_ns": START_NS,
        "event_time": NOW,
    }
    assert {name: stored[name] for name in expected} == expected


def test_a_batch_of_a_thousand_is_stored_together(service: Service) -> None:
    batch = [{**A_SIGNAL, "features": {"n": n}} for n in range(1000)]

    response = service.post({"signals": batch})

    assert response.status_code == 201
    assert [row["seq"] for row in response.json()["signals"]] == list(range(1, 1001))
    assert len({row["signal_id"] for row in response.json()["signals"]}) == 1000


def test_the_same_content_again_gives_the_same_id(service: Service) -> None:
    first = service.post({**A_SIGNAL, "event_time": "2024-08-08T23:59:59.5Z"}).json()

    again = service.post(
        content=b'{ "score":8e-1, "event_time":"2024-08-09T01:59:59.500+02:00","direction":0,'
        b'"features":{},"signal_type":"spread","symbol":"BTCUSDT","price":null}'
    )

    assert again.status_code == 201
    assert again.json() == {**first, "duplicate": True}
    assert service.store.ledger.last_seq() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ETHUSDT"},
        {"signal_type": "other"},
        {"score": 0.81},
        {"venue": "binance_spot"},
        {"direction": 1},
        {"event_time": NOW},
        {"price": 1.0},
        {"features": {"x": 1}},
    ],
)
def test_other_content_has_another_id(service: Service, changes: dict[str, object]) -> None:
    first = service.post().json()

    second = service.post({**A_SIGNAL, **changes}).json()

    assert second["signal_id"] != first["signal_id"]
    assert not second["duplicate"]


def test_two_equal_signals_in_a_batch_are_one(service: Service) -> None:
    rows = service.post({"signals": [A_SIGNAL, A_SIGNAL]}).json()["signals"]

    assert rows[0]["signal_id"] == rows[1]["signal_id"]
    assert [row["duplicate"] for row in rows] == [False, True]


def test_an_idempotency_key_replays_the_first_answer(service: Service) -> None:
    first = service.post(headers={"Idempotency-Key": "abc"})
    again = service.post(headers={"Idempotency-Key": "abc"})
    other = service.post(headers={"Idempotency-Key": "xyz"})

    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["signal_id"] != first.json()["signal_id"]


def test_an_idempotency_key_with_other_content_is_refused(service: Service) -> None:
    service.post(headers={"Idempotency-Key": "abc"})

    response = service.post({**A_SIGNAL, "score": 0.1}, headers={"Idempotency-Key": "abc"})

    assert response.status_code == 422
    assert service.store.ledger.last_seq() == 1


def test_a_key_that_is_still_under_way_is_409(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    real = service.store.store
    is_under_way, gate = asyncio.Event(), asyncio.Event()

    async def slow(batch: Batch) -> Receipt:
        is_under_way.set()
        await gate.wait()
        return await real(batch)

    monkeypatch.setattr(service.store, "store", slow)

    async def both() -> list[int]:
        transport = httpx.ASGITransport(service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            words = {"json": A_SIGNAL, "headers": {"Idempotency-Key": "abc"}}
            first = asyncio.create_task(client.post("/api/v1/signals", **words))
            await asyncio.wait_for(is_under_way.wait(), 5)
            second = await client.post("/api/v1/signals", **words)
            gate.set()
            third = await client.post("/api/v1/signals", **{**words, "headers": {"Idempotency-Key": "x"}})
            return [(await first).status_code, second.status_code, third.status_code]

    assert asyncio.run(both()) == [201, 409, 201]
    assert service.post(headers={"Idempotency-Key": "abc"}).headers["idempotency-replayed"] == "true"


def test_keys_of_different_callers_do_not_meet(open_service: Callable[..., Service]) -> None:
    service = open_service(has_keys=True)

    first = service.post(headers={"Idempotency-Key": "abc", "X-API-Key": "ingest-sesame"})
    second = service.post({**A_SIGNAL, "score": 0.1}, headers={"Idempotency-Key": "abc", "X-API-Key": "admin-sesame"})

    assert (first.status_code, second.status_code) == (201, 201)


def test_a_symbol_without_a_venue_is_the_one_running(open_service: Callable[..., Service]) -> None:
    names = ("binance_spot:BTCUSDT", "binance_usdm:BTCUSDT", "binance_usdm:ETHUSDT")
    service = open_service(books=Books(*(InstrumentSnapshot(instrument=name, state="synced") for name in names)))

    one = service.post({**A_SIGNAL, "symbol": "ETHUSDT"})
    several = service.post()
    none = service.post({**A_SIGNAL, "symbol": "SOLUSDT"})

    instruments = [service.get(r.headers["location"])["instrument"] for r in (one, none)]
    assert instruments == ["binance_usdm:ETHUSDT", "external:SOLUSDT"]
    assert several.status_code == 422
    assert several.json()["candidates"] == ["binance_spot:BTCUSDT", "binance_usdm:BTCUSDT"]


def test_symbols_may_be_written_in_any_script(service: Service) -> None:
    response = service.post({**A_SIGNAL, "symbol": "币安人生USDT"})

    assert service.get(response.headers["location"])["instrument"] == "external:币安人生USDT"
