"""REST as the venues' documentation has it."""

import itertools
from decimal import Decimal
from pathlib import Path

import aiohttp
import msgspec
import pytest

from msray.simulator.faults import FaultPlan
from msray.simulator.recording import RecordingSource
from msray.simulator.synthetic import SyntheticSource
from tests.clocks import SECOND, StillClock
from tests.simulator.made import COIN, PREFIXES, SPOT, SYN, decimals, get, recorded, simulating

ALL = [SYN, SPOT, COIN]


def everywhere() -> SyntheticSource:
    return SyntheticSource(ALL, seed=1, seconds=60)


@pytest.mark.parametrize("instrument_id", ALL)
async def test_each_market_answers_ping_time_info_and_depth(instrument_id: str) -> None:
    venue, symbol = instrument_id.split(":")
    rest = PREFIXES[venue][1]
    clock = StillClock(1_700_000_000 * SECOND)
    async with simulating(everywhere(), clock) as simulator:
        assert (await get(simulator, f"{rest}/ping"))[1] == {}
        assert (await get(simulator, f"{rest}/time"))[1] == {"serverTime": 1_700_000_000_000}
        info = (await get(simulator, f"{rest}/exchangeInfo"))[1]
        status, depth, _ = await get(simulator, f"{rest}/depth", symbol=symbol, limit=5)

    assert [entry["symbol"] for entry in info["symbols"]] == [symbol]
    assert status == 200
    assert len(depth["bids"]) == len(depth["asks"]) == 5
    bids, asks = [Decimal(price) for price, _ in depth["bids"]], [Decimal(price) for price, _ in depth["asks"]]
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert depth.get("pair") == ("SYNUSD" if venue == "binance_coinm" else None)


@pytest.mark.parametrize(
    ("rest", "query", "status", "code"),
    [
        ("/api/v3", {}, 400, -1102),
        ("/api/v3", {"symbol": ""}, 400, -1102),
        ("/api/v3", {"symbol": "NOPE"}, 400, -1121),
        ("/api/v3", {"symbol": "synusdt"}, 400, -1121),
        ("/api/v3", {"symbol": "SYNUSDT", "limit": "ten"}, 400, -1100),
        ("/api/v3", {"symbol": "SYNUSDT", "limit": "-5"}, 400, -1100),
        ("/api/v3", {"symbol": "SYNUSDT", "limit": "0"}, 400, -1130),
        ("/api/v3", {"symbol": "SYNUSDT", "limit": "7"}, 200, None),
        ("/api/v3", {"symbol": "SYNUSDT", "limit": "9" * 20}, 200, None),
        ("/fapi/v1", {"symbol": "SYNUSDT", "limit": "7"}, 400, -1130),
        ("/fapi/v1", {"symbol": "SYNUSDT", "limit": "1000"}, 200, None),
        ("/dapi/v1", {"symbol": "SYNUSDT"}, 400, -1121),
    ],
)
async def test_depth_refuses_in_the_venues_words(
    rest: str, query: dict[str, str], status: int, code: int | None
) -> None:
    async with simulating(everywhere()) as simulator:
        answer = await get(simulator, f"{rest}/depth", **query)

    assert answer[0] == status
    assert answer[1].get("code") == code


async def test_other_paths_are_refused_in_the_venues_shape() -> None:
    async with simulating() as simulator:
        assert (await get(simulator, "/api/v3/klines"))[:2] == (
            404,
            {"code": -5000, "msg": "Path /api/v3/klines, Method GET is invalid"},
        )
        async with aiohttp.ClientSession() as session, session.post(f"{simulator.url}/fapi/v1/depth") as answer:
            assert answer.status == 404


async def test_spot_info_can_be_limited_to_symbols() -> None:
    async with simulating(SyntheticSource([SPOT, "binance_spot:OTHER"], 1, seconds=1)) as simulator:
        path = "/api/v3/exchangeInfo"
        one = (await get(simulator, path, symbol="OTHER"))[1]
        both = (await get(simulator, path, symbols='["OTHER","SYNUSDT"]'))[1]

        assert [entry["symbol"] for entry in one["symbols"]] == ["OTHER"]
        assert len(both["symbols"]) == 2
        assert (await get(simulator, path, symbol="X"))[1]["code"] == -1121
        assert (await get(simulator, path, symbols="OTHER"))[1]["code"] == -1100


async def test_what_the_venue_itself_said_of_a_symbol_is_said_whether_all_are_asked_for_or_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = SyntheticSource([SPOT, "binance_spot:OTHER"], 1, seconds=1)
    document = {"symbols": [{"symbol": "SYNUSDT", "status": "BREAK"}, {"symbol": "GONE", "status": "HALT"}]}
    monkeypatch.setattr(source, "exchange_info", lambda venue: msgspec.json.encode(document))
    async with simulating(source) as simulator:
        path = "/api/v3/exchangeInfo"
        everything = (await get(simulator, path))[1]
        some = (await get(simulator, path, symbols='["SYNUSDT","OTHER"]'))[1]

    assert everything == document
    assert [(entry["symbol"], entry["status"]) for entry in some["symbols"]] == [
        ("SYNUSDT", "BREAK"),
        ("OTHER", "TRADING"),
    ]


@pytest.mark.parametrize(
    ("rest", "symbol", "limits", "weights"),
    [
        ("/api/v3", "SYNUSDT", (None, 100, 500, 1000, 5000), (5, 5, 25, 50, 250)),
        ("/fapi/v1", "SYNUSDT", (None, 50, 100, 500, 1000), (10, 2, 5, 10, 20)),
    ],
)
async def test_weights_are_those_of_the_venue(
    rest: str, symbol: str, limits: tuple[int | None, ...], weights: tuple[int, ...]
) -> None:
    clock = StillClock(1_700_000_000 * SECOND)
    async with simulating(everywhere(), clock) as simulator:
        used = [0]
        for limit in limits:
            query = {"symbol": symbol} | ({"limit": limit} if limit else {})
            used.append(int((await get(simulator, f"{rest}/depth", **query))[2]["X-MBX-USED-WEIGHT-1M"]))

    assert tuple(b - a for a, b in itertools.pairwise(used)) == weights


async def test_too_much_weight_is_429_then_418_and_markets_have_their_own_budgets() -> None:
    clock = StillClock(1_700_000_000 // 60 * 60 * SECOND)
    clock.advance(12.25)
    query = {"symbol": "SYNUSDT", "limit": 5000}
    async with simulating(everywhere(), clock) as simulator:
        statuses = [(await get(simulator, "/api/v3/depth", **query))[0] for _ in range(24)]
        status, body, headers = await get(simulator, "/api/v3/depth", **query)
        assert statuses == [200] * 24, "24 snapshots of 5000 levels are a minute's weight"
        assert (status, body["code"], headers["Retry-After"]) == (429, -1003, "48")
        assert headers["X-MBX-USED-WEIGHT-1M"] == "6000"
        assert "current limit is 6000 request weight per 1 MINUTE" in body["msg"]

        assert [(await get(simulator, "/api/v3/ping"))[0] for _ in range(10)] == [429] * 9 + [418]
        status, body, headers = await get(simulator, "/api/v3/time")
        assert (status, headers["Retry-After"]) == (418, "120")
        assert "IP banned until 1700000" in body["msg"]
        assert (await get(simulator, "/fapi/v1/ping"))[0] == 200

        clock.advance(120)
        assert (await get(simulator, "/api/v3/depth", **query))[0] == 200


async def test_the_recorded_snapshot_is_served_byte_for_byte(data_dir: Path) -> None:
    path = data_dir / "binance_2024-08-08_multi_venue" / "spot" / "ethusdt_20240808.gz"
    snapshot = next(body for _, body in recorded(path) if body.startswith(b'{"lastUpdateId"'))
    async with simulating(RecordingSource([path])) as simulator, aiohttp.ClientSession() as session:
        for limit in ("1000", "5000"):
            query = {"symbol": "ETHUSDT", "limit": limit}
            async with session.get(f"{simulator.url}/api/v3/depth", params=query) as answer:
                assert await answer.read() == snapshot
        _, short, _ = await get(simulator, "/api/v3/depth", symbol="ETHUSDT", limit=10)

    assert len(short["bids"]) == len(short["asks"]) == 10
    assert short["bids"][0] == ["2683.80000000", "3.02920000"], "in the decimals of the recording"


@pytest.mark.parametrize("is_recorded", [False, True])
@pytest.mark.parametrize("instrument_id", ALL)
async def test_exchange_info_of_a_halted_symbol_says_so(
    instrument_id: str, is_recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue, symbol = instrument_id.split(":")
    rest, word = PREFIXES[venue][1], "contractStatus" if instrument_id == COIN else "status"
    source = SyntheticSource([instrument_id, f"{venue}:OTHER"], 1, seconds=5)
    if is_recorded:
        document = {"symbols": [{"symbol": name, word: "TRADING"} for name in (symbol, "OTHER", "ELSEWHERE")]}
        monkeypatch.setattr(source, "exchange_info", lambda venue: msgspec.json.encode(document))
    plan = FaultPlan.parse(f"t=1s:halt@{instrument_id}")
    async with simulating(source, faults=plan, waits=False) as simulator:
        await simulator.played()
        info = (await get(simulator, f"{rest}/exchangeInfo"))[1]

    words = {entry["symbol"]: entry[word] for entry in info["symbols"]}
    listed = {symbol: "BREAK", "OTHER": "TRADING"}
    assert words == (listed | {"ELSEWHERE": "TRADING"} if is_recorded else listed)


async def test_a_recording_without_a_snapshot_has_no_book_to_give(data_dir: Path) -> None:
    path = data_dir / "binance_2023-04-04_usdm_spot" / "spot" / "btcusdt_20230405.dat.gz"
    async with simulating(RecordingSource([path])) as simulator:
        status, body, _ = await get(simulator, "/api/v3/depth", symbol="BTCUSDT")
        oracle, _, _ = await get(simulator, "/oracle/book", symbol="BTCUSDT")

    assert (status, body["code"], oracle) == (503, -1001, 404)


async def test_failed_and_slow_snapshots() -> None:
    plan = FaultPlan.parse("t=0s:failed_snapshot,slow_snapshot=1,slow_s=0.2")
    async with simulating(faults=plan) as simulator:
        assert (await get(simulator, "/fapi/v1/depth", symbol="SYNUSDT"))[0] == 503
        assert (await get(simulator, "/fapi/v1/depth", symbol="SYNUSDT"))[0] == 200
        _, faults, _ = await get(simulator, "/oracle/faults")

    assert faults["counts"] == {"failed_snapshot": 1, "slow_snapshot": 1}
    assert [one["fault"] for one in faults["injected"]] == ["failed_snapshot", "slow_snapshot"]


async def test_oracle_answers_for_the_opening_book_and_refuses_with_reasons() -> None:
    async with simulating(everywhere()) as simulator:
        _, book, _ = await get(simulator, "/oracle/book", symbol="SYNUSDT", venue="binance_usdm")
        _, depth, _ = await get(simulator, "/fapi/v1/depth", symbol="SYNUSDT", limit=1000)
        assert (book["id"], book["instrument"]) == (depth["lastUpdateId"], SYN)
        assert decimals(book["bids"]) == decimals(depth["bids"])

        assert (await get(simulator, "/oracle/book", symbol="SYNUSDT"))[0] == 400, "on two venues"
        assert (await get(simulator, "/oracle/book", symbol="X"))[0] == 404
        for no_id in ("x", "", "-1", "9" * 5000):
            assert (await get(simulator, "/oracle/book", symbol="SYNUSD_PERP", id=no_id))[0] == 400
        status, body, _ = await get(simulator, "/oracle/book", symbol="SYNUSD_PERP", id=5)
        assert status == 404
        assert body["first_id"] == body["last_id"] > 5
        _, waiting, _ = await get(simulator, "/oracle/status")
        assert waiting["state"] == "waiting"
        assert len(waiting["waiting_for"]) == 6
