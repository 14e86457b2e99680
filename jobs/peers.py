"""Python environments for what ours is measured beside, made on first use and kept in ``~/.cache/msray``."""

import functools
import subprocess
import sys
from pathlib import Path


@functools.cache
def peer_python(name: str, pins: tuple[str, ...], pythons: tuple[str, ...] = (sys.executable,)) -> Path | None:
    """The interpreter of an environment; None, and a line why, if it cannot be made.

    Parameters
    ----------
    name
        Of the environment.
    pins
        Arguments of ``pip install``.
    pythons
        Interpreters to make it of; the first that is there counts.
    """
    found = next(filter(None, map(_release, pythons)), None)
    if found is None:
        sys.stderr.write(f"the {name}'s peers are left out: no Python here can make an environment (ensurepip)\n")
        return None
    base, release = found
    folder = Path.home() / ".cache" / "msray" / f"{name}-peers-{release}"
    python, made = folder / "bin" / "python", folder / "made-of.txt"
    if made.exists() and made.read_text() == "\n".join(pins):
        return python
    sys.stderr.write(f"installing the {name}'s peers in {folder}\n")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--only-binary=:all:", *pins]
    try:
        for command in ([base, "-m", "venv", "--clear", str(folder)], pip):
            subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip() or str(error)).splitlines()[-1]
        sys.stderr.write(f"the {name}'s peers are left out, they cannot be installed: {why}\n")
        return None
    made.write_text("\n".join(pins))
    return python


def _release(python: str) -> tuple[str, str] | None:
    """The interpreter and its version, if it is there and can make environments."""
    try:
        asked = [python, "-c", "import ensurepip, platform; print(platform.python_version())"]
        done = subprocess.run(asked, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return python, done.stdout.strip()
