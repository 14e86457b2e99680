"""``Mixer``: perceptrons over features and perceptrons over time in turns, as in MLPLOB."""

from torch import Tensor, nn

from msray.models.bilinear_norm import BilinearNorm
from msray.models.config import MixerConfig
from msray.models.narrowing import narrowing
from msray.models.network import WindowNetwork


class _Perceptron(nn.Module):
    """One hidden layer for each row of ``(batch, rows, width)``, which may change its width."""

    def __init__(self, width: int, hidden: int, width_out: int) -> None:
        super().__init__()
        self.think = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width_out))
        self.leave = nn.Sequential(nn.LayerNorm(width_out), nn.GELU())
        self.keeps_width = width == width_out

    def forward(self, rows: Tensor) -> Tensor:
        """See the class."""
        thought = self.think(rows)
        found: Tensor = self.leave(thought + rows if self.keeps_width else thought)
        return found


class Mixer(WindowNetwork):
    """A window is mixed along features and along time in turns; it attends to nothing, and is fast in batches.

    Notes
    -----
    Tolstikhin et al. (2021), "MLP-Mixer"; for order books Berti and Kasneci (2025), whose MLPLOB this is.
    """

    def __init__(self, config: MixerConfig) -> None:
        super().__init__(config)
        self.norm = BilinearNorm(config.features, config.window)
        self.enter = nn.Sequential(nn.Linear(config.features, config.width), nn.GELU())
        wide = [config.layers - 1 > number for number in range(config.layers)]
        self.rows = nn.ModuleList(_mixer(config.width, is_wide) for is_wide in wide)
        self.columns = nn.ModuleList(_mixer(config.window, is_wide) for is_wide in wide)
        self.leave = narrowing((config.width // 4) * (config.window // 4), config.horizons * config.classes)

    def _through(self, rows: Tensor) -> Tensor:
        found = self.enter(self.norm(rows))
        for over_rows, over_columns in zip(self.rows, self.columns, strict=True):
            found = over_columns(over_rows(found).transpose(1, 2)).transpose(1, 2)
        scores: Tensor = self.leave(found.flatten(1).unsqueeze(1))
        return scores


def _mixer(width: int, is_wide: bool) -> _Perceptron:
    """The last one is narrow, and gives a quarter of what it gets."""
    return _Perceptron(width, 4 * width, width) if is_wide else _Perceptron(width, 2 * width, width // 4)
