"""``TransformerModel``: a small transformer over a window."""

import torch
from torch import Tensor, nn

from msray.models.config import TransformerConfig
from msray.models.network import WindowNetwork
from msray.models.positions import sinusoids


class TransformerModel(WindowNetwork):
    """Layers of attention from each row of a window to all others; it answers from their mean.

    Notes
    -----
    Vaswani et al. (2017), "Attention is all you need"; layers are normalised before, not behind, for steadier training.
    """

    positions: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.enter = nn.Linear(config.features, config.width)
        self.register_buffer("positions", sinusoids(config.window, config.width), persistent=False)
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.heads,
            dim_feedforward=4 * config.width,
            dropout=config.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.leave = nn.Sequential(nn.LayerNorm(config.width), self._head(config.width))

    def _through(self, rows: Tensor) -> Tensor:
        found = self.layers(self.enter(rows) + self.positions)
        scores: Tensor = self.leave(torch.mean(found, dim=1, keepdim=True))
        return scores
