"""The truncation test must let honest strategies pass, and find those that know what is yet to come."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from msray.backtest import SignalFollower, Strategy
from msray.backtest.config import BacktestConfig, FundingRate
from msray.backtest.diary import kept_diary
from msray.backtest.differences import differing_tapes
from msray.backtest.lookahead import DISGUISE_NS, check_lookahead, cut_times
from msray.errors import UsageError
from msray.features import FEATURES
from msray.market import Side
from tests.backtest.made import pieces
from tests.backtest.planted import INSTRUMENT, SECOND, leaning_market

CONFIG = BacktestConfig(profit_target_pct=0.002, stop_loss_pct=0.0015, max_holding_seconds=15.0, fee_rate=0.0002)
X = INSTRUMENT.id
SEEN: list[int] = []
"""What ``Keeper`` keeps from run to run."""
FUTURE: dict[int, int] = {}
"""What ``ByHeart`` has read in the recording, by time."""


@pytest.fixture(scope="module")
def market():
    return replace(leaning_market(7, follows=True, episodes=8), columns=(0,))


@pytest.fixture(scope="module")
def whole(market):
    """With a feature column, which the recorder of the planted market leaves out."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(len(market.row_message), 1))
    values[::7] = np.nan
    return replace(market, values=values)


def until(tape, cut_ns):
    """The tape of a recording that ends at a local time."""
    known = np.maximum.accumulate(tape.records.messages["local_ns"])
    return pieces(tape, [int(np.searchsorted(known, cut_ns, side="right"))])[0]


def check(whole, strategy=None, *, read=until, cuts=4, config=CONFIG, calibrations=None):
    return check_lookahead(
        [whole],
        config,
        read_until=lambda cut_ns: [read(whole, cut_ns)],
        cuts_ns=cut_times([whole], cuts, np.random.default_rng(3)),
        strategy=strategy,
        calibrations=calibrations,
    )


class Sided(Strategy):
    """Buys or sells one unit on each signal, as it thinks."""

    def __init__(self, config):
        self.config = config

    def side(self, signal, desk):
        raise NotImplementedError

    def on_signal(self, signal, desk):
        side = self.side(signal, desk)
        if side is not None:
            desk.place(signal.instrument, side, 1)


class Peeker(Sided):
    """Looks at the last row that the desk holds."""

    def side(self, signal, desk):
        last = desk.markets[X].quotes._pieces[-1].bests[-1, 0]
        return Side.BUY if last > desk.quote(X).bid_tick else Side.SELL


class Breaker(Sided):
    """Looks fifty rows ahead, which are not always there."""

    def side(self, signal, desk):
        quotes = desk.markets[X].quotes
        return Side.BUY if quotes._pieces[0].bests[quotes._at + 50, 0] > 0 else None


class ByHeart(Sided):
    """Knows from a list how the price goes on."""

    def side(self, signal, desk):
        move = FUTURE.get(signal.event_ns)
        return None if move is None else Side.BUY if move > 0 else Side.SELL


class ByName(Sided):
    """Knows from a list which signals are good."""

    def side(self, signal, desk):
        return Side.BUY if signal.signal_id in FUTURE else None


class Keeper(Sided):
    """Buys where the last run's price rose."""

    def __init__(self, config):
        super().__init__(config)
        self.before = list(SEEN)
        SEEN.clear()

    def side(self, signal, desk):
        SEEN.append(desk.quote(X).bid_tick)
        later = self.before[len(SEEN) : len(SEEN) + 1]
        return Side.BUY if later and later[0] > SEEN[-1] else None


class Gambler(Sided):
    """Has no seed."""

    rng = np.random.default_rng(5)

    def side(self, signal, desk):
        return Side(int(self.rng.integers(2)))


def test_an_honest_strategy_passes(whole):
    report = check(whole, SignalFollower)

    assert report.differences == ()
    assert min(report.rows, report.signals, report.entries) > 0


def test_what_is_computed_is_checked_without_a_strategy_too(whole):
    report = check(whole)

    assert (report.differences, report.entries) == ((), 0)
    assert report.rows > 1000


def test_a_strategy_that_looks_ahead_at_the_desk_is_found(whole):
    report = check(whole, Peeker)

    assert {one.test for one in report.differences} == {"cut"}
    first = report.differences[0]
    assert (first.what, first.at_ns < first.cut_ns) == ("order", True)
    assert {first.whole.split()[1], first.other.split()[1]} == {"BUY", "SELL"}


def test_a_strategy_that_fails_for_want_of_the_future_is_found(whole):
    cut_ns = int(whole.records.messages["local_ns"][whole.signal_message[5]]) + SECOND

    report = check_lookahead(
        [whole], CONFIG, read_until=lambda at_ns: [until(whole, at_ns)], cuts_ns=[cut_ns], strategy=Breaker
    )

    assert [(one.test, one.what) for one in report.differences] == [("cut", "error")]
    assert "IndexError" in report.differences[0].other


@pytest.mark.parametrize("strategy", [ByHeart, ByName])
def test_a_strategy_that_knows_dates_or_ids_by_heart_is_found(whole, strategy):
    FUTURE.clear()
    FUTURE.update({one.event_ns: 1 for one in whole.signals} | {one.signal_id: 1 for one in whole.signals})

    report = check(whole, strategy)

    assert [(one.test, one.other) for one in report.differences] == [("disguise", "nothing")]


@pytest.mark.parametrize("strategy", [Keeper, Gambler])
def test_a_strategy_that_does_otherwise_the_next_time_is_found_and_not_asked_further(whole, strategy):
    SEEN.clear()

    report = check(whole, strategy)

    assert [one.test for one in report.differences] == ["repeat"]


def test_a_strategy_that_fails_on_everything_fails(whole):
    with pytest.raises(NotImplementedError):
        check(whole, Sided)


def test_a_recorders_clock_that_was_behind_is_refused(whole):
    messages = whole.records.messages.copy()
    messages["local_ns"] -= SECOND
    behind = replace(whole, records=replace(whole.records, messages=messages))

    with pytest.raises(UsageError, match="clock_correction_ms must be at least"):
        check(behind, SignalFollower)


def test_funding_is_disguised_with_everything_else(whole):
    middle_ns = int(whole.records.messages["local_ns"].mean())
    paid = tuple(FundingRate(instrument=X, at_ns=middle_ns + i * SECOND, rate=0.01) for i in range(50))

    assert check(whole, SignalFollower, config=CONFIG.model_copy(update={"funding": paid})).differences == ()


def test_a_feature_that_depends_on_what_comes_later_is_named(whole):
    def smoothed(tape, cut_ns):
        """A centred mean of three rows, as one computes it in a table: its last row is another in a shorter one."""
        short = until(tape, cut_ns)
        return replace(short, values=centred(short.values))

    report = check(replace(whole, values=centred(whole.values)), read=smoothed)

    assert report.differences
    first = report.differences[0]
    assert first.what == f"feature {FEATURES[0].name} of {X}"
    assert first.at_ns <= first.cut_ns
    assert float(first.whole) != float(first.other)


def centred(values):
    known = np.nan_to_num(values)
    padded = np.pad(known, ((1, 1), (0, 0)), mode="edge")
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda t: replace(t, bests=t.bests + (np.arange(len(t.bests)) == 30)[:, None]), "best prices"),
        (
            lambda t: replace(t, row_message=t.row_message[:-1], bests=t.bests[:-1], values=t.values[:-1]),
            "number of rows",
        ),
        (lambda t: replace(t, signals=t.signals[:-1], signal_message=t.signal_message[:-1]), "signal"),
        (lambda t: replace(t, signals=(replace(t.signals[0], score=0.1), *t.signals[1:])), "signal"),
    ],
)
def test_whatever_differs_is_named(whole, change, what):
    cut_ns = int(whole.records.messages["local_ns"][-1]) - 10 * SECOND
    short = until(whole, cut_ns)

    assert differing_tapes(whole, short, cut_ns) is None
    found = differing_tapes(whole, change(short), cut_ns)

    assert (found.what, found.cut_ns) == (f"{what} of {X}", cut_ns)
    assert found.whole != found.other


def test_a_calibration_that_was_learned_from_what_it_judges_is_found(whole):
    judged = [one for one in whole.signals if one.calibration != "uncalibrated"]
    digest = judged[0].calibration
    early, late = (SimpleNamespace(digest=digest, last_ns=at_ns) for at_ns in (0, judged[0].event_ns))

    assert check(whole, calibrations={X: early}).differences == ()
    (found,) = check(whole, calibrations={X: late}).differences
    assert (found.test, found.what) == ("calibration", f"signal of {X}")
    assert f"learned until {late.last_ns}" in found.other


def test_cuts_are_at_messages_and_no_more_than_there_are(whole):
    times = whole.records.messages["local_ns"]

    few = cut_times([whole], 5, np.random.default_rng(1))
    all_of_them = cut_times([whole], 10**6, np.random.default_rng(1))

    assert len(few) == 5 == len(set(few) & set(times.tolist()))
    assert few == tuple(sorted(few)) == cut_times([whole], 5, np.random.default_rng(1))
    assert len(all_of_them) == len(np.unique(times))


def test_a_diary_keeps_orders_fills_cancels_and_changes(whole):
    class Busy(Sided):
        def on_signal(self, signal, desk):
            bid = desk.quote(X).bid_tick
            number = desk.place(X, Side.BUY, 1, kind=0, tick=bid - 50)
            desk.replace(number, bid - 40, 1)
            desk.cancel(number)
            desk.place(X, Side.BUY, 1)

    entries = kept_diary([whole], CONFIG, Busy).entries

    assert [one.what for one in entries[:4]] == ["order", "replace", "cancel", "order"]
    assert "fill" in {one.what for one in entries}
    assert all(one.at_ns <= other.at_ns for one, other in pairwise(entries))


def test_the_disguise_keeps_the_day_of_the_week_and_the_time_of_day():
    assert DISGUISE_NS % (7 * 86_400 * SECOND) == 0
