"""Parts of the rows of several instruments: cut at the same times."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from msray.errors import UsageError
from msray.training.config import PartsConfig
from msray.training.fit import pose, pose_walked
from msray.training.parts import Parts, in_parts, walked
from msray.training.rows import TrainingRows
from tests.training.made import TRAINED, known_rows, some_rows

SECOND = 1_000_000_000


def at_seconds(rows: TrainingRows, begin: float, step: float) -> TrainingRows:
    times = ((begin + step * np.arange(len(rows))) * SECOND).astype(np.int64)
    return dataclasses.replace(rows, event_ns=times)


def test_rows_of_one_instrument_stay_as_they_are() -> None:
    rows = some_rows(10, starts=(0, 4))

    whole, parts = in_parts([rows], PartsConfig())

    assert whole is rows
    assert parts == Parts(train=(0, 6), valid=(6, 8), test=(8, 10))


def test_times_are_borders() -> None:
    rows = at_seconds(some_rows(10, starts=(0,)), 100, 1)
    until = [datetime.fromtimestamp(one, UTC) for one in (103, 107.5)]

    _, parts = in_parts([rows], PartsConfig(train_until=until[0], valid_until=until[1]))

    assert parts == Parts(train=(0, 3), valid=(3, 8), test=(8, 10))


def test_several_instruments_are_cut_at_the_same_times() -> None:
    slow, fast = at_seconds(some_rows(10, starts=(0, 4)), 0, 2), at_seconds(some_rows(20, starts=(0,)), 0, 1)

    whole, parts = in_parts([slow, fast], PartsConfig(shares=(0.5, 0.25, 0.25)))

    assert len(whole) == 30
    times = [set((whole.event_ns[slice(*part)] // SECOND).tolist()) for part in (parts.train, parts.valid, parts.test)]
    assert [(min(one), max(one)) for one in times] == [(0, 9), (10, 13), (14, 19)]
    assert whole.starts.tolist() == [0, 4, 5, 15, 17, 21, 24]


def test_a_part_of_an_instrument_may_be_empty() -> None:
    early, late = at_seconds(some_rows(10, starts=(0,)), 0, 1), at_seconds(some_rows(10, starts=(0,)), 100, 1)

    whole, parts = in_parts([early, late], PartsConfig(shares=(0.25, 0.25, 0.5)))

    assert parts == Parts(train=(0, 5), valid=(5, 10), test=(10, 20))
    assert whole.starts.tolist() == [0, 5, 10]


def test_of_a_share_the_last_rows_of_each_instrument_are_learned_from() -> None:
    slow, fast = at_seconds(known_rows(400), 0, 2), at_seconds(known_rows(800, seed=1), 0, 1)

    every, some = pose(TRAINED, [slow, fast]), pose(TRAINED, [slow, fast], share=0.25)

    times = some.rows.event_ns[slice(*some.parts.train)] // SECOND
    assert [(int(one.min()), int(one.max())) for one in np.split(times, [60])] == [(360, 478), (360, 479)]
    assert some.thresholds == pytest.approx(every.thresholds, rel=0.15)  # but for what a border cuts
    np.testing.assert_array_equal(
        some.rows.event_ns[some.parts.valid[0] :], every.rows.event_ns[every.parts.valid[0] :]
    )


def test_walking_forward_each_judgement_ends_where_the_next_begins_to_judge() -> None:
    rows = at_seconds(some_rows(100, starts=(0, 40)), 0, 1)

    last, middle, first = walked([rows], PartsConfig(shares=(0.6, 0.2, 0.2), judgements=3))

    parts = [in_parts(some, config)[1] for some, config in (last, middle, first)]
    assert parts[0] == Parts(train=(0, 60), valid=(60, 80), test=(80, 100))
    assert parts[1] == Parts(train=(0, 40), valid=(40, 60), test=(60, 80))
    assert parts[2] == Parts(train=(0, 20), valid=(20, 40), test=(40, 60))
    assert [len(some[0]) for some, _ in (last, middle, first)] == [100, 80, 60]
    assert first[0][0].starts.tolist() == [0, 40]


@given(count=st.integers(20, 3000), same=st.integers(1, 7), seed=st.integers(0, 9))
def test_no_row_is_judged_twice_and_none_is_left_out(count: int, same: int, seed: int) -> None:
    shares = tuple(float(one) for one in np.random.default_rng(seed).dirichlet((6, 2, 1)))
    assume(shares[0] > 2.1 * shares[2] and min(shares) > 0.05)
    rows = some_rows(count, starts=(0,))
    rows = dataclasses.replace(rows, event_ns=np.arange(count, dtype=np.int64) // same)

    folds = [in_parts(*one) for one in walked([rows], PartsConfig(shares=shares, judgements=2))]

    (_, last), (before, first) = folds
    assert first.test[1] == last.test[0] == len(before)


def test_several_instruments_walk_at_the_same_times() -> None:
    slow, fast = at_seconds(some_rows(50, starts=(0,)), 0, 2), at_seconds(some_rows(100, starts=(0,)), 0, 1)

    _, (some, config) = walked([slow, fast], PartsConfig(judgements=2))

    whole, parts = in_parts(some, config)
    assert [int(one.event_ns.max()) // SECOND for one in some] == [78, 79]
    times = whole.event_ns[slice(*parts.test)] // SECOND
    assert (int(times.min()), int(times.max())) == (60, 79)


def test_what_an_earlier_judgement_learns_knows_nothing_of_later_rows() -> None:
    rows, words = known_rows(), TRAINED.model_copy(update={"parts": PartsConfig(judgements=2)})
    later = dataclasses.replace(rows, mid=np.where(np.arange(len(rows)) < 960, rows.mid, 20_000))

    (_, known), (_, other) = pose_walked(words, [rows]), pose_walked(words, [later])

    assert known.thresholds == other.thresholds
    np.testing.assert_array_equal(known.labels, other.labels)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"shares": (0.5, 0.5, 0.0)}, "shares must be positive and sum to 1"),
        ({"train_until": "2025-06-05"}, "must be given together"),
        ({"train_until": "2025-06-05", "valid_until": "2025-06-04"}, "must be before valid_until"),
        ({"judgements": 4}, r"judgements must be at most 3 with shares \(0.6, 0.2, 0.2\), got 4"),
        ({"judgements": 2, "train_until": "2025-06-05", "valid_until": "2025-06-06"}, "judgements must be 1"),
    ],
)
def test_parts_that_cannot_be_are_refused(words: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PartsConfig.model_validate(words)


def test_too_few_rows_are_said_before_anything_is_trained() -> None:
    with pytest.raises(UsageError, match=r"rows to choose must hold labels of horizon 5, got none in 4 of 20 rows"):
        pose(TRAINED, [known_rows(20)])
    with pytest.raises(UsageError, match=r"rows to learn from must be more than the horizon, 2, got 1"):
        pose(TRAINED, [known_rows(2)])
    with pytest.raises(UsageError, match=r"rows must have the features \('imbalance_l1', 'ask_price_bps_l1'\)"):
        pose(TRAINED, [some_rows()])
