"""The decorators of all numba kernels.

numba's own cache asks only whether the *file of the cached function* has changed. A kernel that calls a kernel of
another file would go on running the other one's old machine code. So the cache folder carries a digest of the source
of every kernel in the package, of this file, and of ``msray.market``, whose numbers most of them are compiled with:
change one, and all are compiled anew. That digest, and not where the package lies, decides: a Ray job, whose working
copy is another folder each time, runs what was compiled before it.

``NUMBA_CACHE_DIR`` moves the cache (a Ray node's shared folder, say); the default is ``~/.cache/msray``.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import config
from numba.core.caching import UserProvidedCacheLocator

F = TypeVar("F", bound=Callable[..., Any])
PACKAGE = Path(__file__).resolve().parent


def cache_folder(kind: str, *more: Path) -> Path:
    """Where what was computed once on this machine is kept, made if missing.

    Parameters
    ----------
    kind
        What it is.
    more
        Files that it depends on beside the kernels: where one of them changes, nothing of before is found.
    """
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    ours = [Path(__file__).resolve(), *PACKAGE.rglob("kernels*.py"), *PACKAGE.glob("market/*.py")]
    for path in sorted([*ours, *more]):
        digest.update(path.read_bytes())
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or Path.home() / ".cache" / "msray")
    folder = root / f"{kind}-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:  # no home, or a read-only one: compile once per boot instead of once per source
        folder = Path(tempfile.gettempdir()) / f"msray-{os.getuid()}" / folder.name
        folder.mkdir(parents=True, exist_ok=True)
    return folder


class KernelLocator(UserProvidedCacheLocator):
    """Finds what was compiled of our own files wherever they lie, and of a user's by where they do."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """Within the cache folder."""
        folder = Path(py_file).resolve().parent
        if folder.is_relative_to(PACKAGE):
            return ".".join((PACKAGE.name, *folder.relative_to(PACKAGE).parts))
        return str(super().get_suitable_cache_subpath(py_file))  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _cached_here() -> Iterator[None]:
    """A function's place is decided when numba decorates it; that of others' functions stays as it was."""
    ours = {"CACHE_DIR": str(_FOLDER), "CACHE_LOCATOR_CLASSES": f"{__name__}.{KernelLocator.__name__}"}
    before = {name: getattr(_settings, name) for name in ours}
    _set(ours)
    try:
        yield
    finally:
        _set(before)


def _set(words: dict[str, str]) -> None:
    for name, value in words.items():
        setattr(_settings, name, value)


def kernel(function: F) -> F:
    """Compile a pure function of arrays and scalars with numba, cached on disk, without the GIL.

    It makes no array and returns none: whoever calls it holds those that it is given. So nobody counts who holds them,
    which numba would do atomically in every call that is not inlined, and which takes longer than many a kernel itself.
    """
    return _compiled(function, **_UNCOUNTED)


def allocating_kernel(function: F) -> F:
    """As :func:`kernel`, for a function that makes arrays, as one does that copies a slice into another."""
    return _compiled(function)


def _compiled(function: F, **options: Any) -> F:
    with _cached_here():
        compiled = _njit(cache=True, nogil=True, error_model="numpy", **options)(function)
        return cast(F, _whatever_the_constants(compiled))


def _whatever_the_constants(compiled: Any) -> Any:
    """Left to itself, numba compiles a kernel anew for each constant that another one calls it with.

    So a kernel must not call itself with one: numba would look for that call under its constants, and never find it.
    """
    as_called = compiled.get_call_template

    def get_call_template(args: Sequence[Any], kws: Mapping[str, Any]) -> Any:
        return as_called(tuple(map(_unliteral, args)), {name: _unliteral(one) for name, one in kws.items()})

    compiled.get_call_template = get_call_template
    return compiled


def typed_kernel(signature: Any) -> Callable[[F], F]:
    """As :func:`kernel`, for one signature: what the function is given as a function, it calls by its address."""

    def compile_for(function: F) -> F:
        with _cached_here():
            return cast(F, _njit(signature, cache=True, nogil=True, error_model="numpy", **_UNCOUNTED)(function))

    return compile_for


_settings: Any = config
_njit: Any = numba.njit
_UNCOUNTED = {"_nrt": False}
_unliteral: Any = numba.types.unliteral
_FOLDER = cache_folder("kernels")
