import numpy as np
import pytest

from msray.backtest.config import BacktestConfig
from msray.backtest.tape import TapeRecorder, TwoClocks
from msray.feeds.replay import drive, open_replay
from msray.market import DEPTH, SNAPSHOT
from msray.prediction import CalibrationConfig, DetectionConfig, Pipeline
from tests.backtest.made import INSTRUMENT, depth, records, regrid, signal, snapshot, tape

MS = 1_000_000


def clocks(**words):
    return TwoClocks(BacktestConfig(compute_ms=1.0, **words))


def log(*times_ms):
    """Depth messages of (exchange ms, local ms)."""
    made = records(*(depth(0, (0, 99, 1)) for _ in times_ms))
    made.messages["event_ns"] = [sent * MS for sent, _ in times_ms]
    made.messages["local_ns"] = [received * MS for _, received in times_ms]
    return made


def test_features_are_known_when_they_have_been_received_and_computed():
    exchange_ns, known_ns = clocks().read(log((10, 15), (20, 22)))

    assert (exchange_ns // MS).tolist() == [10, 20]
    assert (known_ns // MS).tolist() == [16, 23]


def test_neither_clock_goes_back_even_between_pieces():
    both = clocks()
    both.read(log((10, 30)))

    exchange_ns, known_ns = both.read(log((8, 20), (12, 25)))

    assert (exchange_ns // MS).tolist() == [10, 12]
    assert (known_ns // MS).tolist() == [31, 31]


def test_the_matching_engines_own_time_is_taken_where_there_is_one():
    made = log((10, 15))
    made.messages["trade_ns"] = 7 * MS

    assert (clocks().read(made)[0] // MS).tolist() == [7]


def test_a_message_that_was_on_its_way_for_too_long_counts_as_sent_later():
    exchange_ns, _ = clocks(max_feed_delay_s=1.0).read(log((10, 5000)))

    assert (exchange_ns // MS).tolist() == [4000]


def test_a_declared_correction_moves_our_clock_only():
    exchange_ns, known_ns = clocks(clock_correction_ms=100.0).read(log((1000, 920)))

    assert (exchange_ns // MS).tolist() == [1000]
    assert (known_ns // MS).tolist() == [1021]


def test_a_record_without_any_time_goes_with_the_one_before_it():
    made = records(depth(10 * MS, (0, 99, 1)), (SNAPSHOT, 0, []))

    exchange_ns, known_ns = clocks().read(made)

    assert (exchange_ns // MS).tolist() == [10, 10]
    assert (known_ns // MS).tolist() == [11, 11]


def test_a_tape_is_parted_where_its_grid_changes():
    log = records(snapshot(0, {99: 1}, {101: 1}), depth(1, (0, 98, 1)), regrid(2, 10, 2), depth(3, (0, 995, 1)))
    whole = tape(log, [(1, signal(1)), (3, signal(3))])

    first, second = whole.by_grid()

    finer = INSTRUMENT.regridded(2, 1)
    assert (first.instrument, second.instrument) == (INSTRUMENT, finer)
    assert [len(first.records), len(second.records)] == [3, 1]
    assert [first.bests[:, 0].tolist(), second.bests[:, 0].tolist()] == [[99], [995]]
    assert [first.row_message.tolist(), second.row_message.tolist()] == [[1], [0]]
    assert [part.signals[0].event_ns for part in (first, second)] == [1, 3]
    assert second.signal_message.tolist() == [0]


def test_a_tape_on_one_grid_is_its_only_part():
    whole = tape(records(snapshot(0, {99: 1}, {101: 1}), depth(1, (0, 98, 1))))

    assert list(whole.by_grid()) == [whole]


@pytest.fixture(scope="module")
def recorded(data_dir):
    path = data_dir / "binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz"
    replay = open_replay([path])
    (instrument,) = replay.instruments
    words = DetectionConfig(bar_ms=100, arl0=600, calibration=CalibrationConfig(bars=600, delay_bars=10))
    recorder = TapeRecorder(instrument, columns=(0,))
    pipeline = Pipeline([instrument], words, sink=lambda _: recorder.rows, log=lambda _: recorder.folded)
    result = drive(replay, pipeline)
    return recorder.take(), result, recorder


def test_a_tape_has_every_record_row_and_signal_of_the_replay(recorded):
    tape, result, _ = recorded
    messages = tape.records.messages

    assert messages["kind"][0] == SNAPSHOT
    assert (tape.row_message == np.flatnonzero(messages["kind"] == DEPTH)).all()
    assert len(tape.bests) == len(tape.values) == len(tape.row_message)
    assert list(tape.signals) == result.signals
    assert len(tape.signals) > 5


def test_each_signal_belongs_to_the_message_that_raised_it(recorded):
    tape, _, _ = recorded

    for raised, number in zip(tape.signals, tape.signal_message, strict=True):
        message = tape.records.messages[number]
        assert (message["last_id"], message["event_ns"]) == (raised.event_id, raised.event_ns)


def test_the_next_tape_begins_empty(recorded):
    _, _, recorder = recorded

    assert len(recorder.take().records) == 0
