"""Triple-barrier labels: against the definition, by hand, and against looking ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.labels import Barriers, Prices, TargetBarriers, TripleBarrierLabels, meta_labels, triple_barrier
from tests.labels.made import NAN, prices_of, some_rows
from tests.naive import labels as naive
from tests.naive.labels import Outcome, Row

WIDTHS = st.sampled_from([0.001, 0.002, 0.0035, 0.005, 0.01])
SIDES = st.sampled_from([1, -1])


def within(ns: int, profit: float = 0.005, stop: float = 0.003) -> Barriers:
    return Barriers(profit_target_pct=profit, stop_loss_pct=stop, max_holding_s=ns / 1e9)


def label(prices: Prices, at_ns: int, side: int, barriers: Barriers) -> Outcome:
    labels = triple_barrier(prices, [at_ns], side, barriers=barriers)
    assert labels.dropped.total == 0
    assert labels.spans[0, 0] == at_ns
    return Outcome(int(labels.barrier[0]), int(labels.spans[0, 1]), float(labels.gross_return[0]))


def quotes(*bids: float, spread: float = 0.0, every: int = 10) -> Prices:
    bid = np.array(bids, float)
    return Prices.of_quotes(np.arange(len(bid)) * every, bid, bid + spread)


@pytest.mark.parametrize("bars", [False, True])
@given(data=st.data(), profit=WIDTHS, stop=WIDTHS, holding_ns=st.integers(1, 60))
def test_labels_are_those_of_the_definition(
    bars: bool, data: st.DataObject, profit: float, stop: float, holding_ns: int
) -> None:
    rows = data.draw(some_rows(bars=bars))
    times = [row.at_ns for row in rows] if bars else list(range(160))
    events = data.draw(st.lists(st.tuples(st.sampled_from(times or [0]), SIDES), max_size=30))
    at_ns, side = [at for at, _ in events], [s for _, s in events]

    labels = triple_barrier(prices_of(rows, bars=bars), at_ns, side, barriers=within(holding_ns, profit, stop))

    expected = [naive.triple_barrier(rows, at, s, profit, stop, holding_ns) for at, s in events]
    kept = [i for i, one in enumerate(expected) if isinstance(one, Outcome)]
    assert labels.event.tolist() == kept
    assert labels.dropped.no_quote == expected.count("no_quote")
    assert labels.dropped.incomplete == expected.count("incomplete")
    for j, i in enumerate(kept):
        one = expected[i]
        assert isinstance(one, Outcome)
        assert (labels.barrier[j], *labels.spans[j]) == (one.barrier, at_ns[i], one.end_ns)
        assert labels.gross_return[j] == pytest.approx(one.gross_return, abs=1e-12)
        assert labels.side[j] == side[i]
        assert labels.label[j] == (one.barrier or np.sign(labels.gross_return[j]))


@pytest.mark.parametrize("bars", [False, True])
@settings(max_examples=50)
@given(data=st.data(), profit=WIDTHS, stop=WIDTHS, holding_ns=st.integers(1, 40), side=SIDES)
def test_reflection_about_the_entry_with_the_side_turned_changes_nothing(
    bars: bool, data: st.DataObject, profit: float, stop: float, holding_ns: int, side: int
) -> None:
    rows = data.draw(some_rows(bars=bars, gaps=False))
    barriers = within(holding_ns, profit, stop)
    prices = prices_of(rows, bars=bars)
    for row, at_ns in enumerate(prices.at_ns.tolist()):
        if at_ns + holding_ns > prices.at_ns[-1] or prices.row_at(np.array([at_ns]))[0] != row:
            continue
        twice = 2 * (prices.ask if side > 0 else prices.bid).close[row]
        turned = [
            Row(
                one.at_ns,
                (twice - one.ask[1], twice - one.ask[0], twice - one.ask[2]),
                (twice - one.bid[1], twice - one.bid[0], twice - one.bid[2]),
            )
            for one in rows
        ]

        straight = label(prices, at_ns, side, barriers)
        reflected = label(prices_of(turned, bars=bars), at_ns, -side, barriers)

        assert (reflected.barrier, reflected.end_ns) == (straight.barrier, straight.end_ns)
        assert reflected.gross_return == pytest.approx(straight.gross_return, abs=0.0 if not bars else 1e-15)


@settings(max_examples=50)
@given(data=st.data(), holding_ns=st.integers(1, 40), side=SIDES)
def test_what_comes_after_the_horizon_changes_nothing(data: st.DataObject, holding_ns: int, side: int) -> None:
    rows = data.draw(some_rows())
    barriers = within(holding_ns, 0.003, 0.002)
    whole = triple_barrier(prices_of(rows, bars=False), list(range(160)), side, barriers=barriers)

    for j, at_ns in enumerate(whole.event.tolist()):
        until = [row for row in rows if row.at_ns <= at_ns + holding_ns]
        later = Row(at_ns + holding_ns + 1, *[data.draw(st.sampled_from([(NAN,) * 3, (1.0,) * 3, (9e9,) * 3]))] * 2)
        for cut in ([*until, later], rows[: len(until) + 1]):
            again = triple_barrier(prices_of(cut, bars=False), [at_ns], side, barriers=barriers)
            assert again.spans.tolist() == [whole.spans[j].tolist()]
            assert again.label[0] == whole.label[j]
            assert again.gross_return[0] == whole.gross_return[j]


def test_a_long_position_pays_the_ask_and_is_judged_at_the_bid() -> None:
    prices = Prices.of_quotes([0, 1, 2, 3], [100, 100, 100.4, 100.6], [100.1, 100.6, 100.7, 100.8])

    # The ask, and then the bid over the bid of the entry, are beyond 0.5 % before the bid is over the ask of the entry.
    assert label(prices, 0, 1, within(3, profit=0.0045)) == Outcome(1, 3, (100.6 - 100.1) / 100.1)


def test_a_short_position_earns_the_bid_and_is_judged_at_the_ask() -> None:
    prices = Prices.of_quotes([0, 1, 2, 3], [100, 99.4, 99.4, 99.4], [100.1, 99.9, 99.6, 99.5])

    assert label(prices, 0, -1, within(3)) == Outcome(1, 3, (100 - 99.5) / 100)


def test_rows_at_the_time_of_the_event_do_not_touch() -> None:
    prices = Prices.of_quotes([5, 5, 6], [200, 100, 100], [200, 100, 100])

    assert label(prices, 5, 1, within(1)) == Outcome(0, 6, 0.0)


def test_a_row_at_the_end_of_the_horizon_can_touch() -> None:
    assert label(quotes(100, 101), 0, 1, within(10)) == Outcome(1, 10, 0.01)


def test_a_price_on_the_barrier_touches_whatever_rounding_says() -> None:
    assert 114 * (1 - 0.005) < 113.43
    assert label(quotes(114, 113.43, 120), 0, 1, within(20, stop=0.005)).barrier == -1


def test_a_jump_beyond_the_stop_costs_what_it_costs() -> None:
    assert label(quotes(100, 90, 101), 0, 1, within(20)) == Outcome(-1, 10, -0.1)


def test_a_bar_that_touches_both_is_a_stop() -> None:
    side = ([100, 99, 100], [100, 101, 100], [100, 100, 100])

    for one in (1, -1):
        labelled = label(Prices.of_bars([0, 1, 2], side, side), 0, one, within(2))
        assert (labelled.barrier, labelled.end_ns) == (-1, 1)
        assert labelled.gross_return == pytest.approx(-0.003)


@pytest.mark.parametrize(
    ("low", "high", "barrier", "gross_return"),
    [(99.6, 100.8, 1, 0.005), (100.7, 100.8, 1, 0.007), (99.0, 99.8, -1, -0.003), (99.0, 99.2, -1, -0.01)],
)
def test_a_bar_fills_at_the_barrier_and_beyond_it_at_its_worst(
    low: float, high: float, barrier: int, gross_return: float
) -> None:
    side = ([100, low], [100, high], [100, low])

    labelled = label(Prices.of_bars([0, 1], side, side), 0, 1, within(1, stop=0.003 if low < 99.5 else 0.01))

    assert (labelled.barrier, labelled.gross_return) == (barrier, pytest.approx(gross_return))


def test_a_timeout_has_the_sign_of_its_return_or_zero() -> None:
    prices, side = quotes(100, 100.1, spread=0.05), [1, -1]

    by_sign = triple_barrier(prices, [0, 0], side, barriers=Barriers(max_holding_s=1e-8))
    by_zero = triple_barrier(prices, [0, 0], side, barriers=Barriers(max_holding_s=1e-8, timeout="zero"))

    assert by_sign.barrier.tolist() == by_zero.barrier.tolist() == [0, 0]
    assert by_sign.label.tolist() == [1, -1]
    assert by_zero.label.tolist() == [0, 0]
    assert by_sign.spans.tolist() == [[0, 10], [0, 10]]


def test_a_position_that_sees_no_quote_loses_the_spread() -> None:
    prices = Prices.of_quotes([0, 100], [100, 100], [101, 101])

    assert label(prices, 1, 1, within(50)) == Outcome(0, 51, -1 / 101)


def test_defaults_are_half_a_percent_three_tenths_and_five_minutes() -> None:
    assert Barriers() == Barriers(profit_target_pct=0.005, stop_loss_pct=0.003, max_holding_s=300.0, timeout="sign")


def test_an_event_whose_horizon_is_incomplete_is_dropped_though_a_barrier_was_met() -> None:
    prices = quotes(100, 101, 101, 101)

    labels = triple_barrier(prices, [0, 1], barriers=within(30))

    assert labels.event.tolist() == [0]
    assert labels.dropped.incomplete == 1


def test_a_gap_ends_what_is_known() -> None:
    prices = Prices.of_quotes([0, 10, 20, 30, 60], [100, 101, NAN, 100, 100], [100, 101, NAN, 100, 100])

    labels = triple_barrier(prices, [0, 0, 20, 25, 30], barriers=within(20))
    shorter = triple_barrier(prices, [0, 0, 20, 25, 30], barriers=within(19))

    assert (labels.event.tolist(), labels.dropped.incomplete, labels.dropped.no_quote) == ([4], 2, 2)
    assert (shorter.event.tolist(), shorter.dropped.incomplete, shorter.dropped.no_quote) == ([0, 1, 4], 0, 2)


def test_a_target_sets_the_width_of_its_own_event_and_none_drops_it() -> None:
    prices = quotes(100, 100.3, 100.6, 100.9)
    barriers = TargetBarriers(profit_target_multiple=2.0, stop_loss_multiple=1.0, max_holding_s=3e-8)

    labels = triple_barrier(prices, [0] * 5, barriers=barriers, target=[0.001, 0.002, 0.004, NAN, 0.0])

    assert labels.event.tolist() == [0, 1, 2]
    assert labels.spans[:, 1].tolist() == [10, 20, 30]
    assert labels.dropped.no_target == 2


def test_no_event_gives_no_label() -> None:
    labels = triple_barrier(quotes(100, 101), [])

    assert len(labels) == labels.dropped.total == len(labels.to_pandas()) == 0
    assert labels.spans.shape == (0, 2)


def test_no_price_gives_no_label() -> None:
    assert triple_barrier(quotes(), [5]).dropped.no_quote == 1


def test_labels_are_a_table() -> None:
    table = triple_barrier(quotes(100, 101, 101), [0, 3], side=[1, -1], barriers=within(15)).to_pandas()

    assert table.columns.tolist() == ["event", "begin_ns", "end_ns", "side", "barrier", "label", "gross_return"]
    assert table.to_numpy().tolist() == [[0, 0, 10, 1, 1, 1, 0.01], [1, 3, 10, -1, -1, -1, -0.01]]


@pytest.mark.parametrize(
    ("barriers", "message"),
    [
        ({"profit_target_pct": 0.5}, "profit_target_pct must be 1e-09 to below 0.5, got 0.5"),
        ({"stop_loss_pct": 5}, "stop_loss_pct must be 1e-09 to below 0.5, got 5"),
        ({"stop_loss_pct": -0.003}, "stop_loss_pct must be 1e-09 to below 0.5, got -0.003"),
        ({"max_holding_s": 0}, "max_holding_s must be 1e-09 to 100000000, got 0"),
        ({"timeout": "drop"}, "timeout must be 'sign' or 'zero', got 'drop'"),
    ],
)
def test_barriers_that_cannot_be_are_refused(barriers: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Barriers(**barriers)  # type: ignore[arg-type]


def test_a_percentage_for_a_fraction_is_told_what_a_fraction_is() -> None:
    with pytest.raises(UsageError) as refused:
        Barriers(stop_loss_pct=0.5)

    assert refused.value.hint == "it is a fraction: 0.005 is 0.5 %"


def test_multiples_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match=r"stop_loss_multiple must be above 0 to 1e\+100, got 0"):
        TargetBarriers(profit_target_multiple=1, stop_loss_multiple=0)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "TargetBarriers need a target for each event"),
        ([0.1], "target must have 2 rows as the others have, got 1"),
        ([0.1, -0.1], "target must be 0 to .*, got -0.1 in row 1"),
        ([0.25, 0.1], "target must have multiples below 0.5, got 0.25 in row 0"),
    ],
)
def test_targets_that_cannot_be_are_refused(target: list[float] | None, message: str) -> None:
    barriers = TargetBarriers(profit_target_multiple=2.0, stop_loss_multiple=1.0)

    with pytest.raises(UsageError, match=message):
        triple_barrier(quotes(100, 101), [0, 1], barriers=barriers, target=target)


def test_a_target_without_multiples_is_refused() -> None:
    with pytest.raises(UsageError, match="target needs barriers that are multiples of it"):
        triple_barrier(quotes(100, 101), [0], target=[0.01])


@pytest.mark.parametrize("side", [0, 2, [1, -1, 1], [1, 0], [NAN, 1.0]])
def test_sides_that_cannot_be_are_refused(side: object) -> None:
    with pytest.raises(UsageError, match="side must be 1 or -1, for all events or for each of 2, got"):
        triple_barrier(quotes(100, 101), [0, 1], side)  # type: ignore[arg-type]


def test_a_side_in_words_is_refused() -> None:
    with pytest.raises(UsageError, match="side must be numbers in 0 or 1 dimensions, got <U4"):
        triple_barrier(quotes(100, 101), [0, 1], "long")


def test_an_event_inside_a_bar_is_refused() -> None:
    side = ([100, 99], [101, 101], [100, 100])

    with pytest.raises(UsageError, match="at_ns must be ends of bars, event 1 at 15 is inside one"):
        triple_barrier(Prices.of_bars([10, 20], side, side), [10, 15])


def made_labels() -> TripleBarrierLabels:
    return triple_barrier(quotes(100, 100.1, 100.6), [0, 0, 10], side=[1, -1, 1], barriers=within(10))


def test_meta_labels_say_where_the_side_earned_more_than_it_cost() -> None:
    labels = made_labels()

    assert labels.gross_return == pytest.approx([0.001, -0.001, 0.005 / 1.001])
    assert meta_labels(labels, 0.002).tolist() == [0, 0, 1]
    assert meta_labels(labels, 0.0005).tolist() == [1, 0, 1]
    assert meta_labels(labels, -0.002).tolist() == [1, 1, 1]


@pytest.mark.parametrize("cost", [0.5, 5, -0.6, NAN])
def test_a_cost_that_is_no_fraction_is_refused(cost: float) -> None:
    with pytest.raises(UsageError, match=r"cost_pct must be -0\.5 to below 0\.5"):
        meta_labels(made_labels(), cost)
