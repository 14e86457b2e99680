"""Networks as ONNX answer as they do in torch."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from msray.models.catalog import CATALOG
from msray.models.network import StepNetwork
from msray.models.onnx import to_onnx
from tests.models.made import CAUSAL, WINDOWED, a_network, some_rows


def _session(written: bytes) -> Any:
    return onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("streams", [1, 4])
def test_a_causal_one_is_stepped_to_the_same_answers(name: str, streams: int) -> None:
    network = a_network(name)
    network.scale_by(torch.full((network.features,), 0.5), torch.full((network.features,), 2.0))
    rows, session = some_rows(network, streams), _session(to_onnx(network))
    assert isinstance(network, StepNetwork)
    memory, found = [part.numpy() for part in network.start(streams)], []

    for row in rows.numpy().swapaxes(0, 1):
        scores, *memory = session.run(None, {"row": row, **{f"memory_{i}": part for i, part in enumerate(memory)}})
        found.append(scores)

    np.testing.assert_allclose(np.stack(found, 1), network(rows).detach().numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("windows", [1, 4])
def test_one_over_windows_gives_the_same_answers(name: str, windows: int) -> None:
    network = a_network(name)
    rows = some_rows(network, windows)

    (found,) = _session(to_onnx(network)).run(None, {"rows": rows.numpy()})

    np.testing.assert_allclose(found, network(rows).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CATALOG)
def test_what_is_unknown_is_usual_there_too(name: str) -> None:
    network = a_network(name)
    if isinstance(network, StepNetwork):
        feed = {f"memory_{i}": part.numpy() for i, part in enumerate(network.start(1))}
        feed["row"] = np.full((1, network.features), np.nan, np.float32)
    else:
        feed = {"rows": np.full((1, network.window, network.features), np.nan, np.float32)}

    scores = _session(to_onnx(network)).run(None, feed)[0]

    assert np.isfinite(scores).all()


def test_writing_leaves_training_as_it_is() -> None:
    network = a_network("gru").train()

    to_onnx(network)

    assert network.training
