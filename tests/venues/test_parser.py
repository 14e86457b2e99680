"""The plain face: one message at a time."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from msray.errors import FeedError, MessageError, UnknownNameError, UsageError
from msray.market import DEPTH, REGRID, SNAPSHOT, TRADE
from msray.venues import Decoder, Frames, OrderBookParser
from tests.instruments import SPOT, USDM
from tests.venues.made import ANSWER, COINM_SNAPSHOT, SPOT_DEPTH, SPOT_SNAPSHOT, SPOT_TICKER, SPOT_TRADE, USDM_DEPTH
from tests.venues.recordings import CHAINS


@pytest.mark.parametrize("name", CHAINS)
def test_one_by_one_it_reads_what_the_decoder_reads_in_bulk(name: str, data_dir: Path) -> None:
    chain = CHAINS[name]
    lines = [line.split(b" ", 1)[1].rstrip() for line in islice(chain.lines(data_dir), 600)]
    first = next(i for i, line in enumerate(lines) if b"lastUpdateId" in line)
    frames = lines[first:]
    parser = OrderBookParser()

    one_by_one = [parser.parse(frame, 5) for frame in frames]
    bulk = Decoder([chain.instrument(data_dir)]).decode(Frames.of(frames, 5)).parts[0].copy()

    assert parser.instrument == chain.instrument(data_dir)
    assert np.concatenate([part.levels for part in one_by_one]).tolist() == bulk.levels.tolist()
    names = ["kind", "event_ns", "trade_ns", "local_ns", "first_id", "last_id", "prev_id"]
    assert np.concatenate([part.messages for part in one_by_one])[names].tolist() == bulk.messages[names].tolist()


def test_records_are_the_callers_own() -> None:
    parser = OrderBookParser(instrument=SPOT)
    first = parser.parse(SPOT_DEPTH)
    before = first.levels.tolist()

    parser.parse(SPOT_SNAPSHOT)

    assert first.levels.tolist() == before


def test_nothing_is_lost_on_frames_of_no_use() -> None:
    parser = OrderBookParser()

    assert [len(parser.parse(frame)) for frame in (ANSWER, SPOT_TICKER)] == [0, 0]
    assert parser.instrument is None
    assert parser.parse(SPOT_SNAPSHOT.decode()).messages["kind"].tolist() == [SNAPSHOT]


def test_snapshot_without_a_symbol_is_named_by_the_next_message() -> None:
    parser = OrderBookParser()
    parser.parse(SPOT_SNAPSHOT)
    assert parser.instrument is not None and parser.instrument.symbol == "UNKNOWN"

    parser.parse(SPOT_TRADE)

    assert parser.instrument.id == "binance_spot:BTCUSDT"
    with pytest.raises(MessageError, match="ETHUSDT"):
        parser.parse(SPOT_TRADE.replace(b"BTCUSDT", b"ETHUSDT"))


def test_finer_price_comes_with_the_record_that_says_so() -> None:
    parser = OrderBookParser(instrument=SPOT)

    records = parser.parse(SPOT_TRADE.replace(b".63000000", b".63500000"), local_ns=3)

    assert records.messages["kind"].tolist() == [REGRID, TRADE]
    assert parser.instrument is not None and parser.instrument.grid == 5


def test_many_at_once_say_which_one_is_wrong() -> None:
    parser = OrderBookParser(instrument=SPOT)

    assert parser.parse_many([SPOT_SNAPSHOT, SPOT_DEPTH], [1, 2]).messages["local_ns"].tolist() == [1, 2]
    assert len(parser.parse_many([])) == 0
    with pytest.raises(MessageError, match=r"message 1: depthUpdate.*\$.U"):
        parser.parse_many([SPOT_DEPTH, SPOT_DEPTH.replace(b'"U":', b'"U":-')])


def test_what_cannot_be_known_is_asked_for() -> None:
    with pytest.raises(FeedError, match="ticks of binance_spot:BTCUSDT"):
        OrderBookParser().parse(SPOT_TRADE)
    with pytest.raises(MessageError, match="known event"):
        OrderBookParser().parse(b'{"e":"something"}')
    with pytest.raises(MessageError, match="JSON"):
        OrderBookParser().parse(b"{")
    with pytest.raises(UsageError, match="one of binance_usdm"):
        OrderBookParser("binance_usdm", SPOT)
    with pytest.raises(UnknownNameError):
        OrderBookParser("binance")


@pytest.mark.parametrize("symbol", [b"A" * 500, b"A B", b"A\\u0000", b"A:B", b""])
def test_a_symbol_that_names_no_instrument_is_the_messages_fault(symbol: bytes) -> None:
    message = SPOT_DEPTH.replace(b"BTCUSDT", symbol)
    after_a_snapshot = OrderBookParser()
    after_a_snapshot.parse(SPOT_SNAPSHOT)

    for parser in (OrderBookParser(), after_a_snapshot):
        with pytest.raises(MessageError, match="instrument must look like venue:SYMBOL"):
            parser.parse(message)


def test_venue_may_be_given_where_a_snapshot_does_not_tell() -> None:
    parser = OrderBookParser("binance_usdm")

    parser.parse(SPOT_SNAPSHOT)

    assert parser.instrument is not None and parser.instrument.venue == "binance_usdm"
    assert OrderBookParser().parse(COINM_SNAPSHOT).messages["kind"].tolist() == [SNAPSHOT]
    assert OrderBookParser(instrument=USDM).parse(USDM_DEPTH).messages["kind"].tolist() == [DEPTH]
