"""Rows that models are measured on, with the parts they learn from, choose on and are judged by."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from msray.book import create_synthetic_order_book_data
from msray.features import FeatureEngineering
from msray.feeds.replay import open_replay
from msray.feeds.training_rows import read_training_rows
from msray.training.config import DEFAULT_FEATURES, PartsConfig, TrainConfig
from msray.training.fit import Problem, pose
from msray.training.rows import TrainingRows

SETS = {
    "made_up": "an hour and three quarters of a synthetic market, 60/20/20 in time",
    "shfe": "Shanghai's rebar future: learned from 2025-06-05, chosen on 06-06, judged on 06-09",
    "goog": "GOOG on NASDAQ, 2012-06-21, 60/20/20 in time",
}
MADE_UP_SECONDS, MADE_UP_SEED = 6_300.0, 20261122


def rows_of(name: str, data: Path) -> tuple[TrainingRows, PartsConfig]:
    """The rows of a set with all features that models learn from by default, and their parts."""
    if name == "made_up":
        return _made_up(), PartsConfig()
    if name == "goog":
        return _recorded([data / "lobster_2012-06-21" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"]), PartsConfig()
    files = [data / "shfe_rb2510_l5" / f"rb_202506{day}.parquet" for day in ("05", "06", "09")]
    # A trading day begins the evening before, at 21:00 in Shanghai.
    ends = datetime(2025, 6, 5, 12, tzinfo=UTC), datetime(2025, 6, 6, 12, tzinfo=UTC)
    return _recorded(files), PartsConfig(train_until=ends[0], valid_until=ends[1])


def problems(names: str, data: Path) -> Iterator[tuple[str, Problem]]:
    """What is to be learned of each set of a list with commas, from all features."""
    for name in names.split(","):
        rows, parts = rows_of(name, data)
        yield name, posed(rows, DEFAULT_FEATURES, parts)


def posed(rows: TrainingRows, features: Sequence[str], parts: PartsConfig, *, share: float = 1.0) -> Problem:
    """What is to be learned from some of their features, of all rows to learn from or the last share of them."""
    at = [rows.names.index(one) for one in features]
    table = TrainingRows(
        names=tuple(features),
        values=np.ascontiguousarray(rows.values[:, at]),
        mid=rows.mid,
        event_ns=rows.event_ns,
        starts=rows.starts,
    )
    return pose(TrainConfig(features=tuple(features), parts=parts), [table], share=share)


def _recorded(files: Sequence[Path]) -> TrainingRows:
    return next(iter(read_training_rows(open_replay(files), DEFAULT_FEATURES).values()))


def _made_up() -> TrainingRows:
    data = create_synthetic_order_book_data(MADE_UP_SEED, duration_s=MADE_UP_SECONDS)
    table = FeatureEngineering(data.instrument, [*DEFAULT_FEATURES, "mid_price"]).transform(data.records)
    quoted = np.isfinite(table.values[:, -1])
    step = data.instrument.tick / 10**data.instrument.price_decimals / 2
    return TrainingRows(
        names=DEFAULT_FEATURES,
        values=table.values[quoted, :-1].astype(np.float32),
        mid=np.rint(table.values[quoted, -1] / step).astype(np.int64),
        event_ns=table.event_ns[quoted],
        starts=np.zeros(1, np.int64),
    )
