"""Libraries that only an extra installs: what needs one says so when it is asked for."""

import contextlib
from collections.abc import Iterator

from msray.errors import UsageError

_PACKAGES = {"sklearn": "scikit-learn"}
"""Module -> the package it is in, where that has another name."""


@contextlib.contextmanager
def from_extra(extra: str, who: str = "this") -> Iterator[None]:
    """Import inside it what an extra installs.

    Parameters
    ----------
    extra
        Name of the extra: ``"research"``.
    who
        What needs it, for the error.

    Raises
    ------
    UsageError
        If it is not installed.

    Examples
    --------
    >>> with from_extra("research", "to_pandas"):
    ...     import no_such_library
    Traceback (most recent call last):
    msray.errors.UsageError: to_pandas needs no_such_library, which is not installed
    """
    try:
        yield
    except ImportError as error:
        module = (error.name or str(error)).partition(".")[0]
        raise UsageError(
            f"{who} needs {_PACKAGES.get(module, module)}, which is not installed", hint=f"pip install 'msray[{extra}]'"
        ) from error
