"""What a training came to, in one sentence and in figures."""

import functools

from msray.training.config import PartsConfig
from msray.training.fit import pose_walked
from msray.training.jobs import Trained, make_jobs, run_serially
from msray.training.report import TrainReport, make_report
from msray.training_page.page import train_page
from tests.training.made import TRAINED, a_report, known_rows

WALKED = TRAINED.model_copy(update={"parts": PartsConfig(judgements=2)})


@functools.cache
def a_walked_report() -> TrainReport:
    last, first = pose_walked(WALKED, [known_rows()])
    trained: dict[str, list[Trained]] = {"first": [], "last": []}
    for name, problem in (("first", first), ("last", last)):
        run_serially(problem, make_jobs(WALKED), trained[name].append)
    return make_report(WALKED, ["binance_usdm:BTCUSDT"], last, trained["last"], [(first, trained["first"])])


def test_the_last_judgement_is_the_one_that_would_stand_alone() -> None:
    alone, walked = a_report(), a_walked_report()

    assert repr(walked.selection.report.figures) == repr(alone.selection.report.figures)  # NaN is unlike itself
    assert walked.verdict.startswith(alone.verdict.removesuffix("."))
    assert alone.as_dict()["earlier"] == []


def test_earlier_judgements_are_told_beside_their_floors() -> None:
    report = a_walked_report()
    [earlier] = report.earlier

    [told] = report.as_dict()["earlier"]
    rows = report.problem.rows.event_ns
    assert (told["begin_ns"], told["end_ns"]) == (rows[720], rows[959])
    assert {one["name"] for one in told["figures"]} >= {"gru", "lstm", "ensemble", "majority", "logistic"}
    scores = [
        (some.report.of(some.best)[0].macro_f1, some.report.best_floor(2).macro_f1)
        for some in (earlier.selection, report.selection)
    ]
    mine, floors = (sum(some) / 2 for some in zip(*scores, strict=True))
    assert f"in 2 judgements, one behind the other, {mine:.3f}," in report.verdict
    assert f"(best rules: {floors:.3f}," in report.verdict


def test_the_page_shows_them() -> None:
    text = train_page(a_walked_report())

    assert '<section id="earlier">' in text
    assert "Walked forward" in text
    assert '<section id="earlier">' not in train_page(a_report())
