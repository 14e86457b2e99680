"""Where a row stands in its window, as numbers that are added to it."""

import math

import torch
from torch import Tensor


def sinusoids(rows: int, width: int) -> Tensor:
    """Sines and cosines of falling frequency, ``(rows, width)``.

    Notes
    -----
    Vaswani et al. (2017), "Attention is all you need", section 3.5.
    """
    at = torch.arange(rows).unsqueeze(1) * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    return torch.stack([torch.sin(at), torch.cos(at)], dim=2).flatten(1)[:, :width]
