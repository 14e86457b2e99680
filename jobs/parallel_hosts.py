"""The processes of a grid that runs on Ray: who they are, the processor time they took, the memory that is theirs."""

import contextlib
import os
from pathlib import Path


def family(pid: int | None = None) -> list[int]:
    """A process (this one by default) and all that it started, as far as they are still its own."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = [pid or os.getpid()]
    for one in found:
        found += children.get(one, [])
    return found


def workers() -> list[int]:
    """Ray's workers among them."""
    return [pid for pid in family() if _name(pid).startswith(("ray::_group", "ray::IDLE"))]


def cpu_s() -> float:
    """Processor time that this process and its family have taken."""
    ticks = 0
    for pid in family():
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def own_mb(pid: int) -> float:
    """Memory of a process that no other shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))
    return kilobytes * 1024 / 1e6


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    return ""
