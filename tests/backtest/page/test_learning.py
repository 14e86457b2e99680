"""What was learned when is told as it was: bars, delay, thresholds in force, gaps."""

from dataclasses import replace

from msray.backtest.config import BacktestConfig
from msray.backtest.page.learning import _gaps, _row, learned
from msray.backtest.page.shown import Shown
from msray.backtest.run import backtest
from msray.backtest.tape import Learned
from tests.backtest.made import depth, gap, records, snapshot, tape

SECOND = 1_000_000_000
CONFIG = BacktestConfig(compute_ms=0)


def market(*learned):
    quotes = [depth(second * SECOND, (0, 99 - second % 2, 5)) for second in range(1, 10)]
    whole = snapshot(SECOND // 2, {99: 5}, {101: 5})
    again = snapshot(12 * SECOND, {99: 5}, {101: 5})
    made = tape(records(whole, *quotes, gap(10 * SECOND), again, depth(13 * SECOND, (0, 99, 5))))
    return replace(made, learned=learned)


def shown_of(made):
    return Shown.of(backtest([made], CONFIG), [made])


def spans(made):
    """Kind, begin and end in seconds, without gaps and trades."""
    (name,) = (shown := shown_of(made)).tapes
    _, row = _row(shown, name)
    return [
        (one.kind, one.begin_ns / SECOND, one.end_ns / SECOND)
        for one in row
        if one.end_ns > one.begin_ns and one.kind != "gap"
    ]


def test_bars_delay_and_what_is_in_force_follow_each_other():
    made = market(Learned(begin_ns=1 * SECOND, end_ns=4 * SECOND, applied_ns=6 * SECOND))

    found = {kind: times for kind, *times in spans(made)}

    assert found["learned"] == [1, 4]
    assert found["delayed"] == [4, 6]
    assert found["unlearned"][1] == found["applied"][0] == 6


def test_what_was_learned_before_is_in_force_from_the_beginning():
    made = market(Learned(begin_ns=-9 * SECOND, end_ns=-1 * SECOND, applied_ns=0))

    assert [kind for kind, *_ in spans(made)] == ["applied"]
    assert "know too much" not in learned(shown_of(made))


def test_thresholds_learned_from_the_time_that_is_traded_or_later_are_named():
    for begin_s, end_s in ((2, 8), (20, 30)):
        made = market(Learned(begin_ns=begin_s * SECOND, end_ns=end_s * SECOND, applied_ns=0))

        assert "its signals know too much" in learned(shown_of(made))


def test_where_nothing_was_learned_it_is_said():
    assert [kind for kind, *_ in spans(market())] == ["unlearned"]
    assert "nothing was learned" in learned(shown_of(market()))


def test_a_gap_lasts_until_the_next_snapshot():
    made = market()
    (known_ns,) = shown_of(made).known_ns.values()

    (found,) = _gaps(made, known_ns)

    assert (found.begin_ns, found.end_ns) == (10 * SECOND, 12 * SECOND)
