"""Boosted trees: rows fall into leaves as they should, in torch and in ONNX."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from msray.errors import UsageError
from msray.models.onnx import to_onnx
from msray.models.trees import BoostedTrees, Tree
from tests.models.made import FEATURES, a_network, a_tree, plant_some, some_rows


def a_forest(seed: int = 7) -> BoostedTrees:
    network = a_network("boosted", seed=seed)
    assert isinstance(network, BoostedTrees)
    return network


def walked(network: BoostedTrees, row: np.ndarray) -> np.ndarray:
    """One step after the other."""
    scores = network.base.numpy().astype(np.float64)
    for number, horizon, label in np.ndindex(*network.value.shape[:3]):
        at, node = (number, horizon, label), 0
        while network.left[at][node] != node:
            goes_left = row[network.feature[at][node]] <= network.threshold[at][node].item()
            node = int((network.left if goes_left else network.right)[at][node])
        scores[horizon, label] += network.value[at][node].item()
    return scores


def answered(network: BoostedTrees, rows: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(to_onnx(network), providers=["CPUExecutionProvider"])
    return session.run(None, {"row": rows.numpy()})[0]


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_sums_of_the_leaves_that_a_row_falls_into(seed: int) -> None:
    network = a_forest(seed)
    rows = some_rows(network, batch=1, time=20)

    expected = np.stack([walked(network, row) for row in rows[0].numpy()])

    np.testing.assert_allclose(network(rows)[0].numpy(), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(answered(network, rows[0]), expected, rtol=0, atol=1e-5)


def test_what_is_at_the_threshold_goes_left() -> None:
    network, at = a_forest(), np.float32(0.1)
    tree = Tree(
        feature=np.array([3, 0, 0]),
        threshold=np.array([at, 0, 0], np.float32),
        left=np.array([1, 1, 2]),
        right=np.array([2, 1, 2]),
        value=np.array([9, -1, 1], np.float32),
    )
    network.plant(np.zeros((2, 3)), {(0, 1, 2): tree})
    rows = torch.zeros(2, FEATURES)
    rows[:, 3] = torch.tensor([at, np.nextafter(at, np.float32(1))])

    assert network(rows[None])[0, :, 1, 2].tolist() == [-1.0, 1.0]
    assert answered(network, rows)[:, 1, 2].tolist() == [-1.0, 1.0]
    assert (network(rows[None])[0, :, 0] == 0).all()
    assert network.size == 1 + 2


def test_before_anything_is_planted_it_says_nothing() -> None:
    network = BoostedTrees(a_forest().config)
    rows = some_rows(network, batch=1)

    assert (network(rows) == 0).all()
    assert (answered(network, rows[0]) == 0).all()
    assert network.size == 0


def test_planting_leaves_nothing_of_what_was_there() -> None:
    network, fresh = a_forest(3), BoostedTrees(a_forest().config)
    trees = {(0, 0, 1): a_tree(np.random.default_rng(1), FEATURES, 2)}

    for one in (network, fresh):
        one.plant(np.ones((2, 3)), trees)

    for name, tensor in fresh.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor)


def test_in_onnx_all_trees_are_one_operator() -> None:
    graph = onnx.load_model_from_string(to_onnx(a_forest())).graph

    kinds = [node.op_type for node in graph.node]

    assert kinds.count("TreeEnsembleRegressor") == 1
    assert not {"GatherElements", "Loop"} & set(kinds)


@pytest.mark.parametrize(
    ("number", "splits", "said"),
    [(5, 1, "rounds must be at most 5, got 6"), (0, 6, "nodes of a tree must be at most 11, got 13")],
)
def test_more_than_was_chosen_is_refused(number: int, splits: int, said: str) -> None:
    network = a_forest()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    with pytest.raises(UsageError, match=said):
        network.plant(np.zeros((2, 3)), {(number, 0, 0): a_tree(np.random.default_rng(0), FEATURES, splits)})

    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_the_same_seed_plants_the_same() -> None:
    plant_some(other := a_forest(1), 7)

    assert torch.equal(other.value, a_forest(7).value)
