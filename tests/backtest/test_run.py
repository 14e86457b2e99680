import pytest

from msray.backtest.config import BacktestConfig
from msray.backtest.follower import SignalFollower
from msray.backtest.run import backtest, run_one
from msray.errors import UsageError
from tests.backtest.made import INSTRUMENT, records, tape
from tests.backtest.planted import leaning_market

EXITS = {"profit_target_pct": 0.002, "stop_loss_pct": 0.0015, "max_holding_seconds": 15.0}
CONFIG = BacktestConfig(fee_rate=0.0002, **EXITS)


@pytest.fixture(scope="module")
def with_edge():
    return backtest([leaning_market(7, follows=True)], CONFIG)


@pytest.fixture(scope="module")
def without_edge():
    return backtest([leaning_market(7, follows=False)], CONFIG)


def test_an_edge_that_was_planted_is_found(with_edge):
    assert with_edge.verdict.startswith("There is an edge")
    assert with_edge.interval.low > 0
    assert with_edge.trials.deflated_sharpe > 0.95
    assert with_edge.signals.precision[-1].low > with_edge.signals.random_rate


def test_shuffled_prices_show_no_edge(without_edge):
    assert not without_edge.verdict.startswith("There is an edge")
    assert without_edge.interval.low < 0
    assert without_edge.trials.deflated_sharpe < 0.95
    assert without_edge.signals.precision[-1].low <= without_edge.signals.random_rate


def test_alarms_find_more_of_the_moves_than_random_ones(with_edge):
    assert with_edge.signals.lead.random.p_detection_rate < 0.05


def test_fees_can_eat_an_edge():
    report = backtest([leaning_market(7, follows=True)], CONFIG.model_copy(update={"fee_rate": 0.002}))

    assert report.verdict.startswith("The edge is negative")


def test_the_same_words_give_the_same_figures(with_edge):
    again = backtest([leaning_market(7, follows=True)], CONFIG)

    assert again.as_dict() == with_edge.as_dict()


def test_the_report_is_about_the_configuration_asked_for(with_edge):
    alone = run_one([leaning_market(7, follows=True)], CONFIG, SignalFollower)

    assert with_edge.result.trades == alone.trades
    assert with_edge.trials.count == len(with_edge.trials.net_returns) == 27
    assert with_edge.trials.net_returns[0] == with_edge.result.net_return
    assert with_edge.trials.best_net_return == max(with_edge.trials.net_returns)


def test_each_judged_signal_says_from_when_to_when_it_was_judged(with_edge):
    spans = with_edge.signals.spans
    longest_ns = round(CONFIG.max_holding_seconds * 1e9)

    assert spans.shape == (with_edge.signals.judged, 2)
    assert (spans[:, 1] > spans[:, 0]).all()
    assert (spans[:, 1] - spans[:, 0] <= longest_ns).all()


def test_groups_add_up_to_the_whole(with_edge):
    net = sum(trade.net for trade in with_edge.result.trades)

    for groups in (with_edge.by_instrument, with_edge.by_reason):
        assert sum(group.trades for group in groups) == len(with_edge.result.trades)
        assert sum(group.net for group in groups) == pytest.approx(net)


def test_a_recording_without_a_signal_says_that_nothing_can_be_said():
    report = backtest([tape(records())], CONFIG)

    assert report.verdict == "No trade was closed: nothing can be said of an edge."
    assert report.as_dict()["lead_time_s"] is None


def test_a_backtest_needs_a_tape():
    with pytest.raises(UsageError, match="at least one instrument"):
        backtest([], CONFIG)


def test_the_instrument_is_the_tapes(with_edge):
    assert [one.id for one in with_edge.result.instruments] == [INSTRUMENT.id]
