"""Whose a recording is, and what its numbers mean."""

from itertools import islice
from pathlib import Path

import pytest

from msray.errors import FeedError, UnknownNameError
from msray.venues import identify, infer_instrument, venue_of
from tests.venues.made import (
    ANSWER,
    COINM_DEPTH,
    COINM_SNAPSHOT,
    SPOT_DEPTH,
    SPOT_SNAPSHOT,
    SPOT_TICKER,
    SPOT_TRADE,
    USDM_AGGREGATE,
    USDM_DEPTH,
    USDM_TRADE,
)
from tests.venues.recordings import ALL_CHAINS, CHAINS, WITHOUT_SNAPSHOT, Chain


@pytest.mark.parametrize("chain", ALL_CHAINS.values(), ids=ALL_CHAINS)
def test_recording_tells_venue_and_symbol(chain: Chain, data_dir: Path) -> None:
    assert identify(chain.lines(data_dir)) == (chain.venue, chain.symbol)


@pytest.mark.parametrize(
    ("name", "price_decimals", "tick", "grid", "size_decimals"),
    [
        ("usdm_btc_2024", 1, 1, 1, 3),
        ("usdm_eth_2024", 2, 1, 1, 3),
        ("spot_btc_2024", 2, 1, 1, 8),
        ("spot_eth_2024", 2, 1, 1, 8),
        ("coinm_btc_2024", 1, 1, 1, 0),
        ("usdm_btc_2023", 1, 1, 1, 3),
        ("spot_nexo_2024", 3, 1, 1, 8),
    ],
)
def test_instrument_is_inferred_from_the_snapshot(
    name: str, price_decimals: int, tick: int, grid: int, size_decimals: int, data_dir: Path
) -> None:
    instrument = CHAINS[name].instrument(data_dir)

    assert (instrument.price_decimals, instrument.tick, instrument.grid) == (price_decimals, tick, grid)
    assert instrument.size_decimals == size_decimals
    assert instrument.is_inferred


def test_first_depth_messages_do_where_there_is_no_snapshot(data_dir: Path) -> None:
    instrument = WITHOUT_SNAPSHOT.instrument(data_dir)

    assert (instrument.price_decimals, instrument.tick, instrument.grid, instrument.size_decimals) == (2, 1, 1, 8)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([SPOT_TRADE], ("binance_spot", "BTCUSDT")),
        ([SPOT_TICKER], ("binance_spot", "BTCUSDT")),
        ([SPOT_DEPTH], ("binance_spot", "BTCUSDT")),
        ([USDM_DEPTH], ("binance_usdm", "BTCUSDT")),
        ([USDM_TRADE], ("binance_usdm", "BTCUSDT")),
        ([USDM_AGGREGATE], ("binance_usdm", "BTCUSDT")),
        ([USDM_TRADE.replace(b"BTCUSDT", b"BTCUSDT_240927")], ("binance_usdm", "BTCUSDT_240927")),
        ([USDM_TRADE.replace(b"BTCUSDT", b"BTCUSD_240927")], ("binance_coinm", "BTCUSD_240927")),
        ([COINM_DEPTH], ("binance_coinm", "BTCUSD_PERP")),
        ([COINM_SNAPSHOT], ("binance_coinm", "BTCUSD_PERP")),
        ([b"", b"nonsense", ANSWER, SPOT_SNAPSHOT, b"1723161256172 " + USDM_DEPTH], ("binance_usdm", "BTCUSDT")),
    ],
)
def test_first_message_that_tells_both_decides(frames: list[bytes], expected: tuple[str, str]) -> None:
    assert identify(frames) == expected


def test_recording_that_tells_nothing_is_an_error() -> None:
    with pytest.raises(FeedError, match="none in 2 messages"):
        identify([ANSWER, SPOT_SNAPSHOT])
    assert venue_of({"lastUpdateId": 1, "E": 2}) == "binance_usdm"


def test_tick_is_read_near_the_touch_and_grid_from_all_levels() -> None:
    bids, asks = b'[["100.00","1.5"],["99.50","1"],["99.25","1"]]', b'[["100.50","1"],["101.00","1"]]'
    snapshot = b'{"lastUpdateId":1,"bids":' + bids + b',"asks":' + asks + b"}"

    instrument = infer_instrument("binance_spot", "X", [b"junk", snapshot])

    assert (instrument.price_decimals, instrument.tick, instrument.grid, instrument.size_decimals) == (2, 50, 25, 1)


def test_snapshot_is_preferred_wherever_it_stands(data_dir: Path) -> None:
    chain = CHAINS["coinm_btc_2024"]
    lines = list(islice(chain.lines(data_dir), 500))
    before = [i for i, line in enumerate(lines) if b"lastUpdateId" in line]

    assert before[0] > 10
    assert infer_instrument(chain.venue, chain.symbol, lines) == chain.instrument(data_dir)


def test_nothing_to_infer_from_is_an_error() -> None:
    with pytest.raises(FeedError, match="binance_spot:BTCUSDT"):
        infer_instrument("binance_spot", "BTCUSDT", [SPOT_TRADE, SPOT_DEPTH.replace(b"BTCUSDT", b"ETHUSDT")])
    with pytest.raises(UnknownNameError):
        infer_instrument("binance", "BTCUSDT", [SPOT_DEPTH])
    with pytest.raises(FeedError, match="positive"):
        infer_instrument("binance_spot", "BTCUSDT", [SPOT_SNAPSHOT.replace(b"61837.63", b"0.00")])
