"""Signals one by one: what came of each, whoever raised them."""

import numpy as np
import pytest

from msray.backtest.config import SECOND, BacktestConfig
from msray.backtest.follower import side_of
from msray.backtest.scoring import exits_of, read_market, score_markets, score_signals, with_signals
from msray.labels import triple_barrier
from tests.backtest.made import depth, gap, records, signal, snapshot, tape
from tests.backtest.planted import leaning_market

CONFIG = BacktestConfig(profit_target_pct=0.002, stop_loss_pct=0.0015, max_holding_seconds=15.0)


@pytest.fixture(scope="module")
def market():
    return leaning_market(7, follows=True, episodes=12)


def test_each_signal_is_judged_by_its_own_label(market):
    known = read_market(market, CONFIG)

    found = score_signals([market], CONFIG).signals

    assert found.is_judged.any()
    for side in (1, -1):
        mine = np.flatnonzero(known.side == side)
        labels = triple_barrier(known.prices, known.known_ns[mine], side, barriers=exits_of(CONFIG))
        judged = mine[labels.event]
        assert found.hit[judged].tolist() == (labels.barrier == 1).tolist()
        assert found.direction[judged].tolist() == (labels.barrier * side).tolist()
        assert found.spans[judged].tolist() == labels.spans.tolist()
        assert np.isnan(found.hit[np.setdiff1d(mine, judged)]).all()
    assert found.side.tolist() == [side_of(one) for one in market.signals]


def test_what_can_be_judged_is_a_table_of_predictions(market):
    found = score_signals([market], CONFIG).signals

    table = found.predictions

    assert len(table) == found.is_judged.sum()
    assert table.said.tolist() == found.side[found.is_judged].tolist()
    assert 0 < table.random_rate < 1


def test_a_markets_own_signals_given_from_outside_are_judged_alike(market):
    known = read_market(market, CONFIG)
    given = with_signals(
        known,
        market,
        event_ns=np.array([one.event_ns for one in market.signals]),
        score=known.score,
        side=known.side,
    )

    assert given.known_ns.tolist() == known.known_ns.tolist()
    own, other = score_markets([known], CONFIG), score_markets([given], CONFIG)
    assert own.signals.hit.tolist() == pytest.approx(other.signals.hit.tolist(), nan_ok=True)
    assert own.lead.detection_rate == other.lead.detection_rate


def test_a_signal_without_a_side_is_a_hit_on_either():
    """The ask falls by 1 % within the time: a short position earns it, a long one is stopped."""
    log = records(
        snapshot(0, {999: 9}, {1000: 9}),
        depth(SECOND, (0, 999, 8)),
        depth(2 * SECOND, (0, 999, 0), (0, 980, 9), (1, 1000, 0), (1, 985, 9)),
        depth(30 * SECOND, (0, 980, 8)),
    )
    sideless = signal(SECOND, signal_type="volatility")

    found = score_signals([tape(log, [(1, sideless)])], CONFIG).signals

    assert (found.side.tolist(), found.hit.tolist(), found.direction.tolist()) == ([0], [1.0], [-1])


def test_a_signal_before_anything_is_known_cannot_be_judged():
    log = records(snapshot(SECOND, {99: 9}, {101: 9}), depth(2 * SECOND, (0, 99, 8)), gap(3 * SECOND))
    whole = tape(log)
    market = read_market(whole, CONFIG)

    given = with_signals(
        market, whole, event_ns=np.array([5, 2 * SECOND]), score=np.array([0.5, 0.5]), side=np.array([1, 1])
    )

    assert given.known_ns.tolist() == [5, market.message_ns[1]]
    assert not score_markets([given], CONFIG).signals.is_judged.any()
