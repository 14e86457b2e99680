"""What must hold of the maker at every step, on markets made by chance and on a recorded one."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import BacktestConfig, LatencyConfig, MarketMakerConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.inventory import track_inventory
from msray.backtest.mids import mids_of
from msray.backtest.tape import TapeRecorder
from msray.feeds.replay import drive, open_replay
from msray.prediction import DetectionConfig, Pipeline
from tests.backtest.made import INSTRUMENT, pieces
from tests.backtest.watched import FREE, LEARNING, STILL, Watched, random_market, run


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 200), st.integers(0, 200), st.sampled_from([STILL, LEARNING]))
def test_on_any_market_with_any_latency_every_promise_holds(seed, entry_ms, response_ms, config):
    """One order a side, the limit, post-only, no order into an unknown book: judged at every step, see Watched."""
    latency = LatencyConfig(entry_ms=entry_ms, response_ms=response_ms, jitter_ms=20)

    maker, result = run(random_market(seed), config, FREE.model_copy(update={"latency": latency}))

    assert all(fill.is_maker for fill in result.fills)
    rested = {line[2] for line in maker.diary if line[1] == "answer"}
    assert rested or not maker.sent


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_each_instrument_is_quoted_as_if_it_were_alone(seed):
    other = replace(INSTRUMENT, symbol="Y")
    paths = [random_market(seed), random_market(seed + 1, instrument=other)]

    together, _ = run(paths, LEARNING)

    for path in paths:
        alone, result = run(path, LEARNING)
        name = path.instrument.id
        assert together.quoted(name) == alone.quoted(name)
        assert together.desk.position(name) == result.accounts[name].size


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 200), max_size=5, unique=True))
def test_a_market_fed_in_pieces_is_quoted_as_at_once(seed, cuts):
    words = FREE.model_copy(update={"latency": LatencyConfig(entry_ms=30, response_ms=20, jitter_ms=10)})
    whole = random_market(seed)
    at_once, expected = run(whole, LEARNING, words)

    by_piece = Watched(LEARNING)
    engine = BacktestingEngine(words, by_piece)
    engine.trade([INSTRUMENT])
    for piece in pieces(whole, sorted(cuts)):
        engine.feed(piece)
        engine.go_to(engine.settled_ns)
    found = engine.finish()

    assert by_piece.diary == at_once.diary
    assert found.final_equity == expected.final_equity


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(60, 239))
def test_what_comes_later_changes_no_quote_before_it(seed, cut):
    words = FREE.model_copy(update={"latency": LatencyConfig(entry_ms=30, response_ms=20)})
    whole = random_market(seed)

    diaries = []
    for path in (whole, pieces(whole, [cut])[0]):
        maker, _ = run(path, LEARNING, words)
        last_ns = int(whole.records.messages["event_ns"][cut - 1])
        diaries.append([line for line in maker.diary if line[0] < last_ns])

    assert diaries[0] == diaries[1]


@pytest.fixture(scope="module")
def recorded(data_dir):
    replay = open_replay([data_dir / "binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz"])
    (instrument,) = replay.instruments
    recorder = TapeRecorder(instrument)
    drive(
        replay, Pipeline([instrument], DetectionConfig(), sink=lambda _: recorder.rows, log=lambda _: recorder.folded)
    )
    return recorder.take()


REAL = BacktestConfig(initial_capital=1e6, clock_correction_ms=1300.0, maker_fee_rate=0.0)


@pytest.mark.parametrize("model", ["glft", "avellaneda_stoikov"])
def test_on_a_recorded_market_every_promise_holds_and_every_gain_has_its_place(recorded, model):
    config = MarketMakerConfig(model=model, gamma=0.001)

    maker, result = run(recorded, config, REAL)

    name = recorded.instrument.id
    quoted, size = maker.quoted(name), maker._books[name].size
    report = track_inventory(
        result, mids_of([recorded], REAL), limit_units=size * config.max_inventory_orders, quoted=quoted
    )
    assert all(fill.is_maker for fill in result.fills)
    assert len(result.fills) > 100
    assert report.earnings.net == result.accounts[name].worth(maker.desk.quote(name).mid_price)
    assert report.earnings.net / 10**45 == pytest.approx(result.final_equity - 1e6)
    assert report.captured_bps > 0 > report.markout_bps[0]
    assert 0.5 < report.uptime < 1
    assert 0 <= report.time_at_limit < 0.2


def test_on_a_recorded_market_pieces_and_what_comes_later_change_nothing(recorded):
    config = MarketMakerConfig(half_life_s=5.0)
    short = pieces(recorded, [6000])[0]
    at_once, expected = run(short, config, REAL)

    by_piece = Watched(config)
    engine = BacktestingEngine(REAL, by_piece)
    engine.trade([short.instrument])
    for piece in pieces(short, range(500, 6000, 500)):
        engine.feed(piece)
        engine.go_to(engine.settled_ns)
    found = engine.finish()
    cut, _ = run(pieces(recorded, [3000])[0], config, REAL)

    assert by_piece.diary == at_once.diary
    assert found.fills == expected.fills
    last_ns = int(recorded.records.messages["event_ns"][2999])
    assert [line for line in cut.diary if line[0] < last_ns] == [line for line in at_once.diary if line[0] < last_ns]
    assert len(cut.diary) > 20
