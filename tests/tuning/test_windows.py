"""Folds share no message, tell no signal that could lead beyond their end, and see nothing of what is held out."""

from itertools import pairwise

import numpy as np
import pytest

from msray.backtest import BacktestConfig, MakeStrategy, SignalFollower
from msray.backtest.market_maker import MarketMaker
from msray.backtest.run import run_one
from msray.backtest.variants import BINS
from msray.errors import UsageError
from msray.tuning import Assumed, Axis, Backtests, Cutter, Plan, TuneConfig, cut_before, detect, make_windows
from msray.tuning.windows import known_times
from tests.backtest.made import depth, gap, records, regrid, snapshot, tape
from tests.backtest.planted import WORDS, leaning

SECOND = 1_000_000_000
CONFIG = BacktestConfig(profit_target_pct=0.002, stop_loss_pct=0.0015, max_holding_seconds=12.0, fee_rate=0.0)
BASE = Assumed(backtest=CONFIG, detection=WORDS)


def plan(make: MakeStrategy = SignalFollower, **words: object) -> Plan:
    config = TuneConfig(space={"backtest.max_holding_seconds": Axis(low=2.0, high=20.0)}, folds=4, **words)
    return Plan.of("follower", make, config, BASE, is_calibrated=False)


def test_folds_share_no_message_and_the_part_held_out_is_the_last() -> None:
    windows = plan(embargo_seconds=3.0).windows([leaning()])
    every = [*windows.folds, windows.held_out]

    assert all(one.end_ns + 3 * SECOND == other.begin_ns for one, other in pairwise(every))
    assert windows.folds[0].bins[0] == 0
    assert [one.bins[1] for one in every[:-1]] == [other.bins[0] for other in every[1:]]
    assert windows.held_out.bins == (round(0.8 * BINS), BINS)
    assert windows.held_out.end_ns == known_times(leaning(), CONFIG)[-1] + 1


def test_what_the_longest_holding_of_the_space_could_lead_beyond_is_purged() -> None:
    windows = plan().windows([leaning()])

    assert windows.purge_ns == pytest.approx(20 * SECOND + 41e6)
    trades = 0
    for window, part in zip(windows.folds, Cutter(leaning(), CONFIG, windows.folds).tapes(), strict=True):
        result = run_one([part], BASE.having({"backtest.max_holding_seconds": 20.0}).backtest, SignalFollower)
        assert all(window.begin_ns <= signal.event_ns < window.told_ns for signal in part.signals)
        assert all(trade.exit_ns < window.end_ns for trade in result.trades)
        assert all(account.size == 0 for account in result.accounts.values())
        trades += len(result.trades)
    assert trades > 5


def test_a_strategy_that_hears_no_signal_purges_none() -> None:
    assert plan(lambda config: MarketMaker(config.maker)).windows([leaning()]).purge_ns == 0


def test_a_fold_plays_the_recording_as_it_was() -> None:
    """A fold from the first message on is the recording, cut; a later one trades as the whole does, signals alike."""
    windows = plan().windows([leaning()])
    parts = Cutter(leaning(), CONFIG, windows.folds).tapes()
    whole = run_one([leaning()], CONFIG, SignalFollower)

    found = [trade for part in parts for trade in run_one([part], CONFIG, SignalFollower).trades]

    begun = {trade.entry_ns: trade for trade in whole.trades}
    assert len(found) > 5
    for trade in found:
        assert (begun[trade.entry_ns].exit_ns, begun[trade.entry_ns].entry_price) == (trade.exit_ns, trade.entry_price)


def test_no_trial_sees_what_is_held_out() -> None:
    """With another future behind the folds, everything that trials are given is the same."""
    windows = plan().windows([leaning()])
    end_ns = windows.folds[-1].end_ns
    seen = cut_before(leaning(), CONFIG, end_ns)

    assert known_times(seen, CONFIG)[-1] < end_ns
    assert len(seen.records.levels) < len(leaning().records.levels)
    assert len(seen.signals) == sum(message < len(seen.records) for message in leaning().signal_message)
    for one, other in zip(
        Cutter(seen, CONFIG, windows.folds).tapes(), Cutter(leaning(), CONFIG, windows.folds).tapes(), strict=True
    ):
        assert one.records.messages.tobytes() == other.records.messages.tobytes()
        assert one.records.levels.tobytes() == other.records.levels.tobytes()
        assert (one.signals, one.bests.tobytes()) == (other.signals, other.bests.tobytes())


def test_detectors_with_the_same_words_find_what_the_replay_found() -> None:
    signals, messages = detect(leaning(), WORDS)

    assert signals == leaning().signals
    assert np.array_equal(messages, leaning().signal_message)


def test_signals_that_are_found_anew_stand_where_those_of_the_recording_do() -> None:
    windows = plan().windows([leaning()])
    cutter = Cutter(leaning(), CONFIG, windows.folds)

    anew = detect(leaning(), WORDS)
    for number, part in enumerate(cutter.tapes()):
        signals, messages = cutter.heard(number, *anew)
        assert signals == part.signals
        assert np.array_equal(messages, part.signal_message)
        ids = part.records.messages["last_id"][messages]
        assert ids.tolist() == [signal.event_id for signal in signals]


def test_a_window_begins_with_the_grid_that_is_in_force() -> None:
    log = records(
        snapshot(0, {99: 4}, {101: 4}),
        depth(SECOND, (0, 100, 2)),
        regrid(2 * SECOND, 10, 2),
        depth(3 * SECOND, (0, 1001, 3)),
        depth(8 * SECOND, (0, 1002, 3)),
        gap(9 * SECOND),
    )
    whole, config = tape(log), BacktestConfig()
    windows = make_windows(0, 10 * SECOND, TuneConfig(folds=2), purge_ns=0)

    first, second = Cutter(whole, config, windows.folds).tapes()

    assert (first.instrument, first.instrument.price_decimals) == (whole.instrument, 1)
    assert second.instrument.price_decimals == 2
    assert second.bests[0].tolist() == whole.bests[1].tolist()


@pytest.mark.parametrize("words", [{"embargo_seconds": 200.0}, {"held_out": 0.5, "embargo_seconds": 95.0}])
def test_folds_that_are_too_short_are_refused(words: dict) -> None:
    with pytest.raises(UsageError, match="folds must be longer than"):
        plan(**words).windows([leaning()])


def test_recordings_without_a_message_are_refused() -> None:
    with pytest.raises(UsageError, match="recordings must hold a message"):
        plan().windows([tape(records())])


def test_who_does_not_trade_scores_0_by_either_measure() -> None:
    windows = plan().windows([leaning()])
    part = Cutter(leaning(), CONFIG, windows.folds).tapes()[:1]
    never = BASE.having({"backtest.position_size_pct": 1e-9})

    for objective in ("net_return", "sharpe"):
        _, score = Backtests(base=BASE, strategy=SignalFollower, objective=objective).play(
            part, windows.folds[0], never
        )
        assert score.score == 0.0
        assert set(score.returns) == {0.0}
