"""How far a share can be from what it was seen to be."""

import math
from statistics import NormalDist

from msray.arguments import MOST_NS, checked_count, checked_number


def wilson_interval(found: int, of: int, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share; the whole range where there is nothing to share.

    Parameters
    ----------
    found, of
        How many there are among how many; ``0 <= found <= of``.
    level
        How often such an interval holds the true share: above 0, below 1.

    Returns
    -------
    tuple
        Low and high end, 0 to 1, the share between them.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Notes
    -----
    Wilson (1927), "Probable inference". It takes the trials for independent: where they overlap, as labels of the same
    minute do, it is too narrow.

    Examples
    --------
    >>> low, high = wilson_interval(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    checked_count("of", of, 0, MOST_NS)
    checked_count("found", found, 0, of)
    checked_number("level", level, above=0, below=1)
    if of == 0:
        return 0.0, 1.0
    z = -NormalDist().inv_cdf(0.5 - 0.5 * level)
    p, z2 = found / of, z * z
    middle, half = p + z2 / (2 * of), z * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    # Rounding may push an end past the share itself, at 0 and at 1.
    return min(max((middle - half) / (1 + z2 / of), 0.0), p), max(min((middle + half) / (1 + z2 / of), 1.0), p)
