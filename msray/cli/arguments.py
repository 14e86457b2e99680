"""What words of a command line mean that more than one verb takes."""

from collections.abc import Iterable
from pathlib import Path

from msray.errors import UsageError

PATHS = "Recordings, LOBSTER days, SHFE snapshots, lakes, a raw log."
"""What verbs that read what was recorded say of their PATH."""


def names(text: str) -> list[str]:
    """A list with commas between.

    Examples
    --------
    >>> names("binance_usdm:BTCUSDT, binance_spot:BTCUSDT,")
    ['binance_usdm:BTCUSDT', 'binance_spot:BTCUSDT']
    """
    return [word.strip() for word in text.split(",") if word.strip()]


def speed_of(text: str) -> float | None:
    """How much faster than it was recorded; None is as fast as it goes.

    Raises
    ------
    UsageError
        If it is no number.

    Examples
    --------
    >>> speed_of("10x"), speed_of("0.5"), speed_of("max")
    (10.0, 0.5, None)
    """
    if text == "max":
        return None
    try:
        return float(text.removesuffix("x"))
    except ValueError as error:
        raise UsageError(f"speed must be a number, like 10x or 0.5, or max, got {text!r}") from error


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Refuse to write over what is read: a recording cannot be had again.

    Raises
    ------
    UsageError
        If an output is an input, under whatever name.
    """
    read = {path.resolve() for path in inputs if path is not None}
    for path in outputs:
        if path is not None and path.resolve() in read:
            raise UsageError(f"output must not be a file that is read, got {path}")
