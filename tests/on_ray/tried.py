"""What workers of the tests load, without the tests: those take seconds to load, and make a market."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

from msray.backtest import BacktestConfig, SignalFollower
from msray.tuning import FoldScore


def hill(parameters: dict[str, Any]) -> Iterator[FoldScore]:
    """Best at 3, of the second kind; the folds agree."""
    for fold in range(5):
        yield FoldScore(score=-abs(parameters["x"] - 3.0) - (parameters["kind"] == "a") - fold)


class Failing(SignalFollower):
    """Cannot trade."""

    def on_signal(self, signal: object, desk: object) -> None:
        raise KeyError("nowhere")


class Noted(SignalFollower):
    """Leaves a file for each that is made; those of ``fatal`` end their workers ``most`` times, those behind
    ``holds`` wait for what never comes.
    """

    def __init__(
        self, config: BacktestConfig, folder: Path, fatal: float = 0.0, most: int = 0, holds: int = 10_000
    ) -> None:
        super().__init__(config)
        (folder / f"made-{os.getpid()}-{len(list(folder.iterdir()))}").touch()
        if config.profit_target_pct == fatal and _is_worker():
            for number in range(most):
                with contextlib.suppress(FileExistsError):
                    (folder / f"died-{number}").touch(exist_ok=False)
                    os._exit(9)
        if made(folder) > holds and _is_worker():
            (folder / "gate").open()


class Telling(SignalFollower):
    """Says what the process it is in has loaded and compiled."""

    def on_signal(self, signal: object, desk: object) -> None:
        from msray.backtest import kernels, kernels_quotes

        heavy = {"torch", "pandas", "fastapi", "uvicorn", "sqlalchemy", "sqlite3", "polars"} & sys.modules.keys()
        compiled = [sum(one.stats.cache_misses.values()) for one in (kernels.advance, kernels_quotes.first_touch)]
        types = [len(one.signatures) for one in (kernels.advance, kernels_quotes.first_touch)]
        raise RuntimeError(f"{sorted(heavy)} {compiled} {max(types)}")


def made(folder: Path) -> int:
    """How many :class:`Noted` there have been."""
    return len(list(folder.glob("made*")))


def _is_worker() -> bool:
    return ray.get_runtime_context().get_task_id() is not None
