"""Labels of recordings: those of the labels' own functions, at what was known when."""

import numpy as np
import pytest

from msray.backtest.config import MS, SECOND, BacktestConfig
from msray.backtest.labelling import FAMILIES, Horizon, LabelWords, label_tape
from msray.backtest.scoring import read_market
from msray.errors import UnknownNameError, UsageError
from msray.labels import Barriers, later_mean_over_last_mean, next_mean_over_mid, triple_barrier, uniqueness
from tests.backtest.made import depth, gap, records, signal, snapshot, tape
from tests.backtest.planted import leaning_market

CONFIG = BacktestConfig(compute_ms=3.0)
BARRIERS = Barriers(profit_target_pct=0.002, stop_loss_pct=0.0015, max_holding_s=15.0)


@pytest.fixture(scope="module")
def market():
    return leaning_market(7, follows=True, episodes=6)


def test_labels_at_signals_are_triple_barriers_on_their_sides(market):
    known = read_market(market, CONFIG)

    found = label_tape(market, CONFIG, LabelWords(barriers=BARRIERS))

    side = np.where(known.side == 0, 1, known.side)
    expected = triple_barrier(known.prices, known.known_ns, side, barriers=BARRIERS)
    assert found.events == len(market.signals)
    assert found.labels.label.tolist() == expected.label.tolist()
    assert found.labels.spans.tolist() == expected.spans.tolist()
    assert found.uniqueness.tolist() == uniqueness(expected.spans).tolist()
    assert found.effective == pytest.approx(found.uniqueness.sum())


def test_a_grid_is_at_whole_multiples_whenever_the_recording_begins():
    messages = [snapshot(SECOND, {99: 9}, {101: 9})]
    messages += [depth(step * SECOND // 2, (0, 99, 1 + step % 5)) for step in range(3, 60)]
    barriers = Barriers(max_holding_s=1.0)

    late = tape(records(snapshot(7 * SECOND, {99: 9}, {101: 9}), *messages[14:]))
    grids = [
        label_tape(one, CONFIG, LabelWords(barriers=barriers, every_s=4.0)).labels.spans[:, 0]
        for one in (tape(records(*messages)), late)
    ]

    assert grids[0].tolist() == [at * SECOND for at in (4, 8, 12, 16, 20, 24, 28)]
    assert grids[1].tolist() == [at * SECOND for at in (12, 16, 20, 24, 28)]


def test_one_side_can_be_asked_of_all(market):
    words = LabelWords(barriers=BARRIERS, every_s=5.0, side=-1)

    assert set(label_tape(market, CONFIG, words).labels.side.tolist()) == {-1}


def test_horizons_look_at_the_quotes_in_force_and_never_over_a_gap():
    rng = np.random.default_rng(2)
    ticks = 1000 + np.cumsum(rng.integers(-3, 4, 60))
    messages, shown = [snapshot(0, {int(ticks[0]): 9}, {int(ticks[0]) + 2: 9})], int(ticks[0])
    for step, tick in enumerate(ticks.tolist(), start=1):
        if step == 30:
            messages += [gap(step * SECOND), snapshot(step * SECOND + 1, {tick: 9}, {tick + 2: 9})]
        else:
            moved = [(0, shown, 0), (1, shown + 2, 0), (0, tick, 9), (1, tick + 2, 9)]
            messages.append(depth(step * SECOND, *(moved if tick != shown else [(0, tick, 10 + step)])))
        shown = tick
    whole = tape(records(*messages))
    words = LabelWords(
        barriers=Barriers(max_holding_s=2.0), every_s=1.0, horizons=(Horizon(family="next_mean_over_mid", rows=4),)
    )

    found = label_tape(whole, CONFIG, words)

    prices = read_market(whole, CONFIG).prices
    mid, (column,) = prices.mid, found.horizons.values()
    edge = int(np.flatnonzero(np.isnan(mid))[0])
    rows = prices.row_at(found.labels.spans[:, 0])
    parts = [(0, next_mean_over_mid(mid[:edge], 4, threshold_pct=0.0))]
    parts += [(edge + 1, next_mean_over_mid(mid[edge + 1 :], 4, threshold_pct=0.0))]
    expected = {
        begin + int(row): (int(label), int(prices.at_ns[begin + end]))
        for begin, part in parts
        for row, end, label in zip(part.row, part.end_row, part.label, strict=True)
    }
    assert column.is_known.tolist() == [int(row) in expected for row in rows]
    for i in np.flatnonzero(column.is_known):
        assert (column.label[i], column.end_ns[i]) == expected[int(rows[i])]
    assert not column.is_known.all()
    assert column.is_known.any()


def test_a_position_is_opened_when_its_signal_was_known():
    log = records(
        snapshot(0, {99: 9}, {101: 9}),
        depth(SECOND, (0, 99, 8)),
        *(depth(s * SECOND, (0, 99, s)) for s in range(2, 30)),
    )

    found = label_tape(tape(log, [(1, signal(SECOND))]), CONFIG, LabelWords(barriers=BARRIERS))

    assert found.labels.spans[0, 0] == SECOND + 3 * MS


def test_smoothing_is_handed_on():
    mid = 100.0 + np.arange(20.0)
    horizon = Horizon(family="later_mean_over_last_mean", rows=6, smoothing=2)

    expected = later_mean_over_last_mean(mid, 6, smoothing=2, threshold_pct=0.0)
    assert horizon.label(mid).change.tolist() == expected.change.tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_asked_for_by_name(family):
    smoothing = 2 if family == "later_mean_over_last_mean" else None

    assert len(Horizon(family=family, rows=3, smoothing=smoothing).label(np.full(9, 100.0)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"family": "later_mid_over_mid", "rows": 0}, "k must be 1 to"),
        ({"family": "later_mid_over_mid", "rows": 5, "threshold_pct": 2.0}, "threshold_pct must be 0 to below 0.5"),
        ({"family": "later_mid_over_mid", "rows": 5, "smoothing": 2}, "smoothing belongs to later_mean_over_last_mean"),
        ({"family": "later_mean_over_last_mean", "rows": 5}, "smoothing belongs to later_mean_over_last_mean"),
        ({"family": "later_mean_over_last_mean", "rows": 5, "smoothing": 6}, "smoothing must be 1 to"),
    ],
)
def test_wrong_horizons_are_refused_before_anything_is_read(words, message):
    with pytest.raises(UsageError, match=message):
        Horizon(**words)


def test_an_unknown_family_offers_the_nearest():
    with pytest.raises(UnknownNameError) as raised:
        Horizon(family="next_mean_over_mids", rows=3)
    assert raised.value.hint == "did you mean 'next_mean_over_mid'?"


def test_wrong_words_are_refused():
    twice = (Horizon(family="later_mid_over_mid", rows=1), Horizon(family="later_mid_over_mid", rows=2))

    with pytest.raises(UsageError, match=r"every_s must be 0\.001 to 1e6 seconds, got 0"):
        LabelWords(barriers=BARRIERS, every_s=0.0)
    with pytest.raises(UsageError, match="horizon must name each family once"):
        LabelWords(barriers=BARRIERS, horizons=twice)
