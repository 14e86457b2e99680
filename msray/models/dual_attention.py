"""``DualAttention``: attention over time and attention over features in turns, as in TLOB."""

from torch import Tensor, nn

from msray.models.bilinear_norm import BilinearNorm
from msray.models.config import DualAttentionConfig
from msray.models.narrowing import narrowing
from msray.models.network import WindowNetwork
from msray.models.positions import sinusoids


class _Attention(nn.Module):
    """Attention between the rows of ``(batch, rows, width)``, and a perceptron for each, which may change its width."""

    def __init__(self, width: int, heads: int, width_out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width * heads)
        self.attend = nn.MultiheadAttention(width * heads, heads, batch_first=True)
        self.answer = nn.Linear(width * heads, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width_out))
        self.leave = nn.Sequential(nn.LayerNorm(width_out), nn.GELU())
        self.keeps_width = width == width_out

    def forward(self, rows: Tensor) -> Tensor:
        """See the class."""
        query, key, value = self.ask(rows).chunk(3, dim=2)
        attended, _ = self.attend(query, key, value, need_weights=False)
        rows = self.norm(self.answer(attended) + rows)
        thought = self.think(rows)
        found: Tensor = self.leave(thought + rows if self.keeps_width else thought)
        return found


class DualAttention(WindowNetwork):
    """A window is seen as rows and as columns in turns: what happened when, and what went with what.

    Notes
    -----
    Berti and Kasneci (2025), "TLOB: a novel transformer model with dual attention for price trend prediction with limit
    order book data". Written anew: positions and normalisation are part of the module, so it moves and is averaged
    with all it has.
    """

    positions: Tensor

    def __init__(self, config: DualAttentionConfig) -> None:
        super().__init__(config)
        self.norm = BilinearNorm(config.features, config.window)
        self.enter = nn.Linear(config.features, config.width)
        self.register_buffer("positions", sinusoids(config.window, config.width), persistent=False)
        widths = [config.width] * (config.layers - 1) + [config.width // 4]
        windows = [config.window] * (config.layers - 1) + [config.window // 4]
        self.rows = nn.ModuleList(_Attention(config.width, config.heads, out) for out in widths)
        self.columns = nn.ModuleList(_Attention(config.window, config.heads, out) for out in windows)
        self.leave = narrowing(widths[-1] * windows[-1], config.horizons * config.classes)

    def _through(self, rows: Tensor) -> Tensor:
        found = self.enter(self.norm(rows)) + self.positions
        for over_rows, over_columns in zip(self.rows, self.columns, strict=True):
            found = over_columns(over_rows(found).transpose(1, 2)).transpose(1, 2)
        scores: Tensor = self.leave(found.flatten(1).unsqueeze(1))
        return scores
