"""A simulator in a process of its own."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from msray.errors import FeedError, MsrayError, UnavailableError, UsageError

_START_S = 240.0
"""The first time it compiles its kernels."""
_END_S = 10.0
_LISTENS = "listening on "
_REFUSALS: Mapping[int, type[MsrayError]] = {2: UsageError, 3: FeedError}
"""By exit code; others may go better the next time."""


@contextlib.contextmanager
def simulating(*words: str, environment: Mapping[str, str] | None = None) -> Iterator[Callable[[], str]]:
    """Run ``msray simulate`` on a free port; it ends with the context.

    Parameters
    ----------
    words
        Of its command line.
    environment
        Its variables; those of this process by default.

    Yields
    ------
    Callable[[], str]
        Waits until it listens; its URL. Where it does not start, raises what it says.
    """
    command = [sys.executable, "-m", "msray", "simulate", *words, "--port", "0"]
    quiet = subprocess.DEVNULL
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=said)
        try:
            yield lambda: _url(process, said)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            process.kill()
            process.wait()


def _url(process: "subprocess.Popen[bytes]", said: IO[bytes]) -> str:
    """Where it listens, as it says itself."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None
        text = os.pread(said.fileno(), 1 << 16, 0).decode()  # leaves the place alone where the process writes on
        for line in text.splitlines(keepends=True):
            if line.startswith(_LISTENS) and line.endswith("\n"):
                return line.removeprefix(_LISTENS).rstrip()
        if has_ended:
            message, _, hint = text.strip().removeprefix("msray: ").partition("\n  ")
            raise _REFUSALS.get(process.returncode, UnavailableError)(
                message or "the simulator ended at once", hint=hint
            )
        time.sleep(0.05)
    raise UnavailableError(f"the simulator must start within {_START_S:g} s")
