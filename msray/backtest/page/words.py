"""Numbers and times as a report writes them: with their unit, and times in UTC."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from msray.backtest.config import SECOND
from msray.backtest.page.html import undefined


def percent(share: float) -> str:
    """A share, with more digits where it is small.

    Examples
    --------
    >>> percent(0.4213), percent(0.00123), percent(1.0)
    ('42.1%', '0.123%', '100%')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{share:.1%}" if abs(share) >= 0.01 else f"{share:.3%}"


def signed_percent(share: float) -> str:
    """A return; the sign is always written."""
    return f"{share:+.3%}" if share else "0%"


def amount(value: float) -> str:
    """Quote units.

    Examples
    --------
    >>> amount(-12345.678), amount(0.0012345)
    ('-12,345.68', '0.0012')
    """
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.2g}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4f}"


def price(value: float) -> str:
    """A price, perhaps an average one."""
    return f"{value:,.8g}"


def number(value: float) -> str:
    """A number without a unit."""
    return f"{value:.2f}"


def probability(value: float) -> str:
    """A probability; one that is not quite 0 or 1 is never written as if it were.

    Examples
    --------
    >>> probability(1e-9), probability(0.2), probability(0.9999)
    ('< 0.001', '0.200', '> 0.999')
    """
    if 0 <= value < 0.001:
        return "< 0.001"
    return "> 0.999" if 0.999 < value <= 1 else f"{value:.3f}"


def counted(count: int, what: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "trial"), counted(1234, "trial")
    ('1 trial', '1,234 trials')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def chance(value: float) -> str:
    """A p-value with its name.

    Examples
    --------
    >>> chance(0.2).replace("\u00a0", " "), chance(1e-4).replace("\u00a0", " ")
    ('p = 0.200', 'p < 0.001')
    """
    text = probability(value)
    return (f"p {text}" if text[0] in "<>" else f"p = {text}").replace(" ", "\u00a0")


def duration(seconds: float) -> str:
    """A length of time in its two largest units.

    Examples
    --------
    >>> duration(12.34), duration(200), duration(7500), duration(200_000)
    ('12.3 s', '3 min 20 s', '2 h 5 min', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    for unit, name, part, part_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            whole, rest = divmod(seconds, unit)
            return f"{whole:.0f} {name} {rest // part:.0f} {part_name}"
    return ""


def moment(at_ns: int) -> str:
    """A time, to the millisecond.

    Examples
    --------
    >>> moment(1_723_161_301_250_000_000)
    '2024-08-08 23:55:01.250'
    """
    seconds, rest = divmod(at_ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1_000_000:03d}"


def known(value: float, write: Callable[[float], str], why: str) -> str:
    """A number as it is written, or why there is none."""
    return write(value) if math.isfinite(value) else undefined(why)
