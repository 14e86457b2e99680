"""The venues' own figures."""

import pytest

from msray.book import SequenceRule
from msray.errors import UnknownNameError, UsageError
from msray.venues import VENUES, find_venue


def test_spot_ids_are_contiguous_and_futures_ids_are_linked() -> None:
    assert {name: venue.rule for name, venue in VENUES.items()} == {
        "binance_spot": SequenceRule.CONTIGUOUS,
        "binance_usdm": SequenceRule.LINKED,
        "binance_coinm": SequenceRule.LINKED,
    }
    assert [name for name, venue in VENUES.items() if venue.is_futures] == ["binance_usdm", "binance_coinm"]


@pytest.mark.parametrize(
    ("name", "limit", "weight"),
    [
        ("binance_spot", 1, 5),
        ("binance_spot", 100, 5),
        ("binance_spot", 101, 25),
        ("binance_spot", 1000, 50),
        ("binance_spot", 5000, 250),
        ("binance_usdm", 50, 2),
        ("binance_usdm", 1000, 20),
        ("binance_coinm", 500, 10),
    ],
)
def test_snapshot_costs_what_the_docs_say(name: str, limit: int, weight: int) -> None:
    assert find_venue(name).snapshot_weight(limit) == weight


@pytest.mark.parametrize(("name", "limit"), [("binance_spot", 0), ("binance_spot", 5001), ("binance_usdm", 1001)])
def test_snapshot_that_is_not_offered_is_refused(name: str, limit: int) -> None:
    with pytest.raises(UsageError, match=f"got {limit}"):
        find_venue(name).snapshot_weight(limit)


def test_a_minute_holds_24_spot_snapshots_of_5000_levels() -> None:
    spot = find_venue("binance_spot")

    assert spot.weight_per_minute // spot.snapshot_weight(spot.largest_snapshot) == 24


def test_streams_have_lower_case_names() -> None:
    spot = find_venue("binance_spot")

    assert (spot.depth_stream("BTCUSDT"), spot.trade_stream("BTCUSDT")) == ("btcusdt@depth@100ms", "btcusdt@trade")
    assert find_venue("binance_coinm").depth_stream("BTCUSD_PERP") == "btcusd_perp@depth@0ms"


def test_unknown_venue_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="binance_sport"):
        find_venue("binance_sport")
