"""``BiNCTABL``: bilinear layers over a short window, the last with attention over time."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from msray.models.bilinear_norm import BilinearNorm
from msray.models.config import BiNCTABLConfig
from msray.models.network import WindowNetwork


class _Bilinear(nn.Module):
    """A window ``(batch, rows, features)`` with other features and other rows, each a sum over all of its kind."""

    def __init__(self, features: int, features_out: int, rows: int, rows_out: int) -> None:
        super().__init__()
        self.features = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(features, features_out), nonlinearity="relu"))
        self.rows = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(rows_out, rows), nonlinearity="relu"))
        self.shift = nn.Parameter(torch.zeros(rows_out, features_out))

    def forward(self, window: Tensor) -> Tensor:
        """See the class."""
        return functional.relu(self.rows @ (window @ self.features) + self.shift)


class _Attending(nn.Module):
    """A bilinear layer to one row, which looks more at some rows than at others."""

    def __init__(self, features: int, features_out: int, rows: int) -> None:
        super().__init__()
        self.features = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(features, features_out), nonlinearity="relu"))
        self.look = nn.Parameter(torch.full((rows, rows), 1.0 / rows))
        self.rows = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(1, rows), nonlinearity="relu"))
        self.shift = nn.Parameter(torch.zeros(1, features_out))
        self.share = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, window: Tensor) -> Tensor:
        """See the class; ``(batch, 1, features_out)``."""
        window = window @ self.features
        same = torch.eye(len(self.look), dtype=torch.bool, device=self.look.device)
        look = torch.where(same, 1.0 / len(self.look), self.look)  # a row's look at itself is not learned
        weights = torch.softmax(look @ window, dim=1)
        share = self.share.clamp(0.0, 1.0)
        return self.rows @ (window * (share + (1.0 - share) * weights)) + self.shift


class BiNCTABL(WindowNetwork):
    """The smallest of the published networks, and on FI-2010 better than most of them.

    Notes
    -----
    Tran, Iosifidis, Kanniainen and Gabbouj (2019), "Temporal attention-augmented bilinear network for financial
    time-series data analysis", topology C (60 x 10, 120 x 5), behind :class:`~msray.models.bilinear_norm.BilinearNorm`.
    """

    def __init__(self, config: BiNCTABLConfig) -> None:
        super().__init__(config)
        (first, second), (rows, fewer) = config.hidden, config.steps
        self.norm = BilinearNorm(config.features, config.window)
        self.layers = nn.Sequential(
            _Bilinear(config.features, first, config.window, rows),
            nn.Dropout(config.dropout),
            _Bilinear(first, second, rows, fewer),
            nn.Dropout(config.dropout),
        )
        self.leave = _Attending(second, config.horizons * config.classes, fewer)

    def _through(self, rows: Tensor) -> Tensor:
        scores: Tensor = self.leave(self.layers(self.norm(rows)))
        return scores
