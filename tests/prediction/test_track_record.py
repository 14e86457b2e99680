"""What came of predictions is counted as the house's own figures count it, of the latest only, and nothing ahead."""

import numpy as np
import pytest
from numpy.typing import NDArray

from msray.evaluation import directional_accuracy, reliability_diagram
from msray.market import Prediction
from msray.models.conformal import ConformalSets, FollowingSets
from msray.prediction.track_record import TrackRecord, score
from msray.training.config import LabelConfig
from msray.training.floors import mean_reversion, persistence
from msray.training.labels import changes, classes
from msray.training.rows import TrainingRows

K = (3, 20)
THRESHOLDS = (0.0005, 0.001)
FAMILIES = ("next_mean_over_mid", "later_mid_over_mid", "next_mean_over_last_mean", "later_mean_over_last_mean")


def _mids(rows: int = 600) -> NDArray[np.int64]:
    return 20_000 + np.cumsum(np.random.default_rng(3).integers(-8, 9, rows))


def _prediction(rng: np.random.Generator) -> Prediction:
    chances = rng.dirichlet(np.ones(3), len(K))
    return Prediction(
        prediction_id="",
        instrument="test:ONE",
        model="m:1",
        digest="d",
        event_ns=0,
        event_id=0,
        price=None,
        horizons=K,
        chances=tuple(map(tuple, chances.tolist())),  # type: ignore[arg-type]
        directions=tuple(rng.integers(-1, 2, len(K)).tolist()),
        is_sure=tuple((rng.random(len(K)) < 0.5).tolist()),
    )


def _followed(family: str, most: int, pieces: int) -> tuple[TrackRecord, dict[int, Prediction]]:
    """A record that was shown the mids in pieces, with a prediction behind every fourth row."""
    record = TrackRecord(K, THRESHOLDS, family, 2, most=most)
    hindsight = record.begin()
    rng, mids, said = np.random.default_rng(5), _mids(), dict[int, Prediction]()
    for some in np.array_split(np.arange(len(mids)), pieces):
        hindsight.rows(mids[some])
        for row in some.tolist():
            if row % 4 == 0:
                said[row] = _prediction(rng)
                hindsight.predicted(row, said[row])
    return record, said


def _rows() -> TrainingRows:
    mids = _mids()
    return TrainingRows(
        names=("a",),
        values=np.zeros((len(mids), 1), np.float32),
        mid=mids,
        event_ns=np.arange(len(mids)),
        starts=np.array([0]),
    )


@pytest.mark.parametrize("pieces", [1, 7, 600])
@pytest.mark.parametrize("family", FAMILIES)
def test_figures_are_those_of_evaluation_on_the_labels_of_training(family: str, pieces: int) -> None:
    config = LabelConfig(family=family, horizons=K, smoothing=2)  # type: ignore[arg-type]
    labels = classes(changes(_rows(), config), THRESHOLDS)
    rules = [rule(_rows(), config, THRESHOLDS, labels) for rule in (persistence, mean_reversion)]

    record, said = _followed(family, 10_000, pieces)

    for number, k in enumerate(K):
        found = score([record.tallies[number]], "m:1", "d", k, None)
        at = [row for row in said if labels[row, number] >= 0]
        true = labels[at, number]
        told = np.array([said[row].directions[number] + 1 for row in at])
        chances = np.array([said[row].chances[number] for row in at])
        expected = directional_accuracy(true - 1, told - 1)
        assert found.rows == len(at)
        assert found.accuracy == pytest.approx(expected.all.accuracy)
        assert found.base_rate == pytest.approx(expected.all.base_rate)
        assert found.moved_accuracy == pytest.approx(expected.moved.accuracy)
        assert found.moved_coverage == pytest.approx(expected.moved.coverage)
        assert found.moved_base_rate == pytest.approx(expected.moved.base_rate)
        assert found.committed_accuracy == pytest.approx(expected.committed.accuracy)
        assert found.committed_coverage == pytest.approx(expected.committed.coverage)
        assert found.committed_base_rate == pytest.approx(expected.committed.base_rate)
        diagram = reliability_diagram(chances.max(axis=1), chances.argmax(axis=1) == true)
        assert found.ece == pytest.approx(diagram.ece)
        assert found.persistence == pytest.approx((rules[0][at, number] == true).mean())
        assert found.mean_reversion == pytest.approx((rules[1][at, number] == true).mean())
        sure = np.array([said[row].is_sure[number] for row in at])
        assert found.sure_coverage == pytest.approx(sure.mean())
        assert found.sure_accuracy == pytest.approx((true == told)[sure].mean())


def test_only_the_latest_count() -> None:
    record, said = _followed("next_mean_over_mid", 10, 3)

    latest, _ = _followed("next_mean_over_mid", 10_000, 3)

    found, everything = (score([one.tallies[0]], "m:1", "d", 3, None) for one in (record, latest))
    assert (found.rows, everything.rows) == (10, len([row for row in said if row + 3 < 600]))


def test_a_prediction_is_not_judged_before_its_horizon_nor_behind_its_stretch() -> None:
    record, rng, mids = (
        TrackRecord((3,), (0.0,), "later_mid_over_mid", 1, most=100),
        np.random.default_rng(0),
        _mids(20),
    )
    hindsight = record.begin()
    hindsight.rows(mids[:5])
    hindsight.predicted(4, _prediction(rng))

    hindsight.rows(mids[5:7])
    assert record.judged == 0
    hindsight.rows(mids[7:8])
    assert record.judged == 1

    hindsight.predicted(7, _prediction(rng))
    record.begin().rows(mids)
    assert record.judged == 1


def test_an_answer_that_comes_behind_its_stretch_is_judged_by_that() -> None:
    record = TrackRecord((3,), (0.0,), "later_mid_over_mid", 1, most=100)
    before, prediction = record.begin(), _prediction(np.random.default_rng(0))
    before.rows(np.array([100, 100, 100, 100, 102, 104]))
    record.begin().rows(np.arange(200, 100, -1))

    before.predicted(2, prediction)
    before.predicted(3, prediction)

    assert record.judged == 1
    assert record.tallies[0].told.sum(axis=1).tolist() == [0, 0, 1]  # it rose, in its own stretch


@pytest.mark.parametrize("family", FAMILIES)
def test_however_late_a_prediction_comes_it_is_judged_alike(family: str) -> None:
    rng, mids = np.random.default_rng(5), _mids(20_000)
    said = {row: _prediction(rng) for row in range(0, 20_000, 100)}
    records = [TrackRecord(K, THRESHOLDS, family, 2, most=10_000) for _ in range(2)]
    sets = ConformalSets(coverage=0.9, least_chance=((0.2,) * 3,) * 2)
    once, late = (record.begin(sets) for record in records)
    leasts = []
    for begin in range(0, 20_000, 500):
        once.rows(mids[begin : begin + 500])
        late.rows(mids[begin : begin + 500], due=0)
        for row in range(begin, begin + 500, 100):
            once.predicted(row, said[row])

    for row, prediction in said.items():
        late.predicted(row, prediction)
        sets_then = late.learn_until(row)
        assert sets_then is not None
        leasts.append(sets_then.least_chance.copy())

    assert records[1].judged == records[0].judged > 390
    assert [one.told.tolist() for one in records[1].tallies] == [one.told.tolist() for one in records[0].tallies]
    expected = once.learn_until(19_900)
    assert expected is not None
    np.testing.assert_array_equal(leasts[-1], expected.least_chance)


@pytest.mark.parametrize("pieces", [1, 7, 600])
@pytest.mark.parametrize("family", FAMILIES)
def test_sets_have_learned_what_had_come_by_a_row_and_nothing_else(family: str, pieces: int) -> None:
    config = LabelConfig(family=family, horizons=K, smoothing=2)  # type: ignore[arg-type]
    labels = classes(changes(_rows(), config), THRESHOLDS)
    sets = ConformalSets(coverage=0.9, least_chance=((0.2, 0.3, 0.2), (0.1, 0.4, 0.1)))
    hindsight = TrackRecord(K, THRESHOLDS, family, 2, most=10).begin(sets)
    rng, mids, said = np.random.default_rng(5), _mids(), dict[int, Prediction]()

    for some in np.array_split(np.arange(len(mids)), pieces):
        hindsight.rows(mids[some])
        for row in some.tolist():
            if row % 4 == 0:
                found = hindsight.learn_until(row)
                expected = FollowingSets(sets)
                for number, k in enumerate(K):
                    for past in said:
                        if past + k <= row and labels[past, number] >= 0:
                            expected.came(
                                number, said[past].chances[number], int(labels[past, number]), 4 if past else 1
                            )
                assert found is not None
                np.testing.assert_array_equal(found.least_chance, expected.least_chance)
                said[row] = _prediction(rng)
                hindsight.predicted(row, said[row])
    assert not np.array_equal(expected.least_chance, sets.least_chance)


def test_of_nothing_nothing_is_said() -> None:
    found = score([], "m:1", "d", 3, None)

    assert (found.rows, found.accuracy, found.ece, found.committed_accuracy) == (0, None, None, None)


@pytest.mark.parametrize("pieces", [1, 7, 600])
def test_however_rows_are_cut_as_many_are_judged(pieces: int) -> None:
    record, said = _followed("next_mean_over_mid", 10_000, pieces)

    assert record.judged == sum(row + k < 600 for row in said for k in K)
