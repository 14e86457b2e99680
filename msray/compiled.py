"""The one decorator of all numba kernels.

numba's own cache asks only whether the *file of the cached function* has changed. A kernel that calls a kernel of
another file would go on running the other one's old machine code. So the cache folder carries a digest of the source
of every kernel in the package: change one, and all are compiled anew.

``NUMBA_CACHE_DIR`` moves the cache (a Ray node's shared folder, say); the default is ``~/.cache/msray``.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config

F = TypeVar("F", bound=Callable[..., Any])


def _kernel_digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    package = Path(__file__).parent
    for path in sorted(package.rglob("kernels*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or Path.home() / ".cache" / "msray")
    folder = root / f"kernels-{_kernel_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:  # no home, or a read-only one: compile once per boot instead of once per source
        folder = Path(tempfile.gettempdir()) / f"msray-{os.getuid()}" / folder.name
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def kernel(function: F) -> F:
    """Compile a pure function of arrays and scalars with numba, cached on disk, without the GIL."""
    _settings.CACHE_DIR = str(_FOLDER)
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def typed_kernel(signature: Any) -> Callable[[F], F]:
    """As :func:`kernel`, for one signature: what the function is given as a function, it calls by its address."""

    def compile_for(function: F) -> F:
        _settings.CACHE_DIR = str(_FOLDER)
        return cast(F, numba.njit(signature, cache=True, nogil=True, error_model="numpy")(function))

    return compile_for


_settings: Any = config
_FOLDER = _cache_folder()
