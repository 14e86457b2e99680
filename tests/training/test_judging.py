"""Models beside floors, on the same rows."""

import dataclasses
import json

import numpy as np
import pytest

from msray.errors import UnknownNameError, UsageError
from msray.models.classes import NO_LABEL
from msray.training.floors import FLOORS
from msray.training.judging import ModelReport, Said, judge
from tests.training.made import a_problem, some_rows

PART = (800, 1200)


def some_models(seed: int = 0) -> dict[str, Said]:
    """One that is right in half of the rows and guesses in the others, one that only guesses."""
    problem, rng = a_problem(), np.random.default_rng(seed)
    truth = problem.labels[slice(*PART)]
    guess = rng.integers(0, 3, truth.shape)
    knows = np.where((rng.random(truth.shape) < 0.5) & (truth != NO_LABEL), truth, guess)
    chances = np.full((*truth.shape, 3), 0.2)
    np.put_along_axis(chances, knows[..., None], 0.6, axis=2)
    return {"knows": Said(classes=knows, chances=chances), "guesses": Said(classes=guess)}


@pytest.fixture(scope="module")
def report() -> ModelReport:
    return judge(a_problem(), PART, some_models())


def test_every_floor_is_beside_every_model(report: ModelReport) -> None:
    for k in report.horizons:
        here = [one for one in report.figures if one.horizon == k]
        assert {one.name for one in here if one.is_floor} == set(FLOORS)
        assert {one.name for one in here if not one.is_floor} == {"knows", "guesses"}
        assert len({one.rows for one in here}) == 1


def test_a_report_without_a_floor_cannot_be_made(report: ModelReport) -> None:
    fewer = tuple(one for one in report.figures if one.name != "persistence")

    with pytest.raises(UsageError, match="persistence not left out"):
        dataclasses.replace(report, figures=fewer)


def test_figures_are_those_of_scikit_learn(report: ModelReport) -> None:
    from sklearn.metrics import f1_score, matthews_corrcoef

    problem, models = a_problem(), some_models()
    truth = problem.of(PART)[slice(*PART)][:, 1]
    known = truth != NO_LABEL
    said = models["knows"].classes[known, 1]

    found = next(one for one in report.figures if one.name == "knows" and one.horizon == 5)

    assert found.macro_f1 == pytest.approx(f1_score(truth[known], said, average="macro"))
    assert found.weighted_f1 == pytest.approx(f1_score(truth[known], said, average="weighted"))
    assert found.mcc == pytest.approx(matthews_corrcoef(truth[known], said))
    assert found.macro_f1_low < found.macro_f1 < found.macro_f1_high
    assert found.ece == pytest.approx(abs((truth[known] == said).mean() - 0.6))


def test_a_difference_is_judged_on_the_same_rows(report: ModelReport) -> None:
    better = report.beside("knows", "guesses")

    assert [one.horizon for one in better] == [2, 5]
    assert all(0 < one.low < one.macro_f1 < one.high for one in better)
    assert all(one.low == one.macro_f1 == one.high == 0 for one in report.beside("knows", "knows"))
    with pytest.raises(UnknownNameError):
        report.beside("knows", "guess")


def test_rows_of_which_one_says_nothing_are_judged_of_none() -> None:
    models = some_models()
    models["knows"].classes[:100] = NO_LABEL

    fewer = judge(a_problem(), PART, models)

    assert {one.rows for one in fewer.figures if one.horizon == 5} == {400 - 100 - 5}


def test_it_can_be_kept_and_looked_at(report: ModelReport) -> None:
    table = report.to_pandas()

    assert len(table) == 2 * (2 + len(FLOORS))
    assert {"moved_accuracy", "committed_coverage", "all_base_rate", "ece"} <= set(table.columns)
    json.dumps(report.as_dict())


def test_a_model_with_the_name_of_a_floor_and_a_part_without_labels_are_refused() -> None:
    with pytest.raises(UsageError, match="got majority"):
        judge(a_problem(), PART, {"majority": some_models()["guesses"]})
    rows = some_rows(1200)
    with pytest.raises(UsageError, match="labels of horizon 5, got none in 4 rows"):
        judge(a_problem(rows), (1196, 1200), {})
