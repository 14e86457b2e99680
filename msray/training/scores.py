"""What a network says of rows: each from its own stretch up to itself."""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from msray.models.network import StepNetwork, WindowNetwork
from msray.training.parts import Part
from msray.training.samples import Material

_WINDOWS = 512
_BLOCK = 1_024
_RECALLED = 2 * _BLOCK
"""Rows before a part that a causal network is shown first."""


@torch.no_grad()
def scores_of(
    network: StepNetwork | WindowNetwork, found: Material, part: Part, *, stride: int = 1
) -> NDArray[np.float32]:
    """Scores ``(end - begin, h, classes)`` of the rows of a part; NaN where a window is not complete.

    Rows before the part are seen, as they would be live, as far as they are of the same stretch. Of windows, every
    ``stride``-th is looked at.
    """
    begin, end = part
    was_training = network.training
    network.eval()
    given = np.full((end - begin, network.horizons, network.classes), np.nan, np.float32)
    if isinstance(network, WindowNetwork):
        complete = np.flatnonzero(found.since[begin:end] >= network.window - 1)[::stride]
        for first in range(0, len(complete), _WINDOWS):
            some = complete[first : first + _WINDOWS]
            window = torch.from_numpy(some[:, None] + begin + np.arange(1 - network.window, 1)).to(found.rows.device)
            given[some] = network(found.rows[window])[:, 0].float().cpu().numpy()
    else:
        edges = [begin, *(begin + np.flatnonzero(found.since[begin:end] == 0)).tolist(), end]
        for first, behind in pairwise(edges):
            memory = network.start(1)
            recalled = min(int(found.since[first]), _RECALLED) if behind > first else 0
            for at in range(first - recalled, behind, _BLOCK):
                stop = min(at + _BLOCK, behind)
                scores, *after = network.along(found.rows[at:stop].unsqueeze(0), *memory)
                memory = tuple(after)
                if stop > first:
                    told = max(at, first)
                    given[told - begin : stop - begin] = scores[0, told - at :].float().cpu().numpy()
    network.train(was_training)
    return given
