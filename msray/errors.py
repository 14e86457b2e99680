"""Every error msray raises on purpose.

::

    MsrayError
    |-- UsageError            our caller is wrong: change the call, the file or the flag
    |   |-- ConfigError       a configuration file: names file, line and key
    |   `-- UnknownNameError  a name that is not one of the known ones; offers the nearest
    |-- FeedError             the venue (or a recording of it) is wrong
    |   |-- MessageError      one message that cannot be read exactly
    |   `-- CorruptLogError   a stored log that does not check out (store: ModelRefusedError, a stored model)
    `-- UnavailableError      nobody is wrong; try again (store: LeaseLostError)

A message names the parameter, the value and the range: ``half_life_s must be positive, got -3.0``.
``code`` is what a program may rely on, ``hint`` is one line on what to do.
"""

import difflib
from collections.abc import Iterable
from typing import Any


class MsrayError(Exception):
    """Base of every error that msray raises on purpose.

    Parameters
    ----------
    message
        What is wrong, with the parameter, the value and the range.
    hint
        What to do about it, in one line; may be empty.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way through a process border, whatever arguments a child takes."""
        return _restored, (type(self), self.args, self.__dict__)


class UsageError(MsrayError):
    """Our caller is wrong."""

    code = "usage"


class ConfigError(UsageError):
    """A configuration file is wrong; the message names file, line and key."""

    code = "config"


class UnknownNameError(UsageError):
    """A name that is not one of the known ones.

    Parameters
    ----------
    what
        The kind of thing that was named: ``"feature"``, ``"detector"``.
    name
        What the caller wrote.
    known
        Every name that would have been accepted.
    """

    code = "unknown_name"

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(choices[:12])}"
        super().__init__(f"unknown {what} {name!r}", hint=hint)
        self.name = name


class FeedError(MsrayError):
    """The venue, or a recording of it, is wrong."""

    code = "feed"


class MessageError(FeedError):
    """One message that cannot be read exactly."""

    code = "message"


class CorruptLogError(FeedError):
    """A stored log that does not check out."""

    code = "corrupt_log"


class UnavailableError(MsrayError):
    """Nobody is wrong; the same call may succeed later."""

    code = "unavailable"


def _restored(kind: type[MsrayError], arguments: tuple[Any, ...], state: dict[str, Any]) -> MsrayError:
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(state)
    return error
