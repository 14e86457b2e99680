"""Rows to learn from are those of the replay."""

from pathlib import Path

import numpy as np

from msray.feeds.replay import open_replay
from msray.feeds.tapes import read_tapes
from msray.feeds.training_rows import read_training_rows
from msray.prediction import DetectionConfig

NAMES = ("imbalance_l1", "spread_ticks")


def test_they_are_the_rows_and_prices_of_the_tape(data_dir: Path) -> None:
    path = data_dir / "binance_2024-08-08_multi_venue" / "cm"
    tapes = read_tapes(open_replay([path]), DetectionConfig(), features=NAMES)

    found = read_training_rows(open_replay([path]), NAMES)

    assert list(found) == [tape.instrument.id for tape in tapes]
    for tape in tapes:
        rows = found[tape.instrument.id]
        np.testing.assert_array_equal(rows.values, tape.values.astype(np.float32))
        np.testing.assert_array_equal(rows.mid, tape.bests[:, 0] + tape.bests[:, 2])
        np.testing.assert_array_equal(rows.event_ns, tape.records.messages["event_ns"][tape.row_message])
        assert rows.starts[0] == 0
