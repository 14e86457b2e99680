"""``DeepLOB``: convolutions over levels, an inception over time, an LSTM."""

import torch
from torch import Tensor, nn

from msray.errors import UsageError
from msray.models.config import DeepLOBConfig
from msray.models.network import WindowNetwork

_SLOPE = 0.01


class DeepLOB(WindowNetwork):
    """Reads raw levels: each row is ask price, ask size, bid price, bid size of one level after the other.

    Notes
    -----
    Zhang, Zohren and Roberts (2019), "DeepLOB: deep convolutional neural networks for limit order books". The paper
    says 60 thousand parameters, its published notebook has 142,691; this is the notebook's (32 channels, branches of
    64), with "same" padding over time.
    """

    def __init__(self, config: DeepLOBConfig) -> None:
        super().__init__(config)
        if config.features % 4:
            raise UsageError(f"features must be 4 a level (ask and bid, price and size), got {config.features}")
        channels, branch = config.channels, config.branches
        self.levels = nn.Sequential(
            *_block(1, channels, (1, 2), (1, 2)),  # a price with its size
            *_block(channels, channels, (1, 2), (1, 2)),  # ask with bid
            *_block(channels, channels, (1, config.features // 4), (1, 1)),  # all levels
        )
        self.branches = nn.ModuleList(
            [
                nn.Sequential(_over_time(channels, branch, 1), _over_time(branch, branch, 3)),
                nn.Sequential(_over_time(channels, branch, 1), _over_time(branch, branch, 5)),
                nn.Sequential(nn.MaxPool2d((3, 1), stride=1, padding=(1, 0)), _over_time(channels, branch, 1)),
            ]
        )
        self.lstm = nn.LSTM(3 * branch, config.cells, batch_first=True)
        self.leave = self._head(config.cells)

    def _through(self, rows: Tensor) -> Tensor:
        found = self.levels(rows.unsqueeze(1))
        found = torch.cat([branch(found) for branch in self.branches], dim=1).squeeze(3).transpose(1, 2)
        found, _ = self.lstm(found)
        scores: Tensor = self.leave(found[:, -1:])
        return scores


def _block(entering: int, channels: int, kernel: tuple[int, int], stride: tuple[int, int]) -> list[nn.Module]:
    """A convolution over levels, then two over time."""
    return [
        nn.Conv2d(entering, channels, kernel, stride),
        nn.LeakyReLU(_SLOPE),
        _over_time(channels, channels, 4),
        _over_time(channels, channels, 4),
    ]


def _over_time(entering: int, channels: int, rows: int) -> nn.Module:
    """A convolution over so many rows that gives as many rows as it gets."""
    same = nn.ZeroPad2d((0, 0, (rows - 1) // 2, rows // 2))
    return nn.Sequential(same, nn.Conv2d(entering, channels, (rows, 1)), nn.LeakyReLU(_SLOPE))
