"""Faces that load a name with its first use, so that a command which needs little starts at once."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package's face.

    Parameters
    ----------
    package
        ``__name__`` of the face.
    places
        Name to the module that defines it.

    Examples
    --------
    >>> __getattr__ = lazily("msray.market", {"Signal": "msray.market.signals"})
    >>> __getattr__("Signal").__name__
    'Signal'
    """

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(places[name]), name)

    return find
