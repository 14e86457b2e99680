"""One writer a ledger file: a lock that ends with its process, however that ends."""

import fcntl
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from msray.errors import UnavailableError, UsageError


class FileLock:
    """An exclusive lock on a file, held until released or until the process dies.

    Parameters
    ----------
    path
        The lock file; made if missing and never removed, since removing it would let two hold it. It names the holder.

    Raises
    ------
    UnavailableError
        If another process (or another lock of this one) holds it; the message names pid and host.
    UsageError
        If the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        with ExitStack() as undo:
            try:
                self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
                undo.callback(os.close, self._file)
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(self._file, 0)
                os.pwrite(self._file, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
            except BlockingIOError as error:
                holder = os.pread(self._file, 256, 0).decode(errors="replace").strip() or "an unknown process"
                raise UnavailableError(
                    f"{path.with_suffix('')} is being written by {holder}",
                    hint="stop that process, or use another ledger",
                ) from error
            except OSError as error:
                raise UsageError(f"cannot make {path}: {error.strerror or error}") from error
            undo.pop_all()

    def release(self) -> None:
        """Let others have it."""
        os.close(self._file)
