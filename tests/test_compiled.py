"""What was compiled once is found again: by what it is made of, not by where it lies."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import msray.compiled

CONSTANTS = """
from msray.compiled import kernel

@kernel
def scaled(value, by, is_less):
    return value / by if is_less else value * by

@kernel
def both(value):
    return scaled(value, 2, True), scaled(value, 3, is_less=False)
"""
KERNELS = """
from msray.compiled import kernel

@kernel
def twice(value):
    return 2 * value
"""
ASKS = "from {module} import twice; twice(3); print(*map(sum, (s.values() for s in twice.stats[1:])))"


def copied(folder: Path, kernels: str = KERNELS) -> Path:
    package = folder / "msray"
    (package / "market").mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(msray.compiled.__file__, package)
    (package / "kernels.py").write_text(kernels)
    (package / "market" / "__init__.py").write_text("TICK = 1")
    (folder / "mine.py").write_text(kernels)
    return folder


def hits_and_misses(folder: Path, module: str = "msray.kernels") -> str:
    environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder.parent / "cache")}
    command = [sys.executable, "-c", ASKS.format(module=module)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout.strip()


def test_another_copy_of_the_package_runs_what_was_compiled_before(tmp_path: Path) -> None:
    assert hits_and_misses(copied(tmp_path / "one")) == "0 1"
    assert hits_and_misses(copied(tmp_path / "two")) == "1 0"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("kernels.py", KERNELS.replace("2 *", "3 *")),
        ("market/__init__.py", "TICK = 2"),
        ("compiled.py", Path(msray.compiled.__file__).read_text() + "# otherwise"),
    ],
)
def test_another_source_is_compiled_anew(tmp_path: Path, file: str, text: str) -> None:
    hits_and_misses(copied(tmp_path / "one"))
    (copied(tmp_path / "two") / "msray" / file).write_text(text)

    assert hits_and_misses(tmp_path / "two") == "0 1"


def test_a_file_of_the_users_own_is_known_by_its_place(tmp_path: Path) -> None:
    one, two = copied(tmp_path / "one"), copied(tmp_path / "two", KERNELS.replace("2 *", "3 *"))

    assert hits_and_misses(one, "mine") == "0 1"
    assert hits_and_misses(one, "mine") == "1 0"
    assert hits_and_misses(two, "mine") == "0 1"


def test_a_kernel_is_compiled_once_whatever_constants_others_call_it_with(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CONSTANTS)
    asks = "from mine import both, scaled; print(both(6.0), len(scaled.signatures))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, "."]), "NUMBA_CACHE_DIR": str(tmp_path)}

    done = subprocess.run([sys.executable, "-c", asks], env=environment, capture_output=True, text=True, cwd=tmp_path)

    assert done.stdout.strip() == "(3.0, 18.0) 1", done.stderr


def test_a_kernel_that_counts_no_holders_returns_no_array() -> None:
    """Its caller would let go of what nobody has been told that it holds."""
    kernels, folder = {}, msray.compiled.PACKAGE
    for path in folder.rglob("kernels*.py"):
        module = importlib.import_module(".".join(path.relative_to(folder.parent).with_suffix("").parts))
        kernels |= {f"{module.__name__}.{name}": one for name, one in vars(module).items() if hasattr(one, "py_func")}
    uncounted = {name: one.py_func for name, one in kernels.items() if not one.targetoptions.get("_nrt", True)}
    returned = {name: one.__annotations__["return"] for name, one in uncounted.items()}

    numbers = {None, int, float, bool, np.uint64}
    assert len(uncounted) > 200
    assert [name for name, kind in returned.items() if not set(get_args(kind) or [kind]) <= numbers] == []
