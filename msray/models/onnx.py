"""Networks as ONNX: what is served, and stepped live, without torch."""

import io
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from msray.models.network import StepNetwork, WindowNetwork

OPSET = 18
ROWS, ROW, SCORES, MEMORY, AFTER = "rows", "row", "scores", "memory", "after"
"""Names of what goes in and out; memories and what they are afterwards are numbered: ``memory_0``, ``after_0``."""


class _Step(nn.Module):
    """A causal network as one step: it is what live detection calls for each row."""

    def __init__(self, network: StepNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, row: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        return self.network.step(row, *memory)


def to_onnx(network: StepNetwork | WindowNetwork) -> bytes:
    """A network as an ONNX model, its scaling included.

    Parameters
    ----------
    network
        On the CPU. A causal one becomes its step: ``row`` ``(batch, features)`` and ``memory_i`` to ``scores``
        ``(batch, horizons, classes)`` and ``after_i``. Any other: ``rows`` ``(batch, window, features)`` to ``scores``
        ``(batch, 1, horizons, classes)``. All float32, and any number of streams or windows at once.
    """
    entering: tuple[Tensor, ...]
    if isinstance(network, StepNetwork):
        memory = network.start(1)
        module: nn.Module = _Step(network)
        entering, inputs = (torch.zeros(1, network.features), *memory), [ROW, *_numbered(MEMORY, len(memory))]
        outputs = [SCORES, *_numbered(AFTER, len(memory))]
    else:
        module = network
        entering, inputs, outputs = (torch.zeros(1, network.window, network.features),), [ROWS], [SCORES]
    was_training = network.training
    module.eval()
    written: Any = io.BytesIO()  # which the exporter takes, though its types do not say so
    with warnings.catch_warnings():
        # It tells of what is constant, which is meant, and of its successor, which needs packages of its own.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            entering,
            written,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    network.train(was_training)
    done: bytes = written.getvalue()
    return done


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}_{number}" for number in range(count)]
