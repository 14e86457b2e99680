"""msray: real-time market microstructure on Ray.

The names users know are importable from here and loaded on first use, so that ``import msray`` costs nothing::

    >>> from msray import OrderBookParser
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE: dict[str, str] = {}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    try:
        module = _WHERE[name]
    except KeyError:
        raise AttributeError(f"module 'msray' has no attribute {name!r}") from None
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return [*globals(), *_WHERE]
