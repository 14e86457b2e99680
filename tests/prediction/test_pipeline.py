"""The chain from bytes to signals: every instrument by itself, and frames however they are batched."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.book import SyncLimits
from msray.errors import ConfigError, UsageError
from msray.market import DEPTH, GAP, SNAPSHOT, GapReason, Instrument, concatenate
from msray.prediction import (
    Arrived,
    Began,
    DetectionConfig,
    Disconnected,
    LogEvent,
    Pipeline,
    Replayed,
    Requested,
    Rows,
    log_metadata,
)
from msray.venues import Decoder, Frames, Reason
from tests.naive.exchange import record
from tests.prediction.made import (
    BTC,
    CALIBRATED,
    ETH,
    NEVER_CALIBRATED,
    SPOT,
    START_NS,
    Market,
    OnceSolver,
    joined,
    market_events,
    one_by_one,
    payloads_of,
    run,
)

ALL = (BTC, ETH, SPOT)


@functools.cache
def market() -> list[LogEvent]:
    return market_events(ALL, seconds=24, lost=(12,))


def pipeline(instruments: Sequence[Instrument] = ALL) -> Pipeline:
    return Pipeline(instruments, CALIBRATED, solver=OnceSolver())


@pytest.fixture(scope="module")
def ids() -> dict[str, list[str]]:
    """Ids of the signals of each instrument, in their order."""
    signals = run(pipeline(), market())
    found = {one.id: [s.signal_id for s in signals if s.instrument == one.id] for one in ALL}
    assert all(len(some) >= 3 for some in found.values())
    assert len({signal.calibration for signal in signals}) == len(ALL)
    return found


def by_instrument(events: Sequence[LogEvent]) -> dict[str, list[str]]:
    signals = run(pipeline(), events)
    return {one.id: [s.signal_id for s in signals if s.instrument == one.id] for one in ALL}


def test_one_frame_an_event_gives_the_same_signals_in_the_same_order(ids: dict[str, list[str]]) -> None:
    assert by_instrument(list(one_by_one(market()))) == ids


@pytest.mark.parametrize("most", [50, 100_000])
def test_many_frames_an_event_give_the_same_signals(ids: dict[str, list[str]], most: int) -> None:
    assert by_instrument(list(joined(market(), most))) == ids


def as_records(events: Sequence[LogEvent]) -> list[LogEvent]:
    """The same, decoded; a lost connection is a GAP among the records."""
    decoders = {venue: Decoder([one for one in ALL if one.venue == venue]) for venue in {one.venue for one in ALL}}
    found: list[LogEvent] = []
    for event in events:
        if isinstance(event, Arrived):
            own = decoders[event.venue].instruments
            for part in decoders[event.venue].decode(event.frames).parts:
                found += [Replayed(own[number].id, records.copy()) for number, records in part.by_instrument(len(own))]
        elif isinstance(event, Disconnected):
            gap = record(GAP, [], prev_id=GapReason.DISCONNECTED, local_ns=event.local_ns)
            found += [Replayed(name, gap) for name in event.instruments]
        else:
            found.append(event)
    return found


def test_records_give_the_signals_of_the_bytes_they_come_from(ids: dict[str, list[str]]) -> None:
    assert by_instrument(as_records(market())) == ids


def test_records_of_a_venue_that_has_no_decoder_are_taken() -> None:
    instrument = replace(BTC, venue="lobster", symbol="GOOG")
    rows = [record(SNAPSHOT, [(0, 9, 5), (1, 20, 5)], last_id=1), record(DEPTH, [(0, 9, 4)], first_id=2, last_id=2)]
    taking = pipeline((instrument,))

    run(taking, [Replayed(instrument.id, concatenate(rows))])

    lane = taking.lanes[instrument.id]
    assert (lane.sync.state, lane.sync.book_id, lane.quality().depth_messages) == ("synced", 2, 1)


@pytest.mark.parametrize("instrument", ALL, ids=lambda one: one.id)
def test_company_changes_nothing(ids: dict[str, list[str]], instrument: Instrument) -> None:
    """Frames of others are refused by a pipeline that does not know them."""
    alone = pipeline((instrument,))
    own: list[LogEvent] = []
    for event in market():
        if isinstance(event, Arrived) and event.venue == instrument.venue:
            mine = [one for one in payloads_of(event) if instrument.symbol.encode() in one or event.frames.hint >= 0]
            place = [i.id for i in ALL if i.venue == event.venue].index(instrument.id)
            if event.frames.hint in (-1, place) and mine:
                own.append(Arrived(event.venue, Frames.of(mine, event.frames.local_ns[0], min(event.frames.hint, 0))))
        elif isinstance(event, Disconnected):
            own.append(Disconnected((instrument.id,), event.local_ns))
        elif isinstance(event, Requested) and event.instrument == instrument.id:
            own.append(event)

    assert [signal.signal_id for signal in run(alone, own)] == ids[instrument.id]


def test_the_order_of_the_instruments_changes_nothing(ids: dict[str, list[str]]) -> None:
    places = {BTC.id: 1, ETH.id: 0}
    turned: list[LogEvent] = []
    for event in market():
        if isinstance(event, Arrived) and event.venue == BTC.venue and event.frames.hint >= 0:
            owner = (BTC, ETH)[event.frames.hint]
            event = Arrived(event.venue, Frames.of(payloads_of(event), event.frames.local_ns[0], places[owner.id]))
        turned.append(event)

    signals = run(pipeline((SPOT, ETH, BTC)), turned)

    assert {one.id: [s.signal_id for s in signals if s.instrument == one.id] for one in ALL} == ids


def test_a_frame_that_cannot_be_read_is_counted_and_changes_nothing(ids: dict[str, list[str]]) -> None:
    bad = {
        Reason.JSON: b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":',
        Reason.SYMBOL: b'{"e":"depthUpdate","E":1,"T":1,"s":"NOTOURS","U":1,"u":2,"pu":0,"b":[],"a":[]}',
    }
    noisy: list[LogEvent] = []
    for event in market():
        if isinstance(event, Arrived) and event.venue == BTC.venue and event.frames.hint == -1:
            payloads = payloads_of(event)
            half = len(payloads) // 2
            payloads[half:half] = bad.values()
            event = Arrived(event.venue, Frames.of(payloads, event.frames.local_ns[0]))
        noisy.append(event)
    machine = pipeline()

    signals = run(machine, noisy)

    assert {one.id: [s.signal_id for s in signals if s.instrument == one.id] for one in ALL} == ids
    events = sum(one is not other for one, other in zip(noisy, market(), strict=True))
    assert machine.refused == dict.fromkeys(bad, events)


def test_a_refusal_is_counted_with_its_instrument_where_that_is_known() -> None:
    machine = pipeline()
    price = b'{"e":"trade","E":1,"T":1,"s":"ETHUSDT","t":5,"p":"-1.00","q":"1.000","m":true,"X":"MARKET"}'

    machine.apply(Arrived(ETH.venue, Frames.of([price])))

    assert sum(machine.refused.values()) == 1
    assert machine.lanes[ETH.id].quality().refused == 1
    assert machine.lanes[BTC.id].quality().refused == 0


def test_losses_and_requests_reach_those_they_name() -> None:
    machine = pipeline()
    run(machine, market())
    assert all(lane.engine.is_synced for lane in machine.lanes.values())

    machine.apply(Disconnected((ETH.id,), START_NS))

    assert {name: lane.engine.is_synced for name, lane in machine.lanes.items()} == {
        BTC.id: True,
        ETH.id: False,
        SPOT.id: True,
    }


def test_snapshots_are_wanted_for_books_that_are_unknown_until_one_is_asked_for() -> None:
    machine = Pipeline((BTC, ETH), NEVER_CALIBRATED, limits=SyncLimits(audit_every_ns=0))
    btc = Market(BTC)
    machine.apply(Arrived(BTC.venue, Frames.of(btc.messages(), START_NS)))

    wanted = [machine.wants_snapshots(START_NS)]
    machine.apply(Requested(BTC.id, START_NS))
    wanted.append(machine.wants_snapshots(START_NS))
    run(machine, btc.snapshot())
    machine.apply(Arrived(BTC.venue, Frames.of(btc.messages(), START_NS)))
    wanted.append(machine.wants_snapshots(START_NS))

    assert wanted == [[BTC.id], [], []]
    assert machine.lanes[BTC.id].sync.is_synced


def test_each_instrument_has_its_own_sink() -> None:
    seen: dict[str, list[tuple[str, int]]] = {}

    def sink(name: str) -> object:
        if name == ETH.id:
            return None
        rows_of = seen.setdefault(name, [])

        def take(rows: Rows) -> None:
            rows_of.append((rows.instrument.id, len(rows.messages)))

        return take

    machine = Pipeline(ALL, NEVER_CALIBRATED, sink=sink)  # type: ignore[arg-type]
    run(machine, market())

    assert seen.keys() == {BTC.id, SPOT.id}
    for name, rows in seen.items():
        assert {one for one, _ in rows} == {name}
        assert sum(rows_of for _, rows_of in rows) == machine.lanes[name].engine.counts.depth_messages


def test_without_detectors_there_are_the_same_rows_and_nothing_else() -> None:
    began = Began(tuple(one.id for one in ALL), START_NS, log_metadata(CALIBRATED, []))

    def told(words: DetectionConfig) -> tuple[list[tuple[object, ...]], int]:
        found: list[tuple[object, ...]] = []

        def take(rows: Rows) -> None:
            found.append((rows.instrument.id, rows.stretch, rows.values.tobytes(), rows.bests.tobytes()))

        machine = Pipeline(ALL, words, sink=lambda _: take, solver=OnceSolver())
        signals = run(machine, [began, *market()])
        assert all((lane.engine.calibration is not None) == bool(words.watches) for lane in machine.lanes.values())
        return found, len(signals)

    rows, signals = told(DetectionConfig())
    alone = told(DetectionConfig().unwatched())

    assert signals > 0
    assert alone == (rows, 0)


def test_time_is_shared_out_to_those_who_took_it() -> None:
    ticks = count()
    machine = Pipeline(ALL, NEVER_CALIBRATED, timer=lambda: 1000 * next(ticks))
    silent = Pipeline(ALL, NEVER_CALIBRATED)

    run(machine, market())
    run(silent, market())

    assert all(lane.busy_ns > 0 for lane in machine.lanes.values())
    assert sum(lane.busy_ns for lane in machine.lanes.values()) <= 1000 * next(ticks)
    assert all(lane.busy_ns == 0 for lane in silent.lanes.values())


def test_an_instrument_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=f"{BTC.id} is named twice"):
        Pipeline((BTC, ETH, BTC), NEVER_CALIBRATED)


def test_a_calibration_for_other_words_is_refused() -> None:
    machine = pipeline((BTC,))
    run(machine, market_events((BTC,), seconds=12))
    calibration = machine.lanes[BTC.id].engine.calibration
    assert calibration is not None

    with pytest.raises(ConfigError, match="made for other watches"):
        Pipeline((BTC,), NEVER_CALIBRATED.model_copy(update={"bar_ms": 50}), calibrations={BTC.id: calibration})


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2), max_size=40))
def test_instruments_of_one_event_are_told_apart_in_order(owners: list[int]) -> None:
    """Trades of three symbols in any order; each lane sees its own, in order."""
    symbols = [
        Instrument(venue="binance_usdm", symbol=s, price_decimals=1, size_decimals=3, tick=1, grid=1) for s in "ABC"
    ]
    machine = Pipeline(symbols, NEVER_CALIBRATED)
    trade = '{{"e":"trade","E":{0},"T":{0},"s":"{1}","t":{0},"p":"1.0","q":"1.000","m":true,"X":"MARKET"}}'
    frames = Frames.of([trade.format(i + 1, "ABC"[owner]).encode() for i, owner in enumerate(owners)])
    fed: dict[str, list[int]] = {one.id: [] for one in symbols}
    for name, lane in machine.lanes.items():
        lane.sync.feed = lambda records, name=name: fed[name].extend(records.messages["first_id"].tolist()) or ()  # type: ignore[method-assign, misc]

    machine.apply(Arrived("binance_usdm", frames))

    for number, one in enumerate(symbols):
        assert fed[one.id] == (np.flatnonzero(np.array(owners, int) == number) + 1).tolist()
