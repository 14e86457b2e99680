"""``BilinearNorm``: a window normalised by itself, along time and along features."""

import torch
from torch import Tensor, nn

_LEAST = 1e-4


class BilinearNorm(nn.Module):
    """A window whose features were given mean 0 and deviation 1 over its rows, mixed with one whose rows were.

    Parameters
    ----------
    features, window
        Shape of a window is ``(batch, window, features)``, that of what comes out too.

    Notes
    -----
    Tran, Kanniainen, Gabbouj and Iosifidis (2021), "Data normalization for bilinear structures in high-frequency
    financial time-series" (BiN). It reads the whole window: what is stepped row by row cannot have it.
    """

    def __init__(self, features: int, window: int) -> None:
        super().__init__()
        self.feature_scale, self.feature_shift = (nn.Parameter(torch.full((features,), to)) for to in (1.0, 0.0))
        self.row_scale, self.row_shift = (nn.Parameter(torch.full((window, 1), to)) for to in (1.0, 0.0))
        self.shares = nn.Parameter(torch.full((2,), 0.5))

    def forward(self, rows: Tensor) -> Tensor:
        """See the class."""
        along_time = _standard(rows, 1) * self.feature_scale + self.feature_shift
        along_features = _standard(rows, 2) * self.row_scale + self.row_shift
        shares = torch.relu(self.shares)
        return shares[0] * along_time + shares[1] * along_features


def _standard(rows: Tensor, along: int) -> Tensor:
    mean, deviation = rows.mean(dim=along, keepdim=True), rows.std(dim=along, keepdim=True)
    return (rows - mean) / deviation.clamp_min(_LEAST)
