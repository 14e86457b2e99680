"""Rows read side by side are those of one replay of all, wherever they were read."""

from pathlib import Path

import numpy as np
import pytest

from msray.errors import UnavailableError
from msray.feeds.replay import open_replay
from msray.feeds.training_rows import read_training_rows
from msray.on_ray.reading import Reading, read_rows_on_ray

pytestmark = [pytest.mark.ray, pytest.mark.timeout(200)]
FEATURES = ("imbalance_l1", "spread_ticks", "bid_size_log_l1")
UNTIL_NS = 1_723_161_290_000_000_000


def a_reading(paths: tuple[Path, ...], folder: Path) -> Reading:
    return Reading(paths=paths, venue=None, features=FEATURES, until_ns=UNTIL_NS, folder=folder)


def test_without_a_cluster_it_says_so(tmp_path: Path, data_dir: Path) -> None:
    path = data_dir / "binance_2024-08-08_multi_venue"

    with pytest.raises(UnavailableError, match="reading needs a cluster, and none has been joined"):
        read_rows_on_ray(a_reading((path,), tmp_path), open_replay([path]))


@pytest.mark.usefixtures("joined")
def test_they_are_those_of_one_replay(tmp_path: Path, data_dir: Path) -> None:
    paths = tuple(data_dir / "binance_2024-08-08_multi_venue" / part for part in ("cm", "spot"))
    alone = read_training_rows(open_replay(paths), FEATURES, until_ns=UNTIL_NS)
    told: list[int] = []

    found, problems = read_rows_on_ray(a_reading(paths, tmp_path), open_replay(paths), told.append)

    assert list(found) == list(alone) and len(alone) >= 2
    assert (sum(told), problems) == (len(alone), [])
    for name, rows in alone.items():
        assert len(rows) > 0 and found[name].names == rows.names
        for array in ("values", "mid", "event_ns", "starts"):
            np.testing.assert_array_equal(getattr(found[name], array), getattr(rows, array))


@pytest.mark.usefixtures("joined")
def test_what_fails_in_a_task_is_said_in_our_words(tmp_path: Path, data_dir: Path) -> None:
    path = data_dir / "binance_2024-08-08_multi_venue" / "cm"
    (tmp_path / "file").touch()

    with pytest.raises(UnavailableError, match=r"cannot write .*/file/.*: Not a directory"):
        read_rows_on_ray(a_reading((path,), tmp_path / "file"), open_replay([path]))
