"""A model in ONNX Runtime says what its networks say in torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msray.errors import UnavailableError, UsageError
from msray.models.catalog import CATALOG
from msray.models.classes import NO_LABEL
from msray.prediction.runner import Runner
from tests.prediction.served import FEATURES, HORIZONS, a_model, network

CAUSAL = [name for name, entry in CATALOG.items() if entry.is_causal]


def _rows(streams: int = 3, count: int = 40) -> NDArray[np.float32]:
    rows = np.random.default_rng(1).normal(size=(streams, count, len(FEATURES))).astype(np.float32)
    rows[0, 1, 1] = np.nan
    return rows


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("streams", [1, 3])
def test_row_by_row_a_causal_network_says_what_it_says_of_all_rows_at_once(name: str, streams: int) -> None:
    runner, rows = Runner(a_model(name)), _rows(streams)
    memory, found = runner.start(streams), []

    for at in range(rows.shape[1]):
        scores, memory = runner.step(rows[:, at], memory)
        found.append(scores[name])

    expected = network(name)(torch.from_numpy(rows)).detach().numpy()
    np.testing.assert_allclose(np.stack(found, 1), expected, rtol=0, atol=1e-5)


def test_streams_of_one_runner_know_nothing_of_each_other() -> None:
    runner, rows = Runner(a_model("gru", "tcn")), _rows(2, 10)
    memories = [runner.start(), runner.start()]

    for at in range(10):
        for one, memory in enumerate(memories):
            scores, memories[one] = runner.step(rows[one : one + 1, at], memory)

    alone = Runner(a_model("gru", "tcn")).whole(rows[1:])
    for name, found in scores.items():
        np.testing.assert_array_equal(found, alone[name])


def test_every_member_speaks_from_the_whole_of_the_rows() -> None:
    runner, rows = Runner(a_model("gru", "bin_ctabl", "lstm")), _rows(4)

    found = runner.whole(rows)

    for name in ("gru", "bin_ctabl", "lstm"):
        made = network(name)
        seen = torch.from_numpy(rows[:, -made.window :] if name != "gru" else rows)
        np.testing.assert_allclose(found[name], made(seen)[:, -1].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_window_says_the_same_alone_and_among_others() -> None:
    runner, rows = Runner(a_model("bin_ctabl", "lstm")), _rows(5)

    together = runner.window_scores(rows)

    for at in range(5):
        for name, found in runner.window_scores(rows[at : at + 1]).items():
            np.testing.assert_array_equal(found[0], together[name][at])


def test_a_window_that_is_not_complete_says_nothing_and_the_others_speak() -> None:
    runner = Runner(a_model("gru", "bin_ctabl", "lstm"))

    answers = runner.answers(runner.whole(_rows(2, 11)))

    assert (answers.votes["lstm"] == NO_LABEL).all()
    assert set(answers.votes["bin_ctabl"].ravel().tolist()) <= {-1, 0, 1}
    assert np.isfinite(answers.chances).all()


def test_what_is_not_said_is_no_direction_and_not_sure() -> None:
    runner = Runner(a_model("lstm"))

    answers = runner.answers(runner.whole(_rows(2, 3)))

    assert np.isnan(answers.chances).all()
    assert not answers.directions.any()
    assert not answers.is_sure.any()


def test_it_is_sure_where_nothing_else_is_possible() -> None:
    scores = {"gru": np.zeros((1, len(HORIZONS), 3), np.float32)}
    scores["gru"][0, 0, 2] = 5.0

    answers = Runner(a_model("gru", least=0.2)).answers(scores)

    assert answers.directions[0, 0] == 1
    assert answers.is_sure[0].tolist() == [True, False]


@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 3)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"rows must have the shape \(windows, rows, 4\)"):
        Runner(a_model("gru")).whole(np.zeros(shape))


def test_a_network_that_onnx_runtime_cannot_run_is_an_error_of_ours() -> None:
    model = a_model("gru")
    broken = replace(model, members=(replace(model.members[0], onnx=b"of a later opset"),))

    with pytest.raises(UnavailableError, match=r"^ONNX Runtime: "):
        Runner(broken)
