"""Networks of several seeds as one."""

import numpy as np
import onnxruntime
import pytest
import torch

from msray.errors import UsageError
from msray.models.committee import committee
from msray.models.network import StepNetwork, WindowNetwork
from msray.models.onnx import to_onnx
from tests.models.made import CAUSAL, a_config, a_network, some_rows

NAMES = (*CAUSAL, "bin_ctabl", "directional")


def networks(name: str, count: int = 3) -> list[StepNetwork | WindowNetwork]:
    """That differ in their seed."""
    some = [a_network(name, seed=seed) for seed in range(count)]
    for one in some:
        one.scale_by(torch.full((one.features,), 0.5), torch.full((one.features,), 2.0))
    return some


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_with_the_mean_of_their_scores(name: str) -> None:
    some = networks(name)
    one = committee(a_config(name), some).eval()

    rows = some_rows(one)

    expected = torch.stack([network(rows) for network in some]).mean(dim=0)
    torch.testing.assert_close(one(rows), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", CAUSAL)
def test_however_a_stream_is_cut_it_says_the_same(name: str) -> None:
    one = committee(a_config(name), networks(name)).eval()
    assert isinstance(one, StepNetwork)
    rows = some_rows(one)
    first, *memory = one.along(rows[:, :20], *one.start(len(rows)))
    second, *memory = one.along(rows[:, 20:-1], *memory)
    third, *_ = one.step(rows[:, -1], *memory)

    found = torch.cat([first, second, third.unsqueeze(1)], dim=1)

    torch.testing.assert_close(found, one(rows), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_its_onnx_file_answers_as_it_does(name: str) -> None:
    one = committee(a_config(name), networks(name, 2)).eval()
    rows = some_rows(one)
    session = onnxruntime.InferenceSession(to_onnx(one), providers=["CPUExecutionProvider"])

    if isinstance(one, StepNetwork):
        fed = {f"memory_{number}": part.numpy() for number, part in enumerate(one.start(len(rows)))}
        fed["row"], expected = rows[:, 0].numpy(), one(rows[:, :1])[:, 0]
    else:
        fed, expected = {"rows": rows.numpy()}, one(rows)

    np.testing.assert_allclose(session.run(["scores"], fed)[0], expected.detach().numpy(), rtol=0, atol=1e-5)


def test_one_alone_is_left_as_it_is() -> None:
    (alone,) = networks("gru", 1)

    assert committee(a_config("gru"), [alone]) is alone


def test_what_cannot_be_one_is_refused() -> None:
    with pytest.raises(UsageError, match="networks must be at least one, got none"):
        committee(a_config("gru"), [])
    with pytest.raises(UsageError, match="networks must be of one kind, got GRU, TCN"):
        committee(a_config("gru"), [a_network("gru"), a_network("tcn")])
    with pytest.raises(UsageError, match="scaled in the same way"):
        committee(a_config("gru"), [a_network("gru"), *networks("gru", 1)])
