"""Frames to records: equal to a naive reader on everything that was recorded; regrids, refusals, ownership."""

from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from msray.errors import UnknownNameError, UsageError
from msray.market import DEPTH, OTHER, REGRID, SNAPSHOT, TRADE, Instrument, Records
from msray.venues import Decoder, Frames, Reason
from tests.instruments import COINM, SPOT, USDM
from tests.naive.decode import naive_decode
from tests.venues.made import (
    ANSWER,
    COINM_DEPTH,
    COINM_SNAPSHOT,
    MARK_PRICE,
    SPOT_DEPTH,
    SPOT_SNAPSHOT,
    SPOT_TICKER,
    SPOT_TRADE,
    USDM_AGGREGATE,
    USDM_DEPTH,
    USDM_TRADE,
)
from tests.venues.recordings import ALL_CHAINS, WITHOUT_SNAPSHOT, Chain


@cache
def units(number: Decimal, decimals: int) -> int:
    scaled = number.scaleb(decimals)
    assert scaled == int(scaled)
    return int(scaled)


def as_tuples(records: Records) -> list[tuple[object, ...]]:
    """Each message as plain values, levels included."""
    levels = records.levels[["flags", "tick", "size"]].tolist()
    names = ("kind", "instrument", "event_ns", "trade_ns", "local_ns", "first_id", "last_id", "prev_id")
    columns = [records.messages[name].tolist() for name in (*names, "begin", "end")]
    return [(*row[:-2], tuple(levels[row[-2] : row[-1]])) for row in zip(*columns, strict=True)]


def decode(*frames: bytes, instruments: tuple[Instrument, ...] = (SPOT,)) -> Records:
    parts = Decoder(instruments).decode(Frames.of(frames, local_ns=7)).parts
    assert len(parts) == 1
    return parts[0]


@pytest.mark.parametrize("chain", ALL_CHAINS.values(), ids=ALL_CHAINS)
def test_recording_equals_a_naive_reader_in_every_message_and_level(chain: Chain, data_dir: Path) -> None:
    instrument = chain.instrument(data_dir)
    decoder = Decoder([instrument])
    lines = chain.lines(data_dir)
    counts = {DEPTH: 0, TRADE: 0, SNAPSHOT: 0, OTHER: 0}

    for frames in chain.frames(data_dir):
        expected = []
        for line in islice(lines, len(frames)):
            stamp, _, frame = line.rstrip().partition(b" ")
            if b'"bookTicker"' in frame or b"@bookTicker" in frame:
                counts[OTHER] += 1
                continue
            message = naive_decode(frame, is_futures=decoder.venue.is_futures)
            counts[OTHER if message is None else message.kind] += 1
            if message is None:
                continue
            local_ns = int(stamp) * (1 if len(stamp) == 19 else 1000)
            levels = tuple(
                (
                    flags,
                    units(price, instrument.price_decimals) // instrument.grid,
                    units(size, instrument.size_decimals),
                )
                for flags, price, size in message.levels
            )
            times = (message.event_ns, message.trade_ns, local_ns)
            ids = (message.first_id, message.last_id, message.prev_id)
            expected.append((message.kind, 0, *times, *ids, levels))
        decoded = decoder.decode(frames)

        assert decoded.refused == []
        assert [row for part in decoded.parts for row in as_tuples(part)] == expected

    assert decoder.counts.regrids == 0
    assert decoder.counts.judged <= 1  # the snapshot
    assert counts[DEPTH] > 3000 and counts[TRADE] > 2000
    assert counts[SNAPSHOT] == (chain is not WITHOUT_SNAPSHOT)
    assert next(lines, None) is None


@pytest.mark.parametrize(
    ("frame", "instrument", "message", "levels"),
    [
        (
            SPOT_DEPTH,
            SPOT,
            (DEPTH, 0, 1723161255208_000_000, 0, 7, 50093239189, 50093239202, -1),
            ((0, 6173763, 0), (0, 6173017, 125000000), (1, 6183764, 154698000)),
        ),
        (
            USDM_DEPTH,
            USDM,
            (DEPTH, 0, 1723161256299_000_000, 1723161256298_000_000, 7, 5123107832006, 5123107837557, 5123107831937),
            ((0, 587102, 14), (0, 614965, 10), (1, 615109, 0)),
        ),
        (
            COINM_DEPTH,
            COINM,
            (DEPTH, 0, 1723161257440_000_000, 1723161257432_000_000, 7, 1007198631260, 1007198631565, 1007198631198),
            ((0, 617736, 1001),),
        ),
        (
            SPOT_TRADE,
            SPOT,
            (TRADE, 0, 1723161255343_000_000, 1723161255342_000_000, 7, 3735683259, 3735683259, -1),
            ((1, 6183763, 2000000),),
        ),
        (
            USDM_TRADE,
            USDM,
            (TRADE, 0, 1723161256322_000_000, 1723161256321_000_000, 7, 5266583935, 5266583935, -1),
            ((0, 618003, 6),),
        ),
        (
            USDM_AGGREGATE,
            USDM,
            (TRADE, 0, 1723161256322_000_000, 1723161256321_000_000, 7, 2310000001, 2310000001, -1),
            ((1, 618003, 6),),
        ),
        (
            COINM_SNAPSHOT,
            COINM,
            (SNAPSHOT, 0, 1723161257835_000_000, 1723161257823_000_000, 7, 0, 1007198635033, -1),
            ((0, 618047, 35), (0, 618020, 8), (1, 618048, 1645)),
        ),
        (
            SPOT_SNAPSHOT,
            SPOT,
            (SNAPSHOT, 0, 0, 0, 7, 0, 50093239218, -1),
            ((0, 6183763, 378826000), (1, 6183764, 154698000)),
        ),
    ],
)
def test_each_kind_of_message_is_read_field_by_field(
    frame: bytes, instrument: Instrument, message: tuple[int, ...], levels: tuple[tuple[int, int, int], ...]
) -> None:
    records = decode(frame, instruments=(instrument,))

    assert as_tuples(records) == [(*message, levels)]


@pytest.mark.parametrize("frame", [SPOT_TICKER, MARK_PRICE, ANSWER])
def test_frames_of_no_use_to_a_book_leave_no_record(frame: bytes) -> None:
    decoder = Decoder([SPOT])

    decoded = decoder.decode(Frames.of([frame, SPOT_TRADE, frame]))

    assert [len(part) for part in decoded.parts] == [1]
    assert decoded.refused == []
    assert decoder.counts.judged == 0


def test_several_instruments_are_told_apart_by_their_whole_symbol() -> None:
    names = ["BTCUSDT", "BTCUSDTX", "BTCUSD", "A", "ABCDEFGHIJKLMNOPQRSTU", "ABCDEFGHXJKLMNOPQRSTU", "币安人生USDT"]
    instruments = tuple(
        Instrument(venue="binance_spot", symbol=name, price_decimals=2, size_decimals=8, tick=1, grid=1)
        for name in names
    )
    frames = [SPOT_TRADE.replace(b'"BTCUSDT"', f'"{name}"'.encode()) for name in names]
    decoder = Decoder(instruments)

    records = decoder.decode(Frames.of(frames)).parts[0]

    assert records.messages["instrument"].tolist() == list(range(len(names)))
    assert decoder.counts.judged == 0


def test_price_off_the_grid_puts_its_instrument_on_a_finer_one_from_there_on() -> None:
    other = Instrument(venue="binance_spot", symbol="ETHUSDT", price_decimals=2, size_decimals=8, tick=1, grid=1)
    off = SPOT_TRADE.replace(b"61837.63000000", b"61837.63500000")
    of_other = SPOT_TRADE.replace(b"BTCUSDT", b"ETHUSDT")
    decoder = Decoder([other, SPOT])

    before, regrid, after = decoder.decode(Frames.of([SPOT_TRADE, of_other, off, SPOT_TRADE, of_other], 7)).parts

    assert before.messages["instrument"].tolist() == [1, 0]
    assert before.levels["tick"].tolist() == [6183763, 6183763]
    (row,) = regrid.messages
    assert (row["kind"], row["instrument"], row["local_ns"]) == (REGRID, 1, 7)
    assert (row["first_id"], row["last_id"], row["prev_id"]) == (3, 5, 2)
    assert row["event_ns"] == 1723161255343_000_000
    assert after.messages["instrument"].tolist() == [1, 1, 0]
    assert after.levels["tick"].tolist() == [12367527, 12367526, 6183763]
    assert decoder.instruments == [other, SPOT.regridded(3, 5)]
    assert decoder.counts.regrids == 1
    assert float(decoder.instruments[1].price(12367527)) == 61837.635


def test_finer_grid_does_not_depend_on_where_batches_end() -> None:
    rng = np.random.default_rng(5)
    prices = [f"{61837 + rng.integers(9)}.{rng.integers(1, 10 ** rng.integers(1, 7))}" for _ in range(300)]
    prices[:0] = ["61837.635", "15000000.00"]  # the second would forbid the grid of the first
    frames = [SPOT_TRADE.replace(b"61837.63000000", price.encode()) for price in prices]

    def run(size: int) -> tuple[list[tuple[object, ...]], list[Instrument], int]:
        decoder = Decoder([SPOT])
        rows: list[tuple[object, ...]] = []
        refused = 0
        for at in range(0, len(frames), size):
            decoded = decoder.decode(Frames.of(frames[at : at + size]))
            rows += [row for part in decoded.parts for row in as_tuples(part)]
            refused += decoded.refusals.total()
        return rows, decoder.instruments, refused

    whole = run(len(frames))

    assert whole[2] > 0
    assert all(run(size) == whole for size in (1, 2, 7, 50))


def test_grid_that_the_largest_tick_cannot_hold_is_refused_and_changes_nothing() -> None:
    decoder = Decoder([SPOT])
    tiny = SPOT_TRADE.replace(b"61837.63000000", b"0.000000000000000001")

    decoded = decoder.decode(Frames.of([SPOT_TRADE, tiny, SPOT_TRADE]))

    assert decoded.refusals == {Reason.RANGE: 1}
    assert decoded.refused[0].index == 1 and "2147483646 steps" in decoded.refused[0].message
    assert decoder.instruments == [SPOT]
    assert [len(part) for part in decoded.parts] == [2]


def test_snapshot_goes_to_the_instrument_of_its_hint() -> None:
    eth = Instrument(venue="binance_spot", symbol="ETHUSDT", price_decimals=2, size_decimals=8, tick=1, grid=1)
    spaced = SPOT_SNAPSHOT.replace(b",", b", ")

    for frame in (SPOT_SNAPSHOT, spaced):
        decoded = Decoder([SPOT, eth]).decode(Frames.of([frame], hint=1))
        unknown = Decoder([SPOT, eth]).decode(Frames.of([frame]))

        assert decoded.parts[0].messages["instrument"].tolist() == [1]
        assert decoded.parts[0].levels["size"].tolist() == [378826000, 154698000]
        assert unknown.parts == [] and unknown.refusals == {Reason.SYMBOL: 1}


def test_hint_may_differ_frame_by_frame_and_may_not_contradict_the_snapshot() -> None:
    other = Instrument(venue="binance_coinm", symbol="ETHUSD_PERP", price_decimals=1, size_decimals=0, tick=1, grid=1)
    frames = Frames.of([COINM_SNAPSHOT] * 3)
    hinted = Frames(frames.buffer, frames.begin, frames.end, frames.local_ns, np.array([-1, 0, 1], np.int32))

    decoded = Decoder([other, COINM]).decode(hinted)

    assert decoded.parts[0].messages["instrument"].tolist() == [1, 1]
    assert [(refusal.index, refusal.reason) for refusal in decoded.refused] == [(1, Reason.SYMBOL)]


@pytest.mark.parametrize(
    ("bids", "asks", "asked"), [(5, 5, 5), (5, 3, 5), (5, 37, 0), (0, 0, 0), (999, 1, 0), (1000, 1000, 1000)]
)
def test_levels_asked_of_a_snapshot_are_read_off_its_longer_side(bids: int, asks: int, asked: int) -> None:
    side = ",".join
    frame = (
        f'{{"lastUpdateId":1,"bids":[{side(f"""["{i + 1}.0","1"]""" for i in range(bids))}],'
        f'"asks":[{side(f"""["{i + 2000}.0","1"]""" for i in range(asks))}]}}'
    ).encode()

    for text in (frame, frame.replace(b",", b" ,")):
        records = decode(text)

        assert records.messages["first_id"].tolist() == [asked]
        assert len(records.levels) == bids + asks


def test_microseconds_are_told_by_their_size() -> None:
    frame = SPOT_DEPTH.replace(b"1723161255208", b"1723161255208123")

    assert decode(frame).messages["event_ns"].tolist() == [1723161255208123_000]


def test_refusals_are_all_counted_and_a_hundred_are_kept() -> None:
    decoder = Decoder([SPOT])

    decoded = decoder.decode(Frames.of([b"", SPOT_TRADE, b"nonsense"] * 80))

    assert decoded.refusals == {Reason.EMPTY: 80, Reason.JSON: 80}
    assert len(decoded.refused) == 100
    assert [refusal.index for refusal in decoded.refused[:4]] == [0, 2, 3, 5]
    assert len(decoded.parts[0]) == 80
    assert decoder.counts.refused.total() == 160 and decoder.counts.frames == 240


def test_frame_over_one_mebibyte_is_not_looked_at() -> None:
    huge = SPOT_DEPTH + b" " * (1 << 20)

    decoded = Decoder([SPOT]).decode(Frames.of([huge, SPOT_TRADE]))

    assert decoded.refusals == {Reason.TOO_LONG: 1}
    assert len(decoded.parts[0]) == 1


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'{"e":[', b'[["1.0",'])
def test_deep_nesting_is_refused(unit: bytes) -> None:
    decoded = Decoder([SPOT]).decode(Frames.of([unit * (900_000 // len(unit)), SPOT_TRADE]))

    assert decoded.refusals == {Reason.JSON: 1}
    assert len(decoded.parts[0]) == 1


def test_buffer_without_spare_zeros_is_the_callers_fault() -> None:
    frames = Frames.of([SPOT_TRADE])
    cut = Frames(frames.buffer[:-1], frames.begin, frames.end, frames.local_ns)

    with pytest.raises(UsageError, match="64 zero bytes"):
        Decoder([SPOT]).decode(cut)
    with pytest.raises(UsageError, match="within the buffer"):
        Decoder([SPOT]).decode(Frames(frames.buffer, frames.begin, frames.end + 1, frames.local_ns))


def test_frame_cut_short_does_not_run_into_the_next() -> None:
    for cut in range(len(SPOT_DEPTH)):
        decoded = Decoder([SPOT]).decode(Frames.of([SPOT_DEPTH[:cut], SPOT_DEPTH[cut:], SPOT_TRADE]))

        assert decoded.refusals.total() == (2 if cut else 1)
        assert len(decoded.parts[0]) == (1 if cut else 2)


@pytest.mark.parametrize("instruments", [[], [SPOT, SPOT], [SPOT, USDM]])
def test_instruments_must_be_different_ones_of_one_venue(instruments: list[Instrument]) -> None:
    with pytest.raises(UsageError, match="different ones of one venue"):
        Decoder(instruments)


def test_unknown_venue_offers_the_nearest() -> None:
    other = Instrument(venue="binance_spto", symbol="X", price_decimals=0, size_decimals=0, tick=1, grid=1)

    with pytest.raises(UnknownNameError) as caught:
        Decoder([other])

    assert "binance_spot" in caught.value.hint


def test_no_frames_make_no_records() -> None:
    assert Decoder([SPOT]).decode(Frames.of([])).parts == []
