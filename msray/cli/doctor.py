"""``msray doctor``: what this machine has, and what it lacks."""

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import typer

import msray
from msray.cli.output import Output
from msray.errors import MsrayError

GIB = 1 << 30
LEAST_FREE_GIB, GOOD_FREE_GIB = 1, 10
PORTS = {8000: "HTTP API", 8265: "Ray dashboard"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: ``fail`` if msray cannot work so, ``warn`` if some of it cannot."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


def doctor(context: typer.Context) -> None:
    """Look at versions, ports, disk, memory, the compile cache and Ray; exit code 1 if msray cannot work here."""
    out: Output = context.obj
    checks = [_python(), *_packages(), _cores(), _disk(Path.cwd()), _cache(), *map(_port, PORTS), _ray()]
    failed = [check.name for check in checks if check.status == "fail"]
    out.data({"msray": msray.__version__, "failed": failed, "checks": [asdict(check) for check in checks]})
    out.table(("check", "status", "found", "advice"), [list(asdict(check).values()) for check in checks])
    if failed:
        raise MsrayError(
            f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}", hint="do as advised there"
        )


def _python() -> Check:
    found = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    return Check("python", "ok", found)


def _packages() -> Iterator[Check]:
    """What msray requires without any extra, by the names in its own metadata."""
    try:
        required = importlib.metadata.requires("msray") or []
    except importlib.metadata.PackageNotFoundError:
        yield Check("msray", "warn", f"{msray.__version__}, imported but not installed", "pip install -e .")
        return
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required if "extra ==" not in line]
    missing = [name for name in names if _version(name) is None]
    if missing:
        yield Check("packages", "fail", f"missing: {', '.join(missing)}", "./run.sh setup, or pip install msray")
    else:
        yield Check("packages", "ok", ", ".join(f"{name} {_version(name)}" for name in names))


def _cores() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return Check("machine", "ok", f"{cores} cores, {memory:.0f} GiB of memory, CPU {_cpu()}")


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown")


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free / GIB
    found = f"{free:.1f} GiB free at {folder}"
    if free < LEAST_FREE_GIB:
        return Check("disk", "fail", found, f"free at least {LEAST_FREE_GIB} GiB")
    return Check("disk", "ok" if free >= GOOD_FREE_GIB else "warn", found, "" if free >= GOOD_FREE_GIB else "free some")


def _cache() -> Check:
    """The folder of compiled kernels (``msray/compiled.py`` chooses it; asking it would load the compiler)."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path.home() / ".cache" / "msray")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "kernels are compiled again after each restart; NUMBA_CACHE_DIR names another folder"
        return Check("compile cache", "warn", f"{folder}: {error.strerror}", advice)
    return Check("compile cache", "ok", str(folder))


def _port(port: int) -> Check:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Check(f"port {port}", "warn", f"in use ({PORTS[port]})", "another msray, or choose another port")
    return Check(f"port {port}", "ok", f"free ({PORTS[port]})")


def _ray() -> Check:
    version = _version("ray")
    if version is None:
        return Check(
            "ray", "warn", "not installed", "./run.sh setup, or pip install 'msray[ray]'; replay works without"
        )
    from msray.on_ray.environment import has_token

    is_token = os.environ.get("RAY_AUTH_MODE", "token").lower() == "token"  # as msray sets it where nobody did
    is_there = has_token()
    found = f"{version}, authentication {'by token' if is_token else 'off'}, {'a' if is_there else 'no'} token here"
    if is_token and not is_there:
        return Check("ray", "warn", found, "the first msray live makes one; or now: ray get-auth-token --generate")
    return Check("ray", "ok", found)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
