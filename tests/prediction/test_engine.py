"""The fold of one instrument: the same signals wherever and however it runs."""

import functools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.book import RegimePlan, create_synthetic_order_book_data
from msray.book.synthetic import SyntheticData
from msray.detectors import Calibration
from msray.errors import CorruptLogError
from msray.features import LEVELS, NAMES, FeatureEngineering
from msray.market import (
    DEPTH,
    GAP,
    LEVEL,
    MESSAGE,
    REFRESH,
    REGRID,
    SNAPSHOT,
    UNCALIBRATED,
    Records,
    Signal,
    concatenate,
)
from msray.prediction import CalibrationConfig, DetectionConfig, LevelSink, PredictionEngine, Rows, WatchConfig
from tests.naive.exchange import record
from tests.prediction.made import OnceSolver

SECOND = 1_000_000_000
REGIMES = RegimePlan(first_s=20, every_s=15, jitter_s=2, last_s=8)
WORDS = DetectionConfig(
    bar_ms=100,
    arl0=300,
    watches=(
        WatchConfig(name="imbalance", feature="imbalance_l5", detector="cusum"),
        WatchConfig(name="volatility", feature="return_1s", transform="abs", at="close", detector="cusum"),
        WatchConfig(name="liquidity", feature="depth_bid_l10", transform="sqrt", detector="page_hinkley"),
    ),
    calibration=CalibrationConfig(bars=220, delay_bars=10),
)


@functools.cache
def data() -> SyntheticData:
    return create_synthetic_order_book_data(seed=7, duration_s=60.0, regimes=REGIMES)


def engine(calibration: Calibration | None = None, **options: object) -> PredictionEngine:
    return PredictionEngine(data().instrument, WORDS, calibration=calibration, solver=OnceSolver(), **options)  # type: ignore[arg-type]


def folded(records: Records, machine: PredictionEngine | None = None) -> list[Signal]:
    signals, count = (machine or engine()).fold(records)
    assert count == len(records)
    return signals


@pytest.fixture(scope="module")
def whole() -> list[Signal]:
    signals = folded(data().records)
    assert len(signals) >= 5
    assert {UNCALIBRATED} < {signal.calibration for signal in signals}
    return signals


@pytest.fixture(scope="module")
def calibration(whole: list[Signal]) -> Calibration:
    machine = engine()
    folded(data().records, machine)
    assert machine.calibration is not None
    return machine.calibration


cuts = st.deferred(lambda: st.lists(st.integers(0, len(data().records)), max_size=6).map(sorted))


def pieces(records: Records, at: list[int]) -> Iterator[Records]:
    for begin, end in zip([0, *at], [*at, len(records)], strict=True):
        yield records[begin:end]


@settings(max_examples=25)
@given(cuts)
def test_any_cut_of_the_log_gives_the_same_signals(whole: list[Signal], at: list[int]) -> None:
    machine = engine()

    signals = [signal for piece in pieces(data().records, at) for signal in folded(piece, machine)]

    assert signals == whole


def test_one_record_a_call_gives_the_same_signals_and_the_same_row(whole: list[Signal]) -> None:
    one, all_at_once = engine(), engine()

    signals = [signal for i in range(len(data().records)) for signal in folded(data().records[i : i + 1], one)]
    folded(data().records, all_at_once)

    assert signals == whole
    assert one.row.tobytes() == all_at_once.row.tobytes()


@settings(max_examples=15)
@given(cuts)
def test_a_checkpoint_at_any_record_changes_nothing(whole: list[Signal], at: list[int]) -> None:
    machine, signals = engine(), []
    for piece in pieces(data().records, at):
        signals += folded(piece, machine)
        saved = machine.checkpoint()
        machine = engine()
        machine.restore(saved)

    assert signals == whole


@settings(max_examples=15)
@given(cuts)
def test_a_sink_of_levels_gets_them_behind_the_same_65_columns(whole: list[Signal], at: list[int]) -> None:
    plain: list[np.ndarray] = []
    wide: list[np.ndarray] = []
    folded(data().records, engine(sink=lambda rows: plain.append(rows.values.copy())))
    sink = LevelSink(lambda rows: wide.append(rows.values.copy()))
    machine, signals = engine(sink=sink), []

    for piece in pieces(data().records, at):
        signals += folded(piece, machine)
        saved = machine.checkpoint()
        machine = engine(sink=sink)
        machine.restore(saved)

    names = [*NAMES, *(feature.name for feature in LEVELS)]
    expected = FeatureEngineering(data().instrument, names).transform(data().records)
    assert signals == whole
    assert np.concatenate(wide)[:, :65].tobytes() == np.concatenate(plain).tobytes()
    assert np.concatenate(wide).tobytes() == expected.values.tobytes()


def test_a_checkpoint_with_levels_is_not_one_without() -> None:
    wide = engine(sink=LevelSink(lambda rows: None))

    with pytest.raises(CorruptLogError, match="levels family"):
        wide.restore(engine().checkpoint())
    with pytest.raises(CorruptLogError, match="levels family"):
        engine().restore(wide.checkpoint())


def test_a_damaged_or_foreign_checkpoint_is_refused(calibration: Calibration) -> None:
    saved = engine().checkpoint()
    other = PredictionEngine(data().instrument, WORDS.model_copy(update={"bar_ms": 200}))

    with pytest.raises(CorruptLogError, match="damaged"):
        engine().restore(saved[:-1] + bytes([saved[-1] ^ 1]))
    with pytest.raises(CorruptLogError, match="damaged or of another version"):
        engine().restore(b"")
    with pytest.raises(CorruptLogError, match="configuration must be"):
        other.restore(saved)


@settings(max_examples=15)
@given(st.deferred(lambda: st.integers(1, len(data().records))))
def test_what_comes_later_changes_nothing_before(whole: list[Signal], end: int) -> None:
    signals = folded(data().records[:end])

    last_ns = data().records.messages["event_ns"][end - 1]
    assert signals == [signal for signal in whole if signal.event_ns <= last_ns][: len(signals)]
    assert len(signals) >= sum(signal.event_ns < last_ns for signal in whole)


def test_local_time_changes_nothing_but_the_latency(whole: list[Signal]) -> None:
    messages = data().records.messages.copy()
    messages["local_ns"] += np.random.default_rng(0).integers(-SECOND, SECOND, len(messages))

    assert folded(Records(messages, data().records.levels)) == whole


def test_an_epoch_is_a_fold_of_its_own(calibration: Calibration) -> None:
    machine = engine(calibration)
    gap = record(GAP, [], prev_id=1)
    folded(concatenate([data().records[:300], gap]), machine)

    again = folded(data().records, machine)

    assert again == folded(data().records, engine(calibration))


def test_a_gap_forgets_the_book_until_the_next_snapshot(calibration: Calibration) -> None:
    machine = engine(calibration)
    folded(concatenate([data().records[:300], record(GAP, [], prev_id=1)]), machine)

    assert not machine.is_synced
    assert machine.book.best().bid_tick is None
    assert folded(data().records[300:400], machine) == []
    assert machine.counts.depth_messages < 300


def test_calibration_comes_into_force_at_its_bar_and_not_before(whole: list[Signal]) -> None:
    first_bar = int(data().records.messages["event_ns"][1]) // (WORDS.bar_ms * 1_000_000) + 1
    judged = WORDS.calibration.bars + WORDS.calibration.delay_bars
    in_force_ns = (first_bar + judged) * WORDS.bar_ms * 1_000_000

    for signal in whole:
        assert (signal.calibration == UNCALIBRATED) == (signal.event_ns < in_force_ns + WORDS.bar_ms * 1_000_000)


def test_calibration_is_the_same_wherever_it_is_solved() -> None:
    found = []
    for step in (1, len(data().records)):
        machine = PredictionEngine(data().instrument, WORDS)
        for begin in range(0, len(data().records), step):
            machine.fold(data().records[begin : begin + step])
            if machine.calibration is not None:
                break
        assert machine.calibration is not None
        found.append(machine.calibration.digest)

    assert found[0] == found[1]


def test_ids_are_unique_and_name_what_they_should(whole: list[Signal], calibration: Calibration) -> None:
    assert len({signal.signal_id for signal in whole}) == len(whole)
    assert {signal.signal_type for signal in whole} <= {watch.name for watch in WORDS.watches}
    for signal in whole:
        assert 0.5 <= signal.score <= 1.0
        assert signal.direction in (-1, 1)
        assert signal.change_ns <= signal.event_ns
        assert signal.event_id in data().records.messages["last_id"]
        assert signal.event_kind == "depth"

    calibrated = folded(data().records, engine(calibration))
    assert not {signal.signal_id for signal in calibrated} & {
        signal.signal_id for signal in whole if signal.calibration == UNCALIBRATED
    }


def test_a_time_jump_starts_anew_instead_of_carrying_bars_for_ever() -> None:
    messages = data().records.messages.copy()
    messages["event_ns"][500:] += 10_000 * SECOND
    machine = engine()

    folded(Records(messages, data().records.levels), machine)

    assert machine.counts.time_jumps == 1
    assert machine.is_synced


def test_time_going_back_leaves_book_and_bars_as_they_are() -> None:
    messages = data().records.messages.copy()
    messages["event_ns"][300:350] -= 30 * SECOND
    back, straight = engine(), engine()

    folded(Records(messages, data().records.levels), back)
    folded(data().records, straight)

    assert back.book.levels().tolist() == straight.book.levels().tolist()
    assert back.closed_bars == straight.closed_bars


def test_a_book_crossed_three_times_running_is_given_back() -> None:
    tick = int(data().records.levels["tick"][0])
    event_ns = int(data().records.messages["event_ns"][1])
    crossing = [record(DEPTH, [(0, tick + 900, 5), (1, tick + 800, 5)], event_ns=event_ns, last_id=i) for i in range(6)]
    machine = engine()

    signals, count = machine.fold(concatenate([data().records[:1], *crossing]))

    assert (signals, count) == ([], 4)
    assert machine.crossed == 3


def test_a_refresh_replaces_the_book_and_keeps_the_features() -> None:
    machine = engine()
    folded(data().records[:400], machine)
    row, levels = machine.row, machine.book.levels()
    levels["size"][3] += 1
    refresh = np.zeros(1, MESSAGE)
    refresh["kind"], refresh["end"] = REFRESH, len(levels)

    folded(Records(refresh, levels), machine)

    assert machine.row.tobytes() == row.tobytes()
    assert machine.counts.audit_differences == 2, "the level as it was, and as it is"
    assert machine.book.levels().tolist() == levels.tolist()
    assert machine.counts.epochs == 1


def test_a_finer_grid_in_the_middle_changes_no_price(whole: list[Signal]) -> None:
    half = 400
    factor = 10
    regrid = np.zeros(1, MESSAGE)
    regrid["kind"], regrid["prev_id"] = REGRID, factor
    regrid["first_id"], regrid["last_id"] = data().instrument.price_decimals + 1, data().instrument.grid
    rest = data().records[half:].copy()
    rest.levels["tick"] *= factor
    plain, finer = engine(), engine()
    folded(data().records, plain)

    signals = folded(data().records[:half], finer)
    signals += folded(Records(regrid, np.zeros(0, LEVEL)), finer) + folded(rest, finer)

    assert [signal.signal_id for signal in signals] == [signal.signal_id for signal in whole]
    assert (
        finer.instrument.price(finer.book.levels()["tick"].astype(int)).tolist()
        == plain.instrument.price(plain.book.levels()["tick"].astype(int)).tolist()
    )
    np.testing.assert_allclose(finer.row, plain.row, rtol=1e-9)


def test_a_sink_gets_every_row_once_and_in_order() -> None:
    taken: list[tuple[list[int], np.ndarray]] = []

    def sink(rows: Rows) -> None:
        taken.append((rows.messages["last_id"].tolist(), rows.bests.copy()))

    folded(data().records, engine(sink=sink))

    depth = data().records.messages[data().records.messages["kind"] == DEPTH]
    assert [number for ids, _ in taken for number in ids] == depth["last_id"].tolist()
    assert (np.concatenate([bests for _, bests in taken])[:, 0] > 0).all()


def test_records_before_any_snapshot_are_ignored() -> None:
    machine = engine()

    assert folded(data().records[1:50], machine) == []
    assert machine.counts.depth_messages == 0


def test_a_calibration_for_something_else_is_refused(calibration: Calibration) -> None:
    from msray.errors import ConfigError

    words = WORDS.model_copy(update={"bar_ms": 200})
    with pytest.raises(ConfigError, match="made for other watches"):
        PredictionEngine(data().instrument, words, calibration=calibration)
    with pytest.raises(ConfigError, match="calibration is for"):
        other = create_synthetic_order_book_data(seed=1, duration_s=1.0).instrument
        PredictionEngine(
            type(other)(venue="test", symbol="OTHER", price_decimals=1, size_decimals=3, tick=1, grid=1),
            WORDS,
            calibration=calibration,
        )


def test_the_log_of_the_data_begins_with_a_snapshot() -> None:
    assert data().records.messages["kind"][0] == SNAPSHOT
