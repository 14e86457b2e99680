"""From a whole window, flattened, to scores: linear layers, each a quarter as wide, until few numbers are left."""

from torch import nn

_FEW = 128


def narrowing(width: int, scores: int) -> nn.Sequential:
    """The layers, as in TLOB and MLPLOB.

    Examples
    --------
    >>> [layer.out_features for layer in narrowing(1000, 3) if hasattr(layer, "out_features")]
    [250, 62, 3]
    """
    layers: list[nn.Module] = []
    while width > _FEW:
        layers += [nn.Linear(width, width // 4), nn.GELU()]
        width //= 4
    return nn.Sequential(*layers, nn.Linear(width, scores))
