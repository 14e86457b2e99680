"""What a model predicts over a replay is what its network says of the rows that training would see."""

import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msray.errors import UnknownNameError, UsageError
from msray.features import NAMES, NETWORK_COLUMNS
from msray.market import MESSAGE, Signal
from msray.models.conformal import FollowingSets
from msray.prediction import (
    Began,
    Dropping,
    LevelSink,
    LogEvent,
    ModelChanged,
    ModelName,
    Pipeline,
    Rows,
    RowSink,
    log_metadata,
)
from msray.prediction.config import PredictConfig
from msray.prediction.forecaster import MOST_UNANSWERED, Forecaster
from msray.prediction.forecasts import Forecasting, Forecasts, shared_sink
from msray.prediction.runner import Runner
from msray.prediction.served import ServedModel
from msray.training.config import LabelConfig
from msray.training.labels import changes, classes
from msray.training.rows import RowRecorder, TrainingRows
from tests.prediction.made import BTC, ETH, NEVER_CALIBRATED, SECOND, joined, market_events, one_by_one
from tests.prediction.served import HORIZONS, a_model, network

WORDS = PredictConfig(interval_seconds=0.5, signal_horizon=5, signal_cooldown_seconds=0.0)


@functools.cache
def market() -> list[LogEvent]:
    return market_events([BTC], seconds=20, lost=(9.0,), audited=(14.0,))


class Replayed:
    """A replay of events with a model, and all that came of it."""

    def __init__(self, model: ServedModel, events: Iterable[LogEvent], config: PredictConfig = WORDS) -> None:
        self.recorder = RowRecorder(model.features)
        self.forecasts = Forecasts([BTC.id], [model], config)
        driver = Forecasting(
            lambda sink: Pipeline(
                [BTC], NEVER_CALIBRATED, sink=lambda name: shared_sink(self.recorder_sink(), sink(name))
            ),
            self.forecasts,
        )
        (self.forecaster,) = self.forecasts
        self.predictions = []
        make = self.forecaster._predict

        def kept(*words: Any) -> list[Signal]:
            signals = make(*words)
            self.predictions.append(self.forecaster.latest)
            return signals

        self.forecaster._predict = kept  # type: ignore[method-assign,assignment]
        self.signals = [s for event in events for s in driver.apply(event) if s.signal_type == "prediction"]

    def recorder_sink(self) -> RowSink:
        return LevelSink(self.recorder) if self.forecasts.has_levels else self.recorder

    @property
    def rows(self) -> TrainingRows:
        return self.recorder.take()


def due_rows(rows: TrainingRows, interval_ns: int) -> list[int]:
    """The first row at or behind each multiple of the interval, the slow way, but not a stretch's first."""
    found = []
    for begin, end in zip(rows.starts, rows.ends, strict=True):
        for at in range(begin + 1, end):
            before = rows.event_ns[begin:at].max() // interval_ns
            if rows.event_ns[at] // interval_ns > before:
                found.append(at)
    return found


def chances_of(model: ServedModel, rows: TrainingRows, at: Sequence[int]) -> NDArray[np.float64]:
    """What the networks say in torch of the whole stretches, mixed."""
    scores = {one.name: np.full((len(rows), len(HORIZONS), 3), np.nan, np.float32) for one in model.members}
    for member in model.members:
        made = network(member.name, features=len(model.features))
        for begin, end in zip(rows.starts, rows.ends, strict=True):
            seen = torch.from_numpy(rows.values[begin:end])
            if member.window is None:
                scores[member.name][begin:end] = made(seen[None])[0].detach().numpy()
            else:
                for row in range(begin + member.window - 1, end):
                    shown = seen[row - begin + 1 - member.window : row - begin + 1]
                    scores[member.name][row] = made(shown[None])[0, 0].detach().numpy()
    return model.mixture.say({name: found[list(at)] for name, found in scores.items()}).chances


@pytest.mark.parametrize(
    "members", [("gru",), ("tcn",), ("local_attention", "linear"), ("bin_ctabl",), ("gru", "bin_ctabl")]
)
def test_predictions_are_those_of_the_networks_over_the_rows_of_training(members: tuple[str, ...]) -> None:
    model = a_model(*members)

    found = Replayed(model, market())

    rows = found.rows
    at = due_rows(rows, SECOND // 2)
    expected = chances_of(model, rows, at)
    at = [row for row, one in zip(at, expected, strict=True) if np.isfinite(one).all()]
    assert len(rows.starts) == 2
    assert len(at) > 20
    assert [one.event_ns for one in found.predictions] == rows.event_ns[at].tolist()
    np.testing.assert_allclose(
        [one.chances for one in found.predictions], expected[np.isfinite(expected).all(axis=(1, 2))], rtol=0, atol=1e-5
    )


def test_columns_of_levels_are_those_of_training_too() -> None:
    model = a_model("gru", features=NETWORK_COLUMNS)

    found = Replayed(model, market())

    rows = found.rows
    expected = chances_of(model, rows, due_rows(rows, SECOND // 2))
    np.testing.assert_allclose([one.chances for one in found.predictions], expected, rtol=0, atol=1e-5)


def test_however_the_log_is_cut_the_signals_are_the_same() -> None:
    model = a_model("gru", "bin_ctabl")

    cuts = [
        [(one.signal_id, one.score, one.features) for one in Replayed(model, events).signals]
        for events in (market(), joined(market()), one_by_one(market()))
    ]

    assert len(cuts[0]) > 3
    assert len({one for one, _, _ in cuts[0]}) == len(cuts[0])
    assert cuts[1] == cuts[2] == cuts[0]


def followed(model: ServedModel, found: Replayed) -> dict[int, NDArray[np.float64]]:
    """The least chances behind each prediction, the slow way: anew from what had come of all before in its stretch."""
    rows, sets = found.rows, model.mixture.sets
    assert sets is not None
    config = LabelConfig(family=model.family, horizons=HORIZONS)  # type: ignore[arg-type]
    labels = classes(changes(rows, config), model.thresholds)
    said = {rows.event_ns.tolist().index(one.event_ns): one for one in found.predictions}
    leasts = {}
    for row, prediction in said.items():
        begin, here = rows.starts[rows.starts <= row].max(), FollowingSets(sets)
        before = begin - 1
        for past in said:
            for number, k in enumerate(HORIZONS):
                if begin <= past and past + k <= row and labels[past, number] >= 0:
                    here.came(number, said[past].chances[number], int(labels[past, number]), int(past - before))
            before = max(before, past)
        leasts[prediction.event_ns] = here.least_chance
    return leasts


def test_sure_is_what_sets_say_that_have_learned_what_came() -> None:
    second = sorted(Replayed(a_model("gru"), market()).predictions[-1].chances[1])[1]
    is_followed = False
    for beside in (second - 1e-9, second + 1e-9):  # the last row is sure or not by the least that has been learned
        model = a_model("gru", least=beside)

        found = Replayed(model, market())

        leasts = followed(model, found)
        for one in found.predictions:
            chances = np.array(one.chances)
            for least in (leasts[one.event_ns], beside):
                inside = chances >= least
                alone = inside.sum(axis=1) == 1
                sure = tuple((alone & (inside.argmax(axis=1) == np.array(one.directions) + 1)).tolist())
                if least is beside:
                    is_followed |= sure != one.is_sure
                else:
                    assert sure == one.is_sure
    assert is_followed


def test_a_signal_is_a_sure_direction_that_was_not_said_before_in_its_stretch() -> None:
    model = a_model("gru")

    found = Replayed(model, market())

    leasts = followed(model, found)
    expected, said, second_ns = [], 0, found.rows.event_ns[found.rows.starts[1]]
    for before, one in itertools.pairwise([found.predictions[0], *found.predictions]):
        if before.event_ns < second_ns <= one.event_ns:
            said = 0
        if one.is_sure[1] and one.directions[1] not in (0, said):
            said = one.directions[1]
            expected.append(one)
    assert len(expected) > 3
    assert [(one.event_ns, one.event_id, one.price) for one in found.signals] == [
        (one.event_ns, one.event_id, one.price) for one in expected
    ]
    for signal, prediction in zip(found.signals, expected, strict=True):
        side = 1 + signal.direction
        chance, least = prediction.chances[1][side], leasts[prediction.event_ns][1, side]
        assert signal.score == pytest.approx(0.5 + 0.5 * (chance - least) / (1 - least), abs=1e-12)
        assert (signal.detector, signal.calibration) == ("small", model.digest)
        assert signal.features["up_5"] == prediction.chances[1][2]


def test_signals_of_a_stretch_keep_their_distance() -> None:
    free = Replayed(a_model("gru"), market())

    found = Replayed(a_model("gru"), market(), WORDS.model_copy(update={"signal_cooldown_seconds": 4.0}))

    second_ns = found.rows.event_ns[found.rows.starts[1]]
    times = [one.event_ns for one in found.signals]
    assert 1 < len(times) < len(free.signals)
    assert all(b - a >= 4 * SECOND or a < second_ns <= b for a, b in itertools.pairwise(times))


def test_a_horizon_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match=r"predict.signal_horizon must be one of 2, 5 for small:1, got 3"):
        Forecasts([BTC.id], [a_model("gru")], WORDS.model_copy(update={"signal_horizon": 3}))


@pytest.mark.parametrize("every", [1, 23])
def test_windows_that_others_look_at_give_the_same_signals_however_late_they_answer(every: int) -> None:
    model, events = a_model("gru", "bin_ctabl", "lstm"), market_events([BTC, ETH], seconds=16, lost=(7.0,))
    own = Forecasts([BTC.id, ETH.id], [model], WORDS)
    asked = Forecasts([BTC.id, ETH.id], [model], WORDS, is_asked=True)
    elsewhere = asked.runners["small"]
    driver = Forecasting(lambda sink: Pipeline([BTC, ETH], NEVER_CALIBRATED, sink=sink), own)
    pipeline = Pipeline([BTC, ETH], NEVER_CALIBRATED, sink=asked.sink)
    found: tuple[list[Signal], list[Signal]] = [], []

    for number, event in enumerate(events, 1):
        found[0].extend(driver.apply(event))
        found[1].extend([*pipeline.apply(event), *asked.predict()])
        while number % every in (0, len(events) % every) and (questions := asked.questions()):
            for question in questions:
                found[1].extend(asked.answered(question, elsewhere.window_scores(question.rows)))

    once, late = (
        sorted((one.signal_id, one.score) for one in some if one.signal_type == "prediction") for some in found
    )
    assert len(once) > 3
    assert late == once
    assert [one.predictions for one in asked] == [one.predictions for one in own]
    assert [one.record.judged for one in asked] == [one.record.judged for one in own]


def test_a_question_without_an_answer_is_given_up_and_the_next_goes_on() -> None:
    model = a_model("bin_ctabl")
    forecasts = Forecasts([BTC.id], [model], WORDS, is_asked=True)
    pipeline = Pipeline([BTC], NEVER_CALIBRATED, sink=forecasts.sink)
    for event in market():
        pipeline.apply(event)
    forecasts.predict()
    (one,) = forecasts
    first, second = forecasts.questions()[0], forecasts.questions()[0]

    forecasts.answered(first, None)
    forecasts.answered(second, forecasts.runners["small"].window_scores(second.rows))

    assert (one.unanswered, one.predictions) == (1, 1)


def _part(rows: Rows, some: slice) -> Rows:
    return replace(rows, messages=rows.messages[some], bests=rows.bests[some], values=rows.values[some])


def _chances(model: ServedModel, parts: Iterable[Rows | Dropping]) -> tuple[list[float], Forecaster]:
    """Of the predictions behind each part; and who made them."""
    forecasts = Forecasts([BTC.id], [model], WORDS)
    (one,) = forecasts
    found = []
    for part in parts:
        if isinstance(part, Dropping):
            forecasts.drop(part)
            continue
        one.take(part)
        forecasts.predict()
        assert one.latest is not None
        found += [chance for chances in one.latest.chances for chance in chances]
    return found, one


def test_rows_that_are_dropped_are_not_seen_and_the_model_begins_anew_behind_them() -> None:
    model = a_model("gru")
    first, second, third = (_part(_some_rows(60), slice(begin, begin + 20)) for begin in (0, 20, 40))
    begins, ends = (Dropping(BTC.id, "small", is_on, local_ns=1) for is_on in (True, False))

    found, one = _chances(model, [first, begins, begins, second, ends, ends, third])

    assert (one.dropped, one.waiting) == (20, 0)
    assert found[:6] == found[6:12]  # nothing is said behind what it did not see
    assert found[12:] == _chances(model, [first, replace(third, stretch=2)])[0][6:]
    assert found[12:] != _chances(model, [first, third])[0][6:]


@pytest.mark.parametrize("whose", [(ETH.id, "small"), (BTC.id, "other")])
def test_rows_are_dropped_for_the_model_and_the_instrument_that_are_named(whose: tuple[str, str]) -> None:
    _, one = _chances(a_model("gru"), [Dropping(*whose, True, 1), _some_rows(20)])

    assert one.dropped == 0


@pytest.mark.parametrize(
    "family", ["next_mean_over_mid", "later_mid_over_mid", "next_mean_over_last_mean", "later_mean_over_last_mean"]
)
def test_what_came_is_what_training_would_label(family: str) -> None:
    model = a_model("gru", family=family)
    found = Replayed(model, market())
    rows = found.rows
    config = LabelConfig(family=family, horizons=HORIZONS, threshold_pct=0.0)  # type: ignore[arg-type]

    labels = classes(changes(rows, config), model.thresholds)[due_rows(rows, SECOND // 2)]

    for column, tally in enumerate(found.forecaster.record.tallies):
        known = labels[:, column] >= 0
        said = np.array([one.directions[column] + 1 for one in found.predictions])
        expected = np.zeros((3, 3), np.int64)
        np.add.at(expected, (labels[known, column], said[known]), 1)
        np.testing.assert_array_equal(tally.told, expected)


def _some_rows(count: int, stretch: int = 1) -> Rows:
    """Rows of a second each, drawn from a seed."""
    messages = np.zeros(count, MESSAGE)
    messages["event_ns"] = (1 + np.arange(count)) * SECOND
    bests = np.tile(np.array([[600_000, 1, 600_002, 1]]), (count, 1))
    return Rows(BTC, 7, messages, bests, np.random.default_rng(0).normal(size=(count, len(NAMES))), stretch)


def _by_hand(model: ServedModel, parts: Iterable[tuple[int, int]]) -> list[tuple[float, ...]]:
    """Chances of all predictions over rows drawn from a seed, in parts of a stretch and a grid each."""
    forecasts = Forecasts([BTC.id], [model], WORDS)
    (one,) = forecasts
    rng, found = np.random.default_rng(0), []
    for number, (stretch, grid) in enumerate(parts):
        messages = np.zeros(20, MESSAGE)
        messages["event_ns"] = (1 + number * 20 + np.arange(20)) * SECOND
        bests = np.tile(np.array([[600_000, 1, 600_002, 1]]), (20, 1))
        bests[3, 0] = -1
        values = rng.normal(size=(20, len(NAMES)))
        one.take(Rows(replace(BTC, tick=100, grid=grid), 7, messages, bests, values, stretch))
        for _ in one.forecast():
            pass
        assert one.latest is not None
        found.append(one.latest.chances[0])
    return found


@pytest.mark.parametrize("change", [(2, 100), (1, 10)])
def test_a_new_stretch_or_grid_is_begun_from_nothing(change: tuple[int, int]) -> None:
    model = a_model("gru")

    broken, whole = _by_hand(model, [(1, 100), change]), _by_hand(model, [(1, 100), (1, 100)])

    assert broken[0] == whole[0]
    assert broken[1] != whole[1]


def test_a_row_without_two_best_prices_is_not_seen() -> None:
    forecasts = Forecasts([BTC.id], [a_model("gru")], WORDS)
    (one,) = forecasts
    messages, bests = np.zeros(3, MESSAGE), np.array([[-1, 0, 5, 1], [4, 1, 5, 1], [4, 1, 2**31 - 1, 0]])

    one.take(Rows(BTC, 7, messages, bests, np.zeros((3, len(NAMES))), 1))

    assert one.waiting == 1


def _asked_and_replayed(counts: Iterable[int], *, is_exchanged: bool) -> list[Forecaster]:
    """Two that see the same rows in stretches, of which one is asked windows and never gets an answer."""
    models = a_model("bin_ctabl"), a_model("bin_ctabl", version=2, seed=12)
    found = []
    for is_asked in (True, False):
        forecasts = Forecasts([BTC.id], models[:1], WORDS, is_asked=is_asked)
        (one,) = forecasts
        for stretch, count in enumerate(counts):
            one.take(_some_rows(count, stretch + 1))
        if is_exchanged:
            forecasts.use(Runner(models[1]))
        forecasts.predict()
        found.append(one)
    return found


def test_a_model_that_is_exchanged_says_first_what_it_has_still_to_say() -> None:
    asked, replayed = _asked_and_replayed([40], is_exchanged=True)

    assert (asked.predictions, asked.signals) == (replayed.predictions, replayed.signals)
    assert asked.predictions > 20
    assert (asked.unanswered, len(asked.questions)) == (0, 0)
    assert asked.runner.served.version == 2


def test_where_too_many_wait_for_an_answer_the_oldest_are_looked_at_here() -> None:
    asked, replayed = _asked_and_replayed([200], is_exchanged=False)

    assert asked.predictions == replayed.predictions - MOST_UNANSWERED
    assert (asked.unanswered, len(asked.questions)) == (0, MOST_UNANSWERED)


def _began(*models: ServedModel) -> Began:
    """A run of these models; of none, it says nothing of models."""
    words = WORDS.model_copy(update={"models": tuple(one.name for one in models)})
    names = [ModelName(one.name, one.version, one.digest) for one in models]
    return Began((BTC.id,), 0, log_metadata(NEVER_CALIBRATED, [], words, names))


def test_a_log_that_begins_where_rows_are_dropped_drops_them() -> None:
    model = a_model("gru")
    began = _began(model)
    driver = _recovering(model)

    for event in [replace(began, metadata={**began.metadata, "dropping": [[BTC.id, "small"]]}), *market()]:
        driver.apply(event)

    (one,) = driver.forecasts
    assert one.predictions == 0
    assert one.dropped > 100


def _recovering(*models: ServedModel) -> Forecasting:
    """Of runs whose models are looked for among these."""

    def load(name: ModelName) -> ServedModel:
        found = {one.digest: one for one in models}
        if name.digest not in found:
            raise UnknownNameError("version", str(name), [])
        return found[name.digest]

    none = Forecasts([BTC.id], [], PredictConfig())
    return Forecasting(lambda sink: Pipeline([BTC], NEVER_CALIBRATED, sink=sink), none, load=load)


def test_a_run_without_models_is_not_predicted_with_those_of_the_run_before() -> None:
    model = a_model("gru")
    driver = _recovering(model)
    for event in [_began(model), *market()]:
        driver.apply(event)
    made = driver.made

    for event in [_began(), *market()]:
        driver.apply(event)

    assert driver.made == made > 0
    assert list(driver.forecasts) == []


def test_a_version_that_cannot_predict_here_is_a_problem_and_detection_goes_on() -> None:
    gone, second = a_model("gru"), a_model("gru", features=NETWORK_COLUMNS, version=2, seed=12)
    driver = _recovering(second)
    changed = ModelChanged(ModelName("small", 2, second.digest), 1)

    signals = [one for event in [_began(gone), changed, *market()] for one in driver.apply(event)]

    assert len(signals) > 0
    assert driver.made == 0
    assert [one.partition(":2")[0] for one in driver.problems][1:] == ["small"]
    assert "reads features of the levels family" in driver.problems[1]


def test_a_model_of_the_log_that_cannot_be_run_is_a_problem_and_detection_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, events = a_model("gru"), market()
    driver, without = _recovering(model), _recovering()
    expected = [one.signal_id for event in [_began(), *events] for one in without.apply(event)]
    steps, step = itertools.count(), Runner.step

    def fail(self: Runner, *of: Any) -> Any:
        if next(steps) == 100:
            raise RuntimeError("no memory")
        return step(self, *of)

    monkeypatch.setattr(Runner, "step", fail)

    signals = [one for event in [_began(model), *events] for one in driver.apply(event)]

    assert [one.signal_id for one in signals if one.signal_type != "prediction"] == expected
    assert driver.problems == ["models predict no longer: RuntimeError: no memory"]
    (one,) = driver.forecasts
    assert one.dropped > 0
