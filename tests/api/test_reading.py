"""GET of signals, books and instruments."""

from collections.abc import Callable
from typing import Any

import pytest

from msray.api.state import InstrumentSnapshot
from msray.store.ledger_records import Batch
from tests.api.service import A_SIGNAL, Books, Service
from tests.clocks import START_NS
from tests.store.examples import BTC, ETH, a_signal

SPOT = "binance_spot:BTCUSDT"
BOOK = InstrumentSnapshot(
    instrument=BTC,
    state="synced",
    epoch=7,
    update_id=99,
    event_ns=START_NS - 5_000_000,
    local_ns=START_NS - 1_500_000,
    price_decimals=2,
    size_decimals=3,
    bids=[(6_100_050 - n, 5 + n) for n in range(100)],
    asks=[(6_100_100 + n, 1234) for n in range(100)],
    quality={"gaps": 1, "clock_offset_ms": None},
    features={"spread_ticks": 5.0, "nothing": float("nan")},
)


@pytest.fixture
def running(open_service: Callable[..., Service]) -> Service:
    others = [InstrumentSnapshot(instrument=name, state="unsynced") for name in (ETH, SPOT)]
    return open_service(books=Books(BOOK, *others))


def _fill(service: Service, count: int) -> None:
    signals = tuple(
        a_signal(n, instrument=(BTC, ETH)[n % 2], signal_type=("imbalance", "spread")[n % 3 == 0], score=n % 10 / 10)
        for n in range(count)
    )
    service.store.ledger.commit([Batch(signals=signals)])


def _walk(service: Service, query: str) -> list[int]:
    path: str | None = f"/api/v1/signals?{query}"
    seen: list[int] = []
    while path:
        page = service.get(path)
        seen += [row["seq"] for row in page["signals"]]
        path = page["next"]
    return seen


def test_pages_are_walked_by_their_next_path(service: Service) -> None:
    _fill(service, 25)

    assert _walk(service, "limit=10") == list(range(25, 0, -1))
    assert _walk(service, "limit=10&order=oldest") == list(range(1, 26))
    assert _walk(service, "limit=5&order=oldest") == list(range(1, 26))


def test_a_cursor_at_the_end_shows_what_is_new(service: Service) -> None:
    _fill(service, 3)
    cursor = service.get("/api/v1/signals?order=oldest")["cursor"]
    nothing = service.get(f"/api/v1/signals?order=oldest&after={cursor}")
    service.post()

    later = service.get(f"/api/v1/signals?order=oldest&after={nothing['cursor']}")

    assert (nothing["signals"], nothing["next"]) == ([], None)
    assert [row["seq"] for row in later["signals"]] == [4]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"instrument={BTC}", [5, 3, 1]),
        ("instrument=ETHUSDT", [6, 4, 2]),
        ("instrument=NOSUCH", []),
        ("instrument=nosuch:BTCUSDT", []),
        ("signal_type=spread", [4, 1]),
        ("min_score=0.4", [6, 5]),
        ("since=2024-08-09T00:00:00.000000004Z", [6, 5]),
        ("until=2024-08-09T00:00:00.000000001Z", [1]),
        ("since=2024-08-09T02:00:00.000000001%2B02:00&until=2024-08-09T00:00:00.000000003Z", [3, 2]),
    ],
)
def test_filters(service: Service, query: str, expected: list[int]) -> None:
    _fill(service, 6)

    assert [row["seq"] for row in service.get(f"/api/v1/signals?{query}")["signals"]] == expected


def test_a_next_path_keeps_its_filters(service: Service) -> None:
    _fill(service, 20)
    query = "limit=2&order=oldest&instrument=ETHUSDT&min_score=0.3&since=2024-08-09T02:00:00%2B02:00"

    assert _walk(service, query) == [4, 6, 8, 10, 14, 16, 18, 20]


def test_a_symbol_of_several_venues_is_422_with_the_candidates(running: Service) -> None:
    for path in ("/api/v1/signals?instrument=BTCUSDT", "/api/v1/books/BTCUSDT"):
        response = running.call("GET", path)

        assert response.status_code == 422
        assert response.json()["candidates"] == [SPOT, BTC]


def test_a_symbol_in_the_ledger_counts_as_known(service: Service) -> None:
    service.post({**A_SIGNAL, "venue": "one"})
    assert service.get("/api/v1/signals?instrument=BTCUSDT")["signals"][0]["instrument"] == "one:BTCUSDT"

    service.post({**A_SIGNAL, "venue": "two"})
    assert service.call("GET", "/api/v1/signals?instrument=BTCUSDT").status_code == 422


def test_a_book_is_exact_decimals_best_first(running: Service) -> None:
    book = running.get(f"/api/v1/books/{BTC}?depth=2")

    assert book == {
        "instrument": BTC,
        "state": "synced",
        "epoch": 7,
        "update_id": 99,
        "event_time": "2024-08-08T23:59:59.995000000Z",
        "event_ns": START_NS - 5_000_000,
        "stale_ms": 1.5,
        "quality": {"gaps": 1, "clock_offset_ms": None},
        "bids": [["61000.50", "0.005"], ["61000.49", "0.006"]],
        "asks": [["61001.00", "1.234"], ["61001.01", "1.234"]],
        "features": {"spread_ticks": 5.0, "nothing": None},
    }


@pytest.mark.parametrize(("query", "levels"), [("", 20), ("?depth=1", 1), ("?depth=100", 100)])
def test_depth_is_bounded(running: Service, query: str, levels: int) -> None:
    book = running.get(f"/api/v1/books/{BTC}{query}")

    assert (len(book["bids"]), len(book["asks"])) == (levels, levels)


def test_a_book_that_is_not_synced_is_not_shown(running: Service) -> None:
    book = running.get("/api/v1/books/ETHUSDT")

    assert (book["instrument"], book["state"]) == (ETH, "unsynced")
    assert book["bids"] is book["asks"] is book["features"] is book["stale_ms"] is book["event_time"] is None


@pytest.mark.parametrize(
    ("decimals", "units", "text"), [(0, 5, "5"), (2, 5, "0.05"), (2, 500, "5.00"), (8, 1, "0.00000001")]
)
def test_decimals_are_written_out(open_service: Callable[..., Service], decimals: int, units: int, text: str) -> None:
    snapshot = InstrumentSnapshot(instrument=BTC, state="synced", price_decimals=decimals, bids=[(units, 1)])
    service = open_service(books=Books(snapshot))

    assert service.get(f"/api/v1/books/{BTC}")["bids"] == [[text, "1"]]


def test_instruments_are_listed_with_their_state(running: Service) -> None:
    rows: list[dict[str, Any]] = running.get("/api/v1/instruments")["instruments"]

    assert [(row["instrument"], row["state"]) for row in rows] == [
        (SPOT, "unsynced"),
        (BTC, "synced"),
        (ETH, "unsynced"),
    ]
