"""Splitters against their definition, and with scikit-learn."""

import itertools
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.evaluation import CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward, Role, audit_splits
from tests.evaluation.labels import Ints, bars, random_spans
from tests.naive.purged_cv import Span, naive_blocks, naive_forward_roles, naive_roles

TIME_NS, LENGTH_NS = st.integers(-40, 40), st.integers(0, 30)
SPANS = st.lists(st.builds(lambda start, length: (start, start + length), TIME_NS, LENGTH_NS), min_size=3, max_size=30)
MARGIN_NS = st.integers(0, 8)


@given(SPANS, st.integers(2, 6), st.integers(1, 3), MARGIN_NS, MARGIN_NS)
def test_combinatorial_roles_are_those_of_the_definition(
    spans: list[Span], groups: int, tested: int, purge_ns: int, embargo_ns: int
) -> None:
    groups = min(groups, len(spans))
    tested = min(tested, groups - 1)
    cv = CombinatorialPurgedCV(spans, groups, tested, purge_ns=purge_ns, embargo_ns=embargo_ns)

    blocks = naive_blocks(spans, groups)
    for split, chosen in enumerate(itertools.combinations(range(groups), tested)):
        roles = naive_roles(spans, [blocks[block] for block in chosen], purge_ns, embargo_ns)
        assert cv.roles(split).tolist() == roles


@given(SPANS, st.integers(1, 5), MARGIN_NS, st.none() | st.integers(1, 60))
def test_walk_forward_roles_are_those_of_the_definition(
    spans: list[Span], splits: int, purge_ns: int, window_ns: int | None
) -> None:
    splits = min(splits, len(spans) - 1)
    cv = PurgedWalkForward(spans, splits, max_train_ns=window_ns, purge_ns=purge_ns)

    for split, block in enumerate(naive_blocks(spans, splits + 1)[1:]):
        assert cv.roles(split).tolist() == naive_forward_roles(spans, block, purge_ns, window_ns)


@given(SPANS, MARGIN_NS, MARGIN_NS)
def test_no_pair_overlaps_and_no_label_is_left_out_for_nothing(
    spans: list[Span], purge_ns: int, embargo_ns: int
) -> None:
    margins = {"purge_ns": purge_ns, "embargo_ns": embargo_ns}
    splitters: list[Any] = [PurgedKFold(spans, 3, **margins), CombinatorialPurgedCV(spans, 3, 2, **margins)]
    splitters.append(PurgedWalkForward(spans, 2, purge_ns=purge_ns))

    for cv in splitters:
        audit = audit_splits(by_roles(cv), spans, purge_ns=cv.purge_ns, embargo_ns=cv.embargo_ns)
        assert (audit.overlapping_pairs, audit.needless_rows) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_default_margins_leave_no_overlap_either(seed: int) -> None:
    spans = random_spans(seed, 400)

    for cv in (PurgedKFold(spans), CombinatorialPurgedCV(spans, 6, 2), PurgedWalkForward(spans)):
        audit = audit_splits(cv.split(), spans, purge_ns=cv.purge_ns, embargo_ns=cv.embargo_ns)
        assert (audit.overlapping_pairs, audit.needless_rows) == (0, 0)


@given(SPANS, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(spans: list[Span], random: Any) -> None:
    spans = list(dict(spans).items())  # one label a start: ties are broken by row
    order = list(range(len(spans)))
    random.shuffle(order)
    shuffled = [spans[row] for row in order]

    if len(spans) >= 3:
        one, other = PurgedKFold(spans, 3), PurgedKFold(shuffled, 3)
        assert all(one.roles(split)[order].tolist() == other.roles(split).tolist() for split in range(3))


@given(SPANS)
def test_folds_part_the_rows_and_their_sizes_differ_by_one_at_most(spans: list[Span]) -> None:
    cv = PurgedKFold(spans, 3)

    tests = [np.flatnonzero(cv.roles(split) == Role.TEST) for split in range(3)]

    assert sorted(np.concatenate(tests).tolist()) == list(range(len(spans)))
    assert max(map(len, tests)) - min(map(len, tests)) <= 1


def test_split_gives_ascending_int64_rows_of_their_roles() -> None:
    cv = CombinatorialPurgedCV(random_spans(1, 200), 6, 2)

    for split, (train, test) in enumerate(cv.split()):
        roles = cv.roles(split)
        assert train.dtype == test.dtype == np.int64
        assert train.tolist() == np.flatnonzero(roles == Role.TRAIN).tolist()
        assert test.tolist() == np.flatnonzero(roles == Role.TEST).tolist()
    assert cv.get_n_splits() == split + 1 == 15


def test_instants_without_margins_are_split_as_scikit_learn_splits_rows() -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    spans = bars(23, 0)

    ours = PurgedKFold(spans, 5, purge_ns=0, embargo_ns=0).split()
    for (train, test), (plain_train, plain_test) in zip(
        ours, model_selection.KFold(5).split(np.zeros((23, 1))), strict=True
    ):
        assert train.tolist() == plain_train.tolist()
        assert test.tolist() == plain_test.tolist()


def test_combinations_of_one_group_are_k_folds() -> None:
    spans = random_spans(2, 100)

    folds, combinations = PurgedKFold(spans, 4), CombinatorialPurgedCV(spans, 4, 1)

    for split in range(4):
        assert folds.roles(split).tolist() == combinations.roles(split).tolist()
    assert combinations.n_paths == 1


def test_margins_are_shares_of_the_whole_time_or_times() -> None:
    spans = bars(1000, 0)

    default, given_ns = PurgedKFold(spans), PurgedKFold(spans, purge_ns=7, embargo=0.0)

    assert (default.purge_ns, default.embargo_ns) == (9, 19)  # 1 % and 2 % of 999
    assert (given_ns.purge_ns, given_ns.embargo_ns) == (7, 0)


def test_margins_end_where_they_say() -> None:
    """Blocks of ten instants: the second is 10 to 19."""
    roles = PurgedKFold(bars(30, 0), 3, purge_ns=2, embargo_ns=3).roles(1)

    assert roles[7:10].tolist() == [Role.TRAIN, Role.PURGED, Role.PURGED]
    assert roles[20:24].tolist() == [Role.EMBARGOED] * 3 + [Role.TRAIN]


def test_rolling_window_has_the_length_asked_for() -> None:
    cv = PurgedWalkForward(bars(40, 0), 3, max_train_ns=5, purge_ns=2)

    assert [train.tolist() for train, _ in cv.split()][1] == [13, 14, 15, 16, 17]


def test_every_path_is_a_whole_backtest_and_every_split_serves_each_group_once() -> None:
    cv = CombinatorialPurgedCV(bars(60, 1), 6, 2)
    paths, tests = cv.paths(), list(itertools.combinations(range(6), 2))

    assert paths.shape == (cv.n_paths, 6) == (5, 6)
    for group in range(6):
        assert sorted(paths[:, group]) == [split for split in range(15) if group in tests[split]]


@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (10, 2), (8, 4), (5, 1), (4, 3)])
def test_counts_of_splits_and_paths_are_the_published_ones(groups: int, tested: int) -> None:
    cv = CombinatorialPurgedCV(bars(60, 1), groups, tested)

    assert cv.get_n_splits() == math.comb(groups, tested)
    assert cv.n_paths * groups == tested * cv.get_n_splits()


def test_description_tells_blocks_and_reasons() -> None:
    """Blocks of ten labels of three bars; tested are the first and second, then the first and third."""
    cv = CombinatorialPurgedCV(bars(40, 2), 4, 2, purge_ns=1, embargo_ns=4)

    together, apart = cv.describe(0), cv.describe(1)

    assert together.test_ns == ((0, 21),)
    assert (together.purged_rows, together.embargoed_rows) == (2, 4)
    assert apart.test_ns == ((0, 11), (20, 31))
    assert (apart.purged_rows, apart.embargoed_rows) == (2 + 3 + 2, 4 + 4)
    assert (apart.train_rows, apart.test_rows, apart.unused_rows) == (40 - 20 - 7 - 8, 20, 0)


def test_walk_forward_describes_what_it_does_not_use() -> None:
    cv = PurgedWalkForward(bars(40, 0), 3, max_train_ns=5, purge_ns=2)

    described = cv.describe(1)

    assert (described.train_rows, described.purged_rows, described.unused_rows) == (5, 2, 13 + 10)


@pytest.mark.parametrize("make", [PurgedKFold, PurgedWalkForward, CombinatorialPurgedCV])
def test_scikit_learn_takes_the_splitters(make: Callable[[Ints], Any]) -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    X, spans = rng.normal(size=(200, 2)), random_spans(1, 200)
    y = (X[:, 0] + 0.1 * rng.normal(size=200) > 0).astype(int)
    cv = make(spans)

    scores = model_selection.cross_val_score(linear_model.LogisticRegression(), X, y, cv=cv)
    search = model_selection.GridSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=cv).fit(X, y)

    assert len(scores) == cv.get_n_splits(X, y) == search.n_splits_
    assert scores.mean() > 0.8


def test_a_memory_for_noise_scores_on_shuffled_folds_and_not_on_purged_ones() -> None:
    """The label is the sign of the next 20 of a series of independent values; its neighbour's is nearly the same."""
    model_selection = pytest.importorskip("sklearn.model_selection")
    neighbors = pytest.importorskip("sklearn.neighbors")
    rows, length = 4000, 20
    noise = np.random.default_rng(1).normal(size=rows + length)
    sums = np.cumsum(noise)
    y, X = (sums[length:] > sums[:rows]).astype(int), np.arange(rows)[:, None]
    memory = neighbors.KNeighborsClassifier(1)

    def score(cv: Any) -> float:
        return float(model_selection.cross_val_score(memory, X, y, cv=cv).mean())

    assert score(model_selection.KFold(5, shuffle=True, random_state=1)) > 0.85
    assert abs(score(PurgedKFold(bars(rows, length))) - 0.5) < 0.1


def test_splitters_pickle() -> None:
    cv = CombinatorialPurgedCV(random_spans(1, 50), 5, 2)

    again = pickle.loads(pickle.dumps(cv))

    assert [pair[0].tolist() for pair in again.split()] == [pair[0].tolist() for pair in cv.split()]


def test_times_far_from_1970_do_not_overflow() -> None:
    far = (1 << 62) - 1
    spans = [[-far, -far], [0, 0], [far, far]]

    cv = PurgedKFold(spans, 3, purge_ns=far, embargo_ns=far)

    assert cv.describe(1).train_rows == 0
    assert PurgedKFold(spans, 3, purge_ns=0, embargo_ns=0).describe(1).train_rows == 2
    assert PurgedWalkForward(spans, 2, purge_ns=far - 1, max_train_ns=far).describe(0).train_rows == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"spans": [1, 2]}, r"spans must be one or more rows of begin and end, got shape \(2,\)"),
        ({"spans": []}, r"spans must be one or more rows of begin and end, got shape \(0, 2\)"),
        ({"spans": [[0.0, 1.0]] * 9}, "spans must be whole numbers in 1 or 2 dimensions, got float64"),
        ({"spans": [[0, 1], [3, 2]]}, r"spans must not end before they begin, got \[3, 2\] in row 1"),
        ({"spans": [[0, 1 << 62]] * 9}, "spans must be .* to 4611686018427387903, got .* in row 0, column 1"),
        ({"n_splits": 1}, "n_splits must be 2 to 9, got 1"),
        ({"n_splits": 10}, "n_splits must be 2 to 9, got 10"),
        ({"purge_ns": -1}, "purge_ns must be 0 to"),
        ({"purge_ns": 1e9}, "purge_ns must be a whole number, got 1000000000.0"),
        ({"purge": 1.0}, "purge must be 0 to below 1, got 1.0"),
        ({"embargo": -0.1}, "embargo must be 0 to below 1, got -0.1"),
        ({"embargo": 0.0, "embargo_ns": 0}, "embargo and embargo_ns say the same thing: give one"),
    ],
)
def test_what_makes_no_folds_is_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PurgedKFold(**({"spans": bars(9, 1)} | words))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CombinatorialPurgedCV(bars(9, 1), 10), "n_groups must be 2 to 9, got 10"),
        (lambda: CombinatorialPurgedCV(bars(9, 1), 5, 5), "n_test_groups must be 1 to 4, got 5"),
        (lambda: CombinatorialPurgedCV(bars(99, 1), 50, 25), "at most 100000 splits, got 126410606437752"),
        (lambda: PurgedWalkForward(bars(9, 1), 9), "n_splits must be 1 to 8, got 9"),
        (lambda: PurgedWalkForward(bars(1, 1)), "at least 2 rows"),
        (lambda: PurgedWalkForward(bars(9, 1), max_train_ns=0), "max_train_ns must be 1 to"),
        (lambda: PurgedKFold(bars(9, 1), 3).roles(3), "split must be 0 to 2, got 3"),
        (lambda: next(PurgedKFold(bars(9, 1), 3).split(np.zeros((8, 2)))), "X must have 9 rows, one a span"),
        (lambda: next(PurgedKFold(bars(9, 9), 3).split()), "split 0 leaves no label to train on"),
    ],
)
def test_what_makes_no_split_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


def by_roles(cv: Any) -> list[tuple[Ints, Ints]]:
    """The splits as their roles say, those that leave nothing to train on included."""
    every = map(cv.roles, range(cv.get_n_splits()))
    return [(np.flatnonzero(roles == Role.TRAIN), np.flatnonzero(roles == Role.TEST)) for roles in every]
