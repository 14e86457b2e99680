"""``msray label``: a table on the disk, its figures on stdout, and what it refuses."""

from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Msray

WORDS = """
detection:
  bar_ms: 100
  arl0: 20
  watches: [{name: imbalance, feature: imbalance_l5, detector: cusum}]
  calibration: {bars: 200, delay_bars: 0}
backtest:
  profit_target_pct: 0.0005
  stop_loss_pct: 0.0003
  max_holding_seconds: 20
  clock_correction_ms: 1300
"""


@pytest.fixture
def recording(data_dir: Path, tmp_path: Path) -> Path:
    (tmp_path / "msray.yaml").write_text(WORDS)
    return data_dir / "binance_2024-08-08_multi_venue" / "usdm" / "btcusdt_20240808.gz"


def test_every_event_is_a_row_or_counted_with_its_reason(msray: Msray, recording: Path, tmp_path: Path) -> None:
    horizon = "later_mean_over_last_mean:50:0.0001:5"

    said = msray("label", recording, "--out", "l.parquet", "--horizon", horizon, "--json")

    data = said.document["data"]
    (row,) = data["instruments"]
    table = pl.read_parquet(tmp_path / "l.parquet")
    assert (said.code, said.document["schema"]) == (0, "msray.label/1")
    assert data["labels"] == row["labels"] == len(table) == row["profit"] + row["stop"] + row["time"] > 20
    assert row["events"] == row["labels"] + row["no_quote"] + row["incomplete"]
    assert table["uniqueness"].sum() == pytest.approx(row["effective_labels"])
    assert row["mean_uniqueness"] == pytest.approx(table["uniqueness"].mean())
    assert table["later_mean_over_last_mean_label"].is_in([-1, 0, 1]).all()


def test_a_grid_is_labelled_on_the_side_asked_for(msray: Msray, recording: Path, tmp_path: Path) -> None:
    barriers = ("--profit-target", "0.0004", "--stop-loss", "0.0004", "--max-holding", "10", "--timeout", "zero")

    said = msray("label", recording, "--out", "l.parquet", "--every", "0.5", "--side", "short", *barriers)

    table = pl.read_parquet(tmp_path / "l.parquet")
    assert said.out.splitlines()[0].split("\t")[:3] == ["instrument", "events", "labels"]
    assert said.err.endswith(f"{len(table)} labels written to l.parquet\n")
    assert table["begin_ns"].to_numpy() % 500_000_000 == pytest.approx(0)
    assert table["side"].unique().to_list() == [-1]
    assert (table["end_ns"] - table["begin_ns"]).max() == 10_000_000_000
    assert table.filter(pl.col("barrier") == 0)["label"].unique().to_list() == [0]


def test_a_recording_without_a_signal_gives_an_empty_table(msray: Msray, recording: Path, tmp_path: Path) -> None:
    said = msray("label", recording, "--out", "l.parquet", "--until", "2024-08-08T23:54:20Z", "--json")

    assert (said.code, said.document["data"]["instruments"][0]["mean_uniqueness"]) == (0, None)
    assert len(pl.read_parquet(tmp_path / "l.parquet")) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--profit-target", "5"), "profit_target_pct must be 1e-09 to below 0.5, got 5.0"),
        (("--every", "0"), "every_s must be 0.001 to 1e6 seconds, got 0.0"),
        (("--horizon", "next_mean_over_mids:1:0"), "unknown horizon 'next_mean_over_mids'"),
        (("--horizon", "next_mean_over_mid:one:0"), "horizon must be FAMILY:QUOTES:THRESHOLD[:SMOOTHING]"),
        (("--horizon", "next_mean_over_mid:1"), "horizon must be FAMILY:QUOTES:THRESHOLD[:SMOOTHING]"),
        (("--side", "up"), "'up' is not one of 'long', 'short'"),
    ],
)
def test_what_cannot_be_labelled_is_refused_before_anything_is_read(
    msray: Msray, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    said = msray("label", "nothing.gz", "--out", "l.parquet", *words)

    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert not (tmp_path / "l.parquet").exists()


def test_a_recording_is_not_written_over(msray: Msray, recording: Path) -> None:
    said = msray("label", recording, "--out", recording)

    assert (said.code, "output must not be a file that is read" in said.err) == (2, True)
