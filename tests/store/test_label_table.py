"""Labels on the disk are those in memory, and null where nothing can be said."""

from pathlib import Path

import polars as pl
import pytest

from msray.backtest.config import BacktestConfig
from msray.backtest.labelling import Horizon, LabelledTape, LabelWords, label_tape
from msray.labels import Barriers
from msray.store.label_table import label_columns, label_schema
from msray.store.tables import TableWriter
from tests.backtest.planted import INSTRUMENT, leaning_market

HORIZON = Horizon(family="next_mean_over_mid", rows=1500)


@pytest.fixture(scope="module")
def labelled() -> LabelledTape:
    words = LabelWords(
        barriers=Barriers(profit_target_pct=0.002, stop_loss_pct=0.0015, max_holding_s=15.0), horizons=(HORIZON,)
    )
    return label_tape(leaning_market(7, follows=True, episodes=6), BacktestConfig(), words)


def written(labelled: LabelledTape, path: Path, *, of_signals: bool) -> pl.DataFrame:
    with TableWriter(path, label_schema(list(labelled.horizons))) as writer:
        writer.append(label_columns(labelled, of_signals=of_signals))
    return pl.read_parquet(path)


def test_a_row_is_a_label_with_its_signal(labelled: LabelledTape, tmp_path: Path) -> None:
    table = written(labelled, tmp_path / "l.parquet", of_signals=True)

    labels = labelled.labels
    assert len(table) == len(labels) > 3
    assert table["instrument"].unique().to_list() == [INSTRUMENT.id]
    assert table["signal_id"].to_list() == [labelled.tape.signals[i].signal_id for i in labels.event.tolist()]
    assert table.select("begin_ns", "end_ns").rows() == [tuple(span) for span in labels.spans.tolist()]
    for name, column in (("label", labels.label), ("gross_return_fraction", labels.gross_return)):
        assert table[name].to_list() == column.tolist()


def test_a_horizon_that_reaches_beyond_the_recording_is_null(labelled: LabelledTape, tmp_path: Path) -> None:
    table = written(labelled, tmp_path / "l.parquet", of_signals=True)

    column = labelled.horizons[HORIZON.family]
    known = table[f"{HORIZON.family}_label"].is_not_null().to_list()
    assert known == column.is_known.tolist()
    assert 0 < sum(known) < len(known)
    assert table[f"{HORIZON.family}_end_ns"].drop_nulls().to_list() == column.end_ns[column.is_known].tolist()


def test_labels_of_a_grid_have_no_signal(labelled: LabelledTape, tmp_path: Path) -> None:
    table = written(labelled, tmp_path / "l.parquet", of_signals=False)

    assert table.select("signal_id", "signal_type", "score").null_count().row(0) == (len(table),) * 3
