"""A fold that is entered in the middle of a tape gives what the whole tape gives, whatever came before it."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import SECOND, BacktestConfig, FundingRate, LatencyConfig, QueueConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.entrances import grids_of
from msray.backtest.folds import cut_time, span_of
from msray.backtest.follower import SignalFollower
from msray.backtest.stage import Stage
from msray.backtest.strategy import Strategy
from msray.backtest.tape import Tape
from msray.book import L2Book
from msray.book.kernels import NO_ASK
from msray.errors import UnknownNameError, UsageError
from msray.features import NAMES
from msray.market import DEPTH, GAP, REGRID, SNAPSHOT, TRADE, Records, Side
from tests.backtest.made import INSTRUMENT, pieces, random_messages, records, signal, snapshot, times
from tests.backtest.planted import leaning_market

OTHER = replace(INSTRUMENT, symbol="Y")
X, Y = INSTRUMENT.id, OTHER.id
CONFIG = BacktestConfig(
    profit_target_pct=0.03,
    stop_loss_pct=0.02,
    max_holding_seconds=40.0,
    risk=RiskConfig(max_daily_loss_pct=1.0, max_drawdown_pct=1.0),
    latency=LatencyConfig(entry_ms=300.0, response_ms=700.0, jitter_ms=200.0),
)


def market(rng, instrument=INSTRUMENT, count=150, is_timed=True):
    """A market by chance: gaps, snapshots that show a part of the book, a grid that becomes finer, signals."""
    made = random_messages(rng, count)
    for at in sorted(rng.choice(np.arange(20, count, 20), rng.integers(0, 3), replace=False).tolist()):
        made[at] = (GAP, made[at][1], [])
        made[at + 1 : at + 8] = [(TRADE, at_ns, [(0, 101, 2)]) for _, at_ns, _ in made[at + 1 : at + 8]]
        made[at + 8] = snapshot(made[at + 8][1], {99: 4, 98: 5, 96: 3}, {101: 4, 102: 5, 104: 3})
    finer = int(rng.integers(30, 2 * count))
    if finer < count and made[finer][0] == SNAPSHOT:
        finer = count  # without it the book would stay unknown
    if finer < count:
        made[finer] = (REGRID, made[finer][1], [])
    log = times(records(*made), SECOND // 10)
    messages = log.messages
    whole = rng.random(count) < 0.5
    messages["first_id"] = np.where((messages["kind"] == SNAPSHOT) & ~whole, 3, 0)
    if finer < count:
        messages[["first_id", "last_id", "prev_id"]][finer] = (2, 1, 10)
        log.levels["tick"][messages["begin"][finer] :] *= 10
    messages["local_ns"] += np.maximum.accumulate(rng.integers(0, 3 * SECOND, count)) if is_timed else 0
    if not is_timed:
        messages["local_ns"] = 0
    tape = with_rows(log, instrument)
    raised = np.sort(rng.choice(tape.row_message, min(12, len(tape.row_message)), replace=False))
    signals = [
        signal(int(messages["event_ns"][at]), int(rng.choice([-1, 1])), instrument=instrument.id) for at in raised
    ]
    return replace(tape, signals=tuple(signals), signal_message=raised)


def with_rows(log, instrument):
    """The tape of a log, its rows from a book of our own that follows the grid."""
    book, numbers, bests = L2Book(instrument), np.flatnonzero(log.messages["kind"] == DEPTH), []
    for message in log.messages:
        levels = log.levels[message["begin"] : message["end"]]
        if message["kind"] == SNAPSHOT:
            book.load(levels, int(message["first_id"]))
        elif message["kind"] == REGRID:
            finer = book.instrument.regridded(int(message["first_id"]), int(message["last_id"]))
            book.regrid(finer, int(message["prev_id"]))
        elif message["kind"] == DEPTH:
            book.apply(levels)
            bid, bid_size, ask, ask_size = astuple(book.best())
            bests.append((-1 if bid is None else bid, bid_size, NO_ASK if ask is None else ask, ask_size))
    values = np.arange(len(numbers) * 2.0).reshape(-1, 2)
    made = np.array(bests, np.int64)
    return Tape(instrument, log, numbers, made, values, (0, 1), (), np.zeros(0, np.int64))


def uncut(tapes, config, strategy, fold):
    """The backtest of whole tapes with the signals of a fold."""
    engine = BacktestingEngine(config, strategy)
    engine.trade([tape.instrument for tape in tapes])
    for tape in tapes:
        mine = [at for at, one in enumerate(tape.signals) if fold[0] <= one.event_ns < fold[1]]
        kept = replace(tape, signals=tuple(tape.signals[at] for at in mine), signal_message=tape.signal_message[mine])
        grids = grids_of(tape)
        for part, (_, instrument) in zip(pieces(kept, [at for at, _ in grids[1:]]), grids, strict=True):
            engine.feed(replace(part, instrument=instrument))
    return engine.finish()


class Looking(SignalFollower):
    """Keeps what it saw with each signal."""

    columns = tuple(NAMES[:2])

    def __init__(self, config):
        super().__init__(config)
        self.seen = []

    def on_signal(self, signal, desk):
        quotes = [desk.quote(one.id) for one in desk.instruments]
        rows = [desk.values(one.id).tolist() for one, quote in zip(desk.instruments, quotes, strict=True) if quote]
        self.seen.append((desk.now_ns, quotes, rows))
        super().on_signal(signal, desk)


def story(result):
    return result.signals, result.fills, result.trades, result.answers, result.orders, result.final_equity


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8), st.booleans(), st.sampled_from(["risk_averse", "power"]))
def test_a_fold_gives_what_the_whole_tapes_give_with_its_signals_alone(seed, count, is_timed, queue):
    rng = np.random.default_rng(seed)
    tapes = [market(rng, INSTRUMENT, is_timed=is_timed), market(rng, OTHER, is_timed=is_timed)]
    folds = cut_time(*span_of(tapes), count)
    config = CONFIG.model_copy(update={"queue": QueueConfig(model=queue)})
    places = [((X, Y), fold) for fold in folds] + [((Y,), fold) for fold in folds]
    stage = Stage(tapes, places, [config])

    for place in places:
        traded = [tape for tape in tapes if tape.instrument.id in place[0]]
        cut, whole = Looking(config), Looking(config)
        found, _ = stage.play(place, config, cut)

        assert story(found) == story(uncut(traded, config, whole, place[1]))
        assert cut.seen == whole.seen


def test_instruments_of_which_only_one_has_local_times_are_played_from_their_beginning():
    rng = np.random.default_rng(3)
    tapes = [market(rng, INSTRUMENT), market(rng, OTHER, is_timed=False)]
    fold = cut_time(*span_of(tapes), 3)[2]
    stage = Stage(tapes, [((X, Y), fold)], [CONFIG])

    found, _ = stage.play(((X, Y), fold), CONFIG, SignalFollower(CONFIG))

    assert story(found) == story(uncut(tapes, CONFIG, SignalFollower(CONFIG), fold))


class Clinging(Strategy):
    """Buys at the first signal and never sells: the tape has to be played to its end."""

    def __init__(self):
        self.is_done = False

    def on_signal(self, signal, desk):
        self.is_done = self.is_done or isinstance(desk.place(signal.instrument, Side.BUY, 1), int)


def test_what_is_held_to_the_end_is_valued_there():
    tapes = [market(np.random.default_rng(5))]
    fold = cut_time(*span_of(tapes), 3)[1]
    stage = Stage(tapes, [((X,), fold)], [CONFIG])

    found, messages = stage.play(((X,), fold), CONFIG, Clinging())

    assert found.accounts[X].size == 1
    assert story(found) == story(uncut(tapes, CONFIG, Clinging(), fold))
    assert messages >= len(tapes[0].records) - tapes[0].signal_message[1]


def test_of_a_long_tape_a_short_fold_plays_little():
    tape = leaning_market(7, follows=True)
    first, *_, last = (one.event_ns for one in tape.signals)
    config = BacktestConfig(max_holding_seconds=15.0)
    folds = cut_time(first, last + 1, 50)
    places = [((X,), fold) for fold in folds]
    stage = Stage([tape], places, [config])

    played = [stage.play(place, config, SignalFollower(config))[1] for place in places]

    assert sum(played) < 3 * len(tape.records)


def test_payments_to_other_instruments_are_left_out():
    tapes = [market(np.random.default_rng(1)), market(np.random.default_rng(2), OTHER)]
    payments = tuple(FundingRate(instrument=name, at_ns=140 * SECOND, rate=0.01) for name in (X, Y))
    config = CONFIG.model_copy(update={"funding": payments})
    stage = Stage(tapes, [((X,), None)], [config])

    found, _ = stage.play(((X,), None), config, Clinging())

    assert set(found.accounts) == {X}
    assert found.accounts[X].funding != 0
    with pytest.raises(UnknownNameError, match=f"unknown instrument of backtest.funding '{Y}'"):
        Stage(tapes[:1], [((X,), None)], [config])


@pytest.mark.parametrize(
    ("tapes", "place", "message"),
    [
        ([], ((X,), None), "tapes must hold at least one instrument, got none"),
        ([1, 1], ((X,), None), "tapes must be one an instrument, got 2 of 1 instruments"),
        ([1], ((), None), "instruments of a cell must name at least one, got none"),
        ([1], ((X,), (5, 5)), "a fold must begin at 0 or later and end after its begin, got 5 to 5"),
    ],
)
def test_what_cannot_be_played_is_refused(tapes, place, message):
    with pytest.raises(UsageError, match=message):
        Stage([market(np.random.default_rng(seed)) for seed in tapes], [place], [CONFIG])


def test_an_instrument_without_a_tape_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="unknown instrument 'test:Z'"):
        Stage([market(np.random.default_rng(1))], [(("test:Z",), None)], [CONFIG])


def test_a_strategy_that_does_not_wait_for_signals_has_no_folds():
    tape, strategy = market(np.random.default_rng(1)), Strategy()
    strategy.wants_rows = True
    fold = (0, 10**18)

    with pytest.raises(UsageError, match="waits for signals"):
        Stage([tape], [((X,), fold)], [CONFIG]).play(((X,), fold), CONFIG, strategy)


def test_a_clock_that_was_behind_is_refused_before_anything_is_run():
    tape = market(np.random.default_rng(1))
    messages = tape.records.messages.copy()
    messages["local_ns"] -= 3600 * SECOND * (messages["local_ns"] > 0)
    messages["local_ns"] = np.maximum(messages["local_ns"], 1)
    tape = replace(tape, records=Records(messages, tape.records.levels))

    with pytest.raises(UsageError, match="clock_correction_ms must be at least"):
        Stage([tape], [((X,), None)], [CONFIG])


def test_made_markets_hold_what_they_are_to_test():
    kinds = np.concatenate([market(np.random.default_rng(seed)).records.messages["kind"] for seed in range(20)])

    assert {SNAPSHOT, DEPTH, TRADE, GAP, REGRID} <= set(kinds.tolist())
