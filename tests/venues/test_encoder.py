"""JSON as Binance writes it: what our own decoder reads back is what went in."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.market import ASK, DEPTH, LEVEL, MESSAGE, SELL, TRADE, Instrument, Records
from msray.simulator.wire import exchange_info
from msray.venues import Decoder, Encoder, Frames, kernels_encoder, read_exchange_info
from tests.instruments import COINM, USDM

NOW = 1_723_161_256_299_000_000
SPOT = Instrument(venue="binance_spot", symbol="NEXOUSDT", price_decimals=3, size_decimals=8, tick=1, grid=1)


def records(*messages: tuple[int, list[tuple[int, int, int]]]) -> Records:
    """Messages of (kind, levels as (size, tick, flags)) with ids 10, 20, ..."""
    rows, levels = np.zeros(len(messages), MESSAGE), []
    for i, (kind, own) in enumerate(messages):
        rows[i]["kind"], rows[i]["event_ns"], rows[i]["trade_ns"] = kind, NOW, NOW
        rows[i]["first_id"] = rows[i]["last_id"] = 10 * (i + 1)
        rows[i]["prev_id"], rows[i]["begin"], rows[i]["end"] = 10 * i, len(levels), len(levels) + len(own)
        levels += own
    return Records(rows, np.array(levels, LEVEL))


def test_shapes_are_those_of_the_recordings() -> None:
    both = [(2909, 618002, 0), (0, 618010, ASK), (1, 618003, ASK)]

    depth, trade = Encoder(USDM, price_digits=2).messages(records((DEPTH, both), (TRADE, [(6, 618003, SELL)])))

    assert depth == (
        b'{"e":"depthUpdate","E":1723161256299,"T":1723161256299,"s":"BTCUSDT","U":10,"u":10,"pu":0,'
        b'"b":[["61800.20","2.909"]],"a":[["61801.00","0.000"],["61800.30","0.001"]]}'
    )
    assert trade == (
        b'{"e":"aggTrade","E":1723161256299,"s":"BTCUSDT","a":20,"p":"61800.30","q":"0.006","f":20,"l":20,'
        b'"T":1723161256299,"m":true}'
    )


def test_spot_and_coin_margined_shapes() -> None:
    message = records((DEPTH, [(16966000000, 1188, 0)]), (TRADE, [(1082000000, 1216, 0)]))

    depth, trade = Encoder(SPOT).messages(message)
    assert depth == (
        b'{"e":"depthUpdate","E":1723161256299,"s":"NEXOUSDT","U":10,"u":10,"b":[["1.18800000","169.66000000"]],"a":[]}'
    )
    assert trade == (
        b'{"e":"trade","E":1723161256299,"s":"NEXOUSDT","t":20,"p":"1.21600000","q":"10.82000000",'
        b'"T":1723161256299,"m":false,"M":true}'
    )
    (coin,) = Encoder(COINM).messages(records((DEPTH, [(7, 618002, 0)])))
    assert b'"s":"BTCUSD_PERP","ps":"BTCUSD","U":10' in coin
    assert b'["61800.2","7"]' in coin


levels = st.lists(st.tuples(st.integers(0, 2**58), st.integers(1, 2**31 - 2), st.integers(0, 1)), max_size=5)


@given(st.sampled_from([USDM, SPOT, COINM]), levels, st.tuples(st.integers(1, 2**58), st.integers(1, 2**31 - 2)))
def test_our_decoder_reads_back_what_was_written(
    instrument: Instrument, book: list[tuple[int, int, int]], trade: tuple[int, int]
) -> None:
    book.sort(key=lambda level: level[2])
    written = records((DEPTH, book), (TRADE, [(*trade, SELL)]))

    (read,) = Decoder([instrument]).decode(Frames.of(Encoder(instrument).messages(written))).parts

    names = ["kind", "event_ns", "first_id", "last_id"]
    assert read.messages[names].tolist() == written.messages[names].tolist()
    used = [x for m in read.messages for x in read.levels[m["begin"] : m["end"]].tolist()]
    assert used == written.levels.tolist()


@given(st.integers(0, 2**62), st.integers(0, 18), st.integers(0, 18))
def test_decimals_are_exact(units: int, decimals: int, zeros: int) -> None:
    text = np.zeros(96, np.uint8)

    end = kernels_encoder.write_decimal(text, 3, units, decimals, zeros)

    written = text[3:end].tobytes().decode()
    assert Decimal(written) == Decimal(units).scaleb(-decimals)
    assert len(written.partition(".")[2]) == decimals + zeros


def test_snapshot_of_each_market() -> None:
    book = np.array([(2909, 618002, 0), (1, 618003, ASK)], LEVEL)

    usdm = msgspec.json.decode(Encoder(USDM).snapshot(USDM, 77, NOW, book))
    assert usdm == {
        "lastUpdateId": 77,
        "E": 1723161256299,
        "T": 1723161256299,
        "bids": [["61800.2", "2.909"]],
        "asks": [["61800.3", "0.001"]],
    }
    assert list(msgspec.json.decode(Encoder(SPOT).snapshot(SPOT, 77, NOW, book))) == ["lastUpdateId", "bids", "asks"]
    assert msgspec.json.decode(Encoder(COINM).snapshot(COINM, 77, NOW, book[:0]))["pair"] == "BTCUSD"


def test_a_finer_grid_gets_the_decimals_it_needs() -> None:
    finer = USDM.regridded(3, 5)

    snapshot = Encoder(USDM, price_digits=2).snapshot(finer, 1, NOW, np.array([(1, 12_360_001, 0)], LEVEL))

    assert msgspec.json.decode(snapshot)["bids"] == [["61800.005", "0.001"]]


@pytest.mark.parametrize("instrument", [USDM, SPOT, COINM])
def test_exchange_info_is_read_back_as_the_same_instrument(instrument: Instrument) -> None:
    body = exchange_info([Encoder(instrument).symbol()], weight_limit=2400, now_ms=5)

    listing = read_exchange_info(body, instrument.venue)[instrument.symbol]

    assert listing.instrument == instrument
    assert listing.is_trading
    assert msgspec.json.decode(body)["rateLimits"][0]["limit"] == 2400
