"""Rankings against hand counts, all orders of ties, pairs of rows, and chance."""

import math
import sys
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.evaluation import PrecisionAtK, precision_at_k, ranking_report

RANKED = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6)


def columns(rows: list[tuple[int, bool]]) -> tuple[list[int], list[bool]]:
    return [score for score, _ in rows], [hit for _, hit in rows]


def area_by_pairs(score: Any, hit: Any, weight: Any) -> float:
    """Weight of pairs of a hit and a miss in which the hit is scored above, ties half."""
    wins = total = 0.0
    for i in np.flatnonzero(hit == 1):
        for j in np.flatnonzero(hit == 0):
            total += weight[i] * weight[j]
            wins += weight[i] * weight[j] * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
    return wins / total


def test_precision_is_the_share_of_hits_among_the_highest() -> None:
    one, three = precision_at_k([0.1, 0.9, 0.8, 0.7], [1, 1, 0, 1], ks=(1, 3))

    assert (one.precision, three.precision) == (1.0, 2 / 3)
    assert (three.low, three.high) == pytest.approx((0.2077, 0.9385), abs=1e-4)
    assert three.base_rate == 0.75


def test_ties_are_broken_by_time_then_symbol() -> None:
    times, symbols = [20, 10, 10, 10], ["A", "C", "B", "A"]
    for winner, is_hit in ((3, [0, 0, 0, 1]), (2, [0, 0, 1, 0])):
        (first,) = precision_at_k([1.0] * 4, is_hit, ks=(1,), tie_break=(times, symbols))

        assert first.precision == float(winner == 3)
        assert first.expected == 0.25
    (first,) = precision_at_k([1.0] * 4, [0, 1, 0, 0], ks=(1,), tie_break=([3, 1, 2, 4],))
    assert first.precision == 1.0
    (first,) = precision_at_k([1.0] * 4, [1, 0, 0, 0], ks=(1,))
    assert first.precision == 1.0


@given(rows=RANKED, k=st.integers(1, 7))
def test_expected_precision_is_the_mean_over_all_orders_of_the_rows(rows: list[tuple[int, bool]], k: int) -> None:
    (at,) = precision_at_k(*columns(rows), ks=(k,))
    orders = [precision_at_k(*columns(list(order)), ks=(k,))[0].precision for order in permutations(rows)]

    assert at.expected == pytest.approx(sum(orders) / len(orders))


def test_more_than_there_are_is_all_there_are_and_says_so() -> None:
    (at,) = precision_at_k([3, 2, 1], [1, 1, 0], ks=(20,))

    assert (at.k, at.k_used) == (20, 3)
    assert at.precision == at.expected == at.base_rate == 2 / 3


def test_no_rows_are_nothing_known() -> None:
    (at,) = precision_at_k([], [], ks=(5,))

    assert at.k_used == 0
    assert math.isnan(at.precision)
    assert (at.low, at.high) == (0.0, 1.0)
    assert ranking_report([], []).undefined == "needs both hits and misses"


def test_average_precision_is_the_mean_precision_at_the_hits() -> None:
    rng = np.random.default_rng(1)
    score, hit = rng.permutation(200).astype(float), rng.integers(0, 2, 200)

    at_hits = [at.precision for at in precision_at_k(score, hit, ks=[200 - int(s) for s in score[hit == 1]])]

    assert ranking_report(score, hit).average_precision == pytest.approx(np.mean(at_hits))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_area_is_the_share_of_pairs_in_order_with_ties_and_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, hit, weight = rng.integers(0, 5, 60), rng.integers(0, 2, 60), rng.random(60)

    assert ranking_report(score, hit).roc_auc == pytest.approx(area_by_pairs(score, hit, np.ones(60)))
    assert ranking_report(score, hit, weight=weight).roc_auc == pytest.approx(area_by_pairs(score, hit, weight))


def test_a_weight_counts_as_so_many_rows() -> None:
    rng = np.random.default_rng(4)
    score, hit, weight = rng.integers(0, 5, 40), rng.integers(0, 2, 40), rng.integers(0, 4, 40)

    weighted = ranking_report(score, hit, weight=weight)
    repeated = ranking_report(np.repeat(score, weight), np.repeat(hit, weight))

    assert weighted.average_precision == pytest.approx(repeated.average_precision)
    assert weighted.base_rate == pytest.approx(repeated.base_rate)
    assert weighted.precision_recall.y.tolist() == pytest.approx(repeated.precision_recall.y.tolist())


def test_curves_are_steps_from_no_row_to_all() -> None:
    report = ranking_report([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0])

    roc, precision_recall = report.roc, report.precision_recall
    assert roc.names == ("false_positive_rate", "true_positive_rate")
    assert [roc.threshold.tolist(), roc.x.tolist(), roc.y.tolist()] == [
        [math.inf, 0.9, 0.5, 0.1],
        [0.0, 0.0, 0.5, 1.0],
        [0.0, 0.5, 1.0, 1.0],
    ]
    assert precision_recall.names == ("recall", "precision")
    assert precision_recall.threshold.tolist() == [math.inf, 0.9, 0.5, 0.1]
    assert precision_recall.x.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert precision_recall.y.tolist() == pytest.approx([1.0, 1.0, 2 / 3, 0.5])
    steps = np.diff(precision_recall.x) @ precision_recall.y[1:]
    assert report.average_precision == pytest.approx(steps)


@pytest.mark.parametrize("is_hit", [[0, 0, 0], [1, 1, 1]])
def test_one_class_is_undefined_with_a_reason(is_hit: list[int]) -> None:
    report = ranking_report([3, 2, 1], is_hit, ks=(1,))

    assert math.isnan(report.roc_auc)
    assert math.isnan(report.average_precision)
    assert report.undefined == "needs both hits and misses"
    assert len(report.roc.x) == len(report.precision_recall.to_pandas()) == 0
    assert report.top[0].precision == report.base_rate == is_hit[0]


def test_a_class_without_weight_is_no_class() -> None:
    assert ranking_report([3, 2, 1], [1, 0, 0], weight=[0, 1, 1]).undefined
    assert math.isnan(ranking_report([3, 2, 1], [1, 0, 0], weight=[0, 0, 0]).base_rate)


def test_shuffled_labels_rank_like_chance() -> None:
    covered, areas = 0, []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        report = ranking_report(rng.random(2_000), rng.permutation(np.arange(2_000) % 10 == 0), ks=(100,))
        (top,) = report.top
        covered += top.low <= report.base_rate <= top.high
        areas.append(report.roc_auc)

    assert 180 <= covered <= 198
    assert np.mean(areas) == pytest.approx(0.5, abs=0.005)
    assert np.abs(np.array(areas) - 0.5).max() < 0.1


def test_tables_have_a_row_a_k_and_a_row_a_corner() -> None:
    report = ranking_report([3, 2, 1], [1, 0, 1], ks=(1, 2))

    assert report.to_pandas()["k"].tolist() == [1, 2]
    assert list(report.to_pandas().columns) == list(PrecisionAtK.__dataclass_fields__)
    assert list(report.roc.to_pandas().columns) == ["threshold", "false_positive_rate", "true_positive_rate"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score": [1.0, math.nan]}, "score must be .*, got nan in row 1"),
        ({"score": [1.0, math.inf]}, "score must be .*, got inf in row 1"),
        ({"score": ["a", "b"]}, "score must be numbers in 1 dimension, got <U1"),
        ({"is_hit": [1, -1]}, "is_hit must be 0 or 1, got -1 in row 1"),
        ({"is_hit": [1, 0, 1]}, "is_hit must have 2 rows as the others have, got 3"),
        ({"ks": (5, 0)}, "ks must be 1 to .*, got 0"),
        ({"weight": [1.0]}, "weight must have 2 rows"),
        ({"weight": [1.0, -1.0]}, r"weight must be 0 to 1e\+100, got -1.0 in row 1"),
        ({"tie_break": ([1, 2, 3],)}, r"tie_break\[0\] must have 2 rows"),
        ({"tie_break": ([1, 2], [None, "b"])}, r"tie_break\[1\] must hold values that can be sorted"),
        ({"tie_break": ([[1], [1, 2]],)}, r"tie_break\[0\] must hold values that can be sorted"),
        ({"tie_break": ([[1, 2], [3, 4]],)}, r"tie_break\[0\] must have 2 rows .*, got the shape \(2, 2\)"),
        ({"tie_break": ([1.0, math.nan],)}, r"tie_break\[0\] must hold values that can be sorted"),
        ({"level": 0.0}, "level must be above 0 to below 1"),
    ],
)
def test_what_cannot_be_ranked_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ranking_report(**({"score": [1.0, 2.0], "is_hit": [0, 1]} | arguments))


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)

    with pytest.raises(UsageError) as failure:
        ranking_report([1.0, 2.0], [0, 1])

    assert failure.value.hint == "pip install 'msray[research]'"
    assert precision_at_k([1.0, 2.0], [0, 1], ks=(1,))[0].precision == 1.0
