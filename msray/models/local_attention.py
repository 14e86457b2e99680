"""``LocalAttention``: attention over the latest rows, behind each row."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from msray.models.config import LocalAttentionConfig
from msray.models.network import State, StepNetwork

_NEVER = -1e9
"""Added to what must not be looked at."""


class _Layer(nn.Module):
    """Attention of each row to itself and the ``reach - 1`` before it, then a layer of its own for each row."""

    def __init__(self, width: int, heads: int, reach: int, dropout: float) -> None:
        super().__init__()
        self.width, self.heads, self.reach = width, heads, reach
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width)
        self.closeness = nn.Parameter(torch.zeros(heads, reach))  # of rows so far back, learned
        self.answer = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Rows ``(batch, time, width)`` behind keys and values of earlier ones ``(batch, reach - 1, 2 width + 1)``.

        The last number of each of those says whether it is there: a stream has a begin.
        """
        width, asked = self.width, self.ask(self.norm(rows))
        query, both = asked[:, :, :width], asked[:, :, width:]
        seen = torch.cat([before, functional.pad(both, (0, 1), value=1.0)], dim=1)
        keys, values, there = seen[:, :, :width], seen[:, :, width : 2 * width], seen[:, :, 2 * width :]
        time = int(rows.shape[1])  # a constant where this is traced: there it is one row
        places = torch.arange(time + self.reach - 1, device=rows.device)
        back = places[self.reach - 1 :].unsqueeze(1) - places
        near = self.closeness.index_select(1, back.clamp(0, self.reach - 1).flatten()).reshape(self.heads, *back.shape)
        far = _NEVER * ((back < 0) | (back >= self.reach))
        bias = near + far + _NEVER * (1.0 - there.transpose(1, 2).unsqueeze(1))
        likeness = self._by_head(query) @ self._by_head(keys).transpose(2, 3) / (width / self.heads) ** 0.5
        found = torch.softmax(likeness + bias, dim=3) @ self._by_head(values)
        rows = rows + self.answer(found.transpose(1, 2).flatten(2))
        rows = rows + self.think(rows)
        return rows, seen[:, seen.shape[1] - self.reach + 1 :]

    def _by_head(self, rows: Tensor) -> Tensor:
        return rows.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)


class LocalAttention(StepNetwork):
    """Layers of attention that reach a few rows back, so that a stream can be followed at a fixed cost.

    Notes
    -----
    Beltagy, Peters and Cohan (2020), "Longformer", of which it has the sliding window; instead of positions it learns
    how close rows are that are so far apart. Its memory is keys and values of the rows it reaches.
    """

    def __init__(self, config: LocalAttentionConfig) -> None:
        super().__init__(config)
        self._rows, self._width = config.reach - 1, 2 * config.width + 1
        self.enter = nn.Linear(config.features, config.width)
        self.layers = nn.ModuleList(
            _Layer(config.width, config.heads, config.reach, config.dropout) for _ in range(config.layers)
        )
        self.leave = nn.Sequential(nn.LayerNorm(config.width), nn.Dropout(config.dropout), self._head(config.width))

    def start(self, batch: int) -> State:
        """See :class:`~msray.models.network.StepNetwork`."""
        like = self.enter.weight
        return tuple(like.new_zeros(batch, self._rows, self._width) for _ in self.layers)

    def _along(self, rows: Tensor, state: State) -> tuple[Tensor, ...]:
        found, memory = self.enter(rows), []
        for layer, before in zip(self.layers, state, strict=True):
            found, after = layer(found, before)
            memory.append(after)
        return self.leave(found), *memory
