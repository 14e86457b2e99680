"""Models are followed, and what cannot be served does not take the place of what can."""

import threading
from typing import Any

import numpy as np
import pytest

from msray.api.model_server import AGAIN_S, ModelServer, Question, Scored
from msray.api.models import Answered, ModelStatus
from msray.errors import UnavailableError, UnknownNameError, UsageError
from msray.prediction import Runner
from msray.telemetry.families import MODEL_LOADS, PREDICTION_BATCH
from msray.telemetry.metrics import Figures
from tests.api.shelves import a_shelf, small, some_windows
from tests.clocks import StillClock

ROWS = np.array(some_windows(3), np.float32)


def only(server: ModelServer) -> ModelStatus:
    (status,) = server.models()
    return status


def test_it_serves_what_its_words_mean_and_says_what_that_is() -> None:
    server = ModelServer(a_shelf(), ["small"])

    status = only(server)

    assert (status.words, status.name, status.alias, status.version) == ("small", "small", "production", 1)
    assert (status.windows, status.least_rows, status.problem) == ({"gru": None, "bin_ctabl": 10}, 1, "")
    assert np.array_equal(
        server.whole("small", ROWS).answers.chances, Runner(small()).answers(Runner(small()).whole(ROWS)).chances
    )


def test_another_digest_takes_its_place_once_it_has_answered() -> None:
    shelf, figures = a_shelf(), Figures()
    server = ModelServer(shelf, ["small"], figures=figures)

    shelf.models["small"] = small(2)
    before = server.whole("small", ROWS).version
    server.follow()

    assert (before, server.whole("small", ROWS).version, only(server).version) == (1, 2, 2)
    assert figures.sample()[MODEL_LOADS.name] == {("small", "loaded"): (2.0,)}


def test_what_was_served_before_still_answers_by_its_digest() -> None:
    shelf = a_shelf()
    server = ModelServer(shelf, ["small"])
    shelf.models["small"] = small(2)
    server.follow()

    answers = server.answer_all([Question(small(one).digest, ROWS, is_whole=False) for one in (1, 2, 3)])

    assert [getattr(one, "digest", None) for one in answers] == [small(1).digest, small(2).digest, None]
    assert isinstance(answers[2], UnknownNameError)


def test_what_is_refused_does_not_take_its_place_and_the_status_says_why() -> None:
    shelf, clock = a_shelf(), StillClock()
    server = ModelServer(shelf, ["small"], clock=clock)  # type: ignore[arg-type]
    shelf.models["small"] = small(2)
    shelf.refused = {small(2).digest}

    server.follow()
    server.follow()

    assert (only(server).version, server.whole("small", ROWS).version, shelf.taken) == (1, 1, 2)
    assert only(server).problem == "models/small/2/gru.onnx must have another sha256"

    shelf.refused = set()
    clock.advance(AGAIN_S)
    server.follow()

    assert (only(server).version, only(server).problem) == (2, "")


def test_going_back_to_what_serves_takes_the_problem_away() -> None:
    shelf = a_shelf()
    server = ModelServer(shelf, ["small"])
    shelf.refused, shelf.models["small"] = {small(2).digest}, small(2)
    server.follow()
    shelf.models["small"] = small(1)

    server.follow()

    assert (only(server).version, only(server).problem) == (1, "")


def test_a_network_that_onnx_runtime_does_not_take_is_refused() -> None:
    from dataclasses import replace

    shelf = a_shelf()
    broken = replace(small().members[0], onnx=b"no network")
    shelf.models["small"] = replace(small(), members=(broken,), digest="f" * 64)

    server = ModelServer(shelf, ["small"])

    assert not only(server).is_served
    assert only(server).problem.startswith("ONNX Runtime: ")
    with pytest.raises(UnavailableError, match="small is not served now"):
        server.whole("small", ROWS)


def test_unknown_words_are_a_problem_and_no_crash() -> None:
    server = ModelServer(a_shelf(), ["smaller"])

    assert only(server).problem == "unknown model 'smaller'"


def test_questions_of_one_model_and_shape_are_answered_in_one_go() -> None:
    figures = Figures()
    server = ModelServer(a_shelf(), ["small", "flat"], figures=figures)
    questions = [
        Question("small", ROWS[:1]),
        Question("flat", ROWS),
        Question("small", ROWS[1:]),
        Question("small", ROWS[:, :3]),
        Question("none", ROWS),
        Question("small", ROWS[:, :, :3]),
        Question("flat", ROWS[:2], is_whole=False),
    ]

    answers = server.answer_all(questions)

    counts = {key[0]: sum(row[:-1]) for key, row in figures.sample()[PREDICTION_BATCH.name].items()}
    alone: list[Any] = [server.answer_all([one])[0] for one in questions]
    assert counts == {"small": 2, "flat": 2}
    assert [type(one) for one in answers] == [
        Answered,
        Answered,
        Answered,
        Answered,
        UnknownNameError,
        UsageError,
        Scored,
    ]
    for one, other in zip(answers[:4], alone[:4], strict=True):
        assert isinstance(one, Answered)
        np.testing.assert_allclose(one.answers.chances, other.answers.chances, atol=1e-6)
    assert isinstance(answers[6], Scored)
    assert answers[6].scores["lstm"].shape == (2, 2, 3)


def test_many_threads_are_answered_as_one() -> None:
    server = ModelServer(a_shelf(), ["small"])
    wanted = server.whole("small", ROWS).answers.chances
    wrong: list[int] = []

    def ask(count: int) -> None:
        for _ in range(50):
            found = server.whole("small", ROWS[:count]).answers.chances
            if not np.allclose(found, wanted[:count], atol=1e-6):
                wrong.append(count)

    threads = [threading.Thread(target=ask, args=(1 + number % 3,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert wrong == []


def test_a_model_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="models must name each once"):
        ModelServer(a_shelf(), ["small", "small"])
