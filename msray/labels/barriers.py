"""Where a position ends: two prices and a time."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import (
    FRACTION_HINT,
    MOST_FRACTION,
    checked_duration_ns,
    checked_fraction,
    checked_number,
    checked_numbers,
    refuse_rows,
)
from msray.errors import UsageError

Timeout = Literal["sign", "zero"]

LEAST_WIDTH = 1e-9
"""Barriers nearer than this fraction of the price are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Barriers:
    """Where a position ends, as fractions of its entry price.

    Attributes
    ----------
    profit_target_pct, stop_loss_pct
        Distance of the two prices, as fractions: 0.005 is 0.5 %. 1e-9 to below 0.5.
    max_holding_s
        The third barrier: seconds after the event, 1e-9 to 1e8.
    timeout
        Label of a position that met neither price: the ``"sign"`` of its return, or ``"zero"``.

    Raises
    ------
    UsageError
        If a value is out of range.

    Examples
    --------
    >>> Barriers(profit_target_pct=0.5)
    Traceback (most recent call last):
    msray.errors.UsageError: profit_target_pct must be 1e-09 to below 0.5, got 0.5
    """

    profit_target_pct: float = 0.005
    stop_loss_pct: float = 0.003
    max_holding_s: float = 300.0
    timeout: Timeout = "sign"

    def __post_init__(self) -> None:
        checked_fraction("profit_target_pct", self.profit_target_pct, least=LEAST_WIDTH)
        checked_fraction("stop_loss_pct", self.stop_loss_pct, least=LEAST_WIDTH)
        _check_rest(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetBarriers:
    """Where a position ends, in multiples of a target that is known at its event: a volatility, say.

    Attributes
    ----------
    profit_target_multiple, stop_loss_multiple
        Distance of the two prices, in targets; positive.
    max_holding_s, timeout
        As in :class:`Barriers`.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    profit_target_multiple: float
    stop_loss_multiple: float
    max_holding_s: float = 300.0
    timeout: Timeout = "sign"

    def __post_init__(self) -> None:
        for name in ("profit_target_multiple", "stop_loss_multiple"):
            checked_number(name, getattr(self, name), above=0)
        _check_rest(self)


def barrier_widths(barriers: Barriers | TargetBarriers, target: ArrayLike | None, events: int) -> NDArray[np.float64]:
    """Distance of profit target and stop of each event, two columns, as fractions of the price.

    NaN where the target is.

    Raises
    ------
    UsageError
        If a target is negative, infinite, so large that a barrier is 50 % away, missing, or not asked for.
    """
    if isinstance(barriers, Barriers):
        if target is not None:
            raise UsageError("target needs barriers that are multiples of it", hint="pass TargetBarriers")
        return np.tile([barriers.profit_target_pct, barriers.stop_loss_pct], (events, 1))
    if target is None:
        raise UsageError("TargetBarriers need a target for each event")
    targets = checked_numbers("target", target, rows=events, least=0, may_be_nan=True)
    widths = np.outer(targets, [barriers.profit_target_multiple, barriers.stop_loss_multiple])
    is_wide = widths.max(axis=1) >= MOST_FRACTION
    refuse_rows("target", targets, is_wide, f"have multiples below {MOST_FRACTION}", hint=FRACTION_HINT)
    return widths


def _check_rest(barriers: Barriers | TargetBarriers) -> None:
    checked_duration_ns("max_holding_s", barriers.max_holding_s)
    if barriers.timeout not in ("sign", "zero"):
        raise UsageError(f"timeout must be 'sign' or 'zero', got {barriers.timeout!r}")
