"""``BoostedTrees``: sums of decision trees on the current row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msray.errors import UsageError
from msray.models.config import BoostedConfig
from msray.models.network import State, StepNetwork


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tree:
    """A decision tree; all arrays are ``(nodes,)``, the root comes first.

    Attributes
    ----------
    feature, threshold
        Rows whose scaled feature is at most the threshold go left; float32.
    left, right
        The node that comes next; a leaf leads to itself.
    value
        What a leaf adds to the score; float32.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float32]


class BoostedTrees(StepNetwork):
    """Scores that are sums of the leaves that a row falls into; it remembers nothing.

    It is not learned by gradients: :func:`~msray.training.boosting.boost` grows the trees. Before, its scores are 0.

    Notes
    -----
    Friedman (2001), "Greedy function approximation: a gradient boosting machine". In torch all trees are walked at
    once, by gathers; in ONNX they are the one operator that there is for trees: gathers would take far longer live.
    """

    base: Tensor
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    value: Tensor

    def __init__(self, config: BoostedConfig) -> None:
        super().__init__(config)
        self.config, self._outputs = config, config.horizons * config.classes
        self.register_buffer("base", torch.zeros(config.horizons, config.classes))
        for name, table in _no_trees(config).items():
            self.register_buffer(name, table)

    def plant(self, base: NDArray[np.floating], trees: Mapping[tuple[int, int, int], Tree]) -> None:
        """Hold these trees and no others.

        Parameters
        ----------
        base
            ``(horizons, classes)``: scores to which trees add.
        trees
            By round, horizon and class.

        Raises
        ------
        UsageError
            If there are more rounds, or leaves, than were chosen.
        """
        rounds = 1 + max((number for number, *_ in trees), default=0)
        nodes = max((len(one.value) for one in trees.values()), default=0)
        most_rounds, *_, most_nodes = self.value.shape
        for what, found, most in (("rounds", rounds, most_rounds), ("nodes of a tree", nodes, most_nodes)):
            if found > most:
                raise UsageError(f"{what} must be at most {most}, got {found}")
        tables = _no_trees(self.config)
        for at, tree in trees.items():
            for name, table in tables.items():
                part = torch.from_numpy(getattr(tree, name))
                table[at][: len(part)] = part
        for name, table in tables.items():
            getattr(self, name).copy_(table)
        self.base.copy_(torch.from_numpy(base))

    @property
    def size(self) -> int:
        """Number of thresholds and leaves that were learned."""
        splits = (self.left != self.right).sum(dim=-1)
        return int((2 * splits + (splits > 0)).sum())

    def start(self, batch: int) -> State:
        """See :class:`~msray.models.network.StepNetwork`; nothing."""
        return ()

    def _along(self, rows: Tensor, state: State) -> tuple[Tensor, ...]:
        flat = rows.flatten(0, 1)
        in_onnx: Any = _InOnnx.apply
        added = in_onnx(flat, self) if torch.onnx.is_in_onnx_export() else self._walk(flat)
        return ((added + self.base.flatten()).reshape(*rows.shape[:2], self._outputs),)

    def _walk(self, rows: Tensor) -> Tensor:
        """What the trees add, ``(n, horizons * classes)``, to rows ``(n, features)``."""
        outputs, *tables = self._planted()
        feature, threshold, left, right, value = (table.flatten() for table in tables)
        root = torch.arange(0, len(value), self.value.shape[-1], device=rows.device)
        node = root.expand(len(rows), -1)
        while True:
            goes_left = rows.gather(1, feature[node]) <= threshold[node]
            below = root + torch.where(goes_left, left[node], right[node])
            if torch.equal(below, node):
                return rows.new_zeros(len(rows), self._outputs).index_add_(1, outputs, value[node])
            node = below

    def _planted(self) -> tuple[Tensor, ...]:
        """Of trees that say anything: which score each adds to, ``(trees,)``, then the tables ``(trees, nodes)``."""
        says = ((self.left != self.right) | (self.value != 0)).any(dim=-1).flatten()
        says[0] = True  # none at all cannot be written as ONNX
        (which,) = torch.nonzero(says, as_tuple=True)
        tables = (self.feature, self.threshold, self.left, self.right, self.value)
        return which % self._outputs, *(table.flatten(0, 2)[which] for table in tables)


def _no_trees(config: BoostedConfig) -> dict[str, Tensor]:
    """Tables ``(rounds, horizons, classes, nodes)`` in which every node is a leaf that adds nothing."""
    shape = (config.trees, config.horizons, config.classes, 2 * config.leaves - 1)
    own = torch.arange(shape[-1]).expand(shape)
    return {
        "feature": torch.zeros(shape, dtype=torch.int64),
        "threshold": torch.zeros(shape),
        "left": own.clone(),
        "right": own.clone(),
        "value": torch.zeros(shape),
    }


class _InOnnx(torch.autograd.Function):
    """The walk as ``TreeEnsembleRegressor``; only the exporter calls it."""

    @staticmethod
    def forward(context: Any, rows: Tensor, trees: BoostedTrees) -> Tensor:
        return rows.new_zeros(rows.shape[0], trees._outputs)  # of which the exporter wants nothing but the shape

    @staticmethod
    def symbolic(graph: Any, rows: Any, trees: BoostedTrees) -> Any:
        outputs, feature, threshold, left, right, value = (part.numpy() for part in trees._planted())
        tree, node = (np.broadcast_to(one, left.shape) for one in np.ogrid[: left.shape[0], : left.shape[1]])
        leaf = left == right
        leads = ~leaf
        # Nodes behind the last of a tree are leaves too, that nothing leads to: they are left out.
        known = np.zeros(left.shape, bool)
        known[:, 0] = True
        for children in (left, right):
            known[tree[leads], children[leads]] = True
        leaf &= known
        return graph.op(
            "ai.onnx.ml::TreeEnsembleRegressor",
            rows,
            n_targets_i=trees._outputs,
            nodes_treeids_i=tree[known].tolist(),
            nodes_nodeids_i=node[known].tolist(),
            nodes_featureids_i=feature[known].tolist(),
            nodes_values_f=threshold[known].tolist(),
            nodes_modes_s=np.where(leaf, "LEAF", "BRANCH_LEQ")[known].tolist(),
            nodes_truenodeids_i=np.where(leaf, 0, left)[known].tolist(),
            nodes_falsenodeids_i=np.where(leaf, 0, right)[known].tolist(),
            target_treeids_i=tree[leaf].tolist(),
            target_nodeids_i=node[leaf].tolist(),
            target_ids_i=outputs[tree[leaf]].tolist(),
            target_weights_f=value[leaf].tolist(),
        ).setType(rows.type().with_sizes([None, trees._outputs]))
