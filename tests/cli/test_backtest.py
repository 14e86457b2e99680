"""``msray backtest``: what it says of a real recording, and what it refuses."""

import json
from pathlib import Path

import polars as pl
import pytest

from msray.store.latency_log import read_latency_log
from msray.store.runs import read_run
from tests.cli.conftest import Msray

WORDS = """
detection:
  bar_ms: 100
  arl0: 100
  calibration: {bars: 600, delay_bars: 10}
backtest:
  profit_target_pct: 0.0005
  stop_loss_pct: 0.0003
  max_holding_seconds: 20
  clock_correction_ms: 1300
"""
OWN = """
from msray.backtest import Strategy

class BuyOnce(Strategy):
    def __init__(self, config):
        self.done = False

    def on_signal(self, signal, desk):
        if not self.done:
            from msray.market import Side
            self.done = isinstance(desk.place(signal.instrument, Side.BUY, 1, reason="once"), int)
"""


@pytest.fixture
def recording(data_dir: Path, tmp_path: Path) -> Path:
    (tmp_path / "msray.yaml").write_text(WORDS)
    (tmp_path / "own.py").write_text(OWN)
    return data_dir / "binance_2024-08-08_multi_venue" / "usdm" / "btcusdt_20240808.gz"


def test_a_recording_gives_every_figure_with_its_interval_and_its_rival(msray: Msray, recording: Path) -> None:
    said = msray("backtest", recording, "--json")

    data = said.document["data"]
    assert said.code == 0
    assert said.document["schema"] == "msray.backtest/1"
    assert data["verdict"].startswith("The edge is negative")
    assert data["net_return_interval"]["low"] < data["net_return"] < 0
    assert data["costs"]["fees"] > 0
    assert [one["k"] for one in data["precision_at_k"]] == [1, 5, 10, 20]
    assert all(one["low"] <= one["precision"] <= one["high"] for one in data["precision_at_k"])
    assert 0 < data["random_precision"] < 1
    assert data["lead_time_s"]["random"]["draws"] == 1000
    assert (data["trials"], data["dsr"] < 0.5, 0 <= data["pbo"] <= 1) == (27, True, True)
    assert data["trades"] == sum(group["trades"] for group in data["by_reason"])
    folder = Path(data["run_folder"])
    assert folder.parent.name == "runs"
    assert {path.name for path in folder.iterdir()} >= {"config.yaml", "metrics.json", "trades.parquet", "report.html"}
    assert json.loads((folder / "metrics.json").read_text())["verdict"] == data["verdict"]
    assert pl.read_parquet(folder / "trades.parquet").height == data["trades"]


def test_the_configuration_of_a_run_gives_the_run_again(
    msray: Msray, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = msray("backtest", recording, "--json", "--runs", "one").document["data"]
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")  # where its calibrations are not remembered
    again = msray("backtest", recording, "--json", "--config", f"{first['run_folder']}/config.yaml", "--runs", "two")

    second = again.document["data"]
    assert second.pop("run_folder") != first.pop("run_folder")
    assert second == first


def test_calibrations_repeat_from_the_folder_of_a_run(msray: Msray, recording: Path) -> None:
    msray("calibrate", recording, "--out", "c.json")
    words = ("backtest", recording, "--json")
    bare = msray(*words, "--runs", "bare").document["data"]
    first = msray(*words, "--calibration", "c.json", "--runs", "one").document["data"]
    Path("c.json").unlink()

    again = msray(*words, "--config", f"{first['run_folder']}/config.yaml", "--runs", "two").document["data"]

    assert again.pop("run_folder") != first.pop("run_folder")
    assert again == first
    assert first["calibrations"].keys() == {"binance_usdm:BTCUSDT"}
    assert first["signals"] != bare["signals"]


def test_latencies_that_were_measured_repeat_from_the_folder_of_a_run(
    msray: Msray, recording: Path, tmp_path: Path
) -> None:
    (tmp_path / "desk").mkdir()
    rows = [f"{1_723_161_300_000_000_000 + second * 10**9},{second * 10**7},5000000" for second in range(60)]
    (tmp_path / "desk" / "log.csv").write_text("\n".join(["sent_ns,entry_ns,response_ns", *rows]) + "\n")
    (tmp_path / "desk" / "msray.yaml").write_text(WORDS + "  latency: {log: log.csv}\n")

    plain = msray("backtest", recording, "--json").document["data"]
    first = msray("backtest", recording, "--json", "--config", "desk/msray.yaml").document["data"]
    (tmp_path / "desk" / "log.csv").unlink()
    folder = Path(first["run_folder"])
    again = msray("backtest", recording, "--json", "--config", folder / "config.yaml", "--runs", "two")

    second = again.document["data"]
    assert first["net_return"] != plain["net_return"]
    assert any("latencies were measured in" in problem for problem in first["problems"])
    assert Path(second.pop("run_folder")).name[-6:] == Path(first.pop("run_folder")).name[-6:]
    assert second == first
    assert read_run(folder).config.latency.log == read_latency_log(*folder.glob("latency-*.parquet"))


def test_funding_of_what_was_not_recorded_is_refused_before_anything_is_read(
    msray: Msray, recording: Path, tmp_path: Path
) -> None:
    payment = "{instrument: binance_usdm:BTCUSD, at_ns: 1, rate: 0.0001}"
    (tmp_path / "msray.yaml").write_text(f"backtest: {{funding: [{payment}]}}\n")

    said = msray("backtest", recording)

    assert said.code == 2
    assert "unknown instrument of backtest.funding 'binance_usdm:BTCUSD'" in said.err
    assert "did you mean 'binance_usdm:BTCUSDT'?" in said.err


def test_a_log_of_latencies_that_is_not_there_is_said_at_once(msray: Msray, tmp_path: Path) -> None:
    (tmp_path / "msray.yaml").write_text("backtest: {latency: {log: log.csv}}\n")

    said = msray("backtest", "nothing.gz")

    assert (said.code, "there is no file" in said.err, "log.csv" in said.err) == (2, True, True)


def test_a_person_reads_tables_and_one_plain_sentence(msray: Msray, recording: Path) -> None:
    said = msray("backtest", recording)

    lines = said.out.splitlines()
    headings = [line.split("\t")[0] for line in lines]
    assert [name for name in ("instrument", "reason", "summary") if name in headings] == [
        "instrument",
        "reason",
        "summary",
    ]
    totals = [line.split("\t")[1:5] for line in lines if line.startswith("TOTAL")]
    assert len(totals) == 2
    assert totals[0] == totals[1]
    assert any(line.startswith("largest drawdown\t0.") for line in lines)
    assert lines[-1].startswith("The edge is negative: ")


def test_a_strategy_of_ones_own_is_a_class_in_a_file(msray: Msray, recording: Path) -> None:
    said = msray("backtest", recording, "--strategy", "own.py:BuyOnce", "--json")

    assert (said.code, said.document["data"]["orders"]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("taker", "unknown strategy 'taker'"),
        ("nowhere.py:Mine", "there is no file nowhere.py"),
        ("own.py:Mine", "strategy must name a class of own.py that is a Strategy, got 'Mine'"),
        ("own.py:print", "strategy must name a class of own.py that is a Strategy, got 'print'"),
    ],
)
def test_a_strategy_that_is_not_there_is_said_before_anything_is_read(
    msray: Msray, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "own.py").write_text(OWN)

    said = msray("backtest", "nothing.gz", "--strategy", name)

    assert said.code == 2
    assert message in said.err


def test_a_clock_that_was_behind_is_refused_and_the_correction_named(msray: Msray, recording: Path) -> None:
    said = msray("backtest", recording, "--clock-correction-ms", "0")

    assert said.code == 2
    assert "clock_correction_ms must be at least 1272.157" in said.err


def test_a_correction_that_is_no_time_is_refused(msray: Msray, recording: Path) -> None:
    said = msray("backtest", recording, "--clock-correction-ms", "1e9")

    assert (said.code, "--clock-correction-ms" in said.err) == (2, True)


@pytest.mark.parametrize(("key", "value"), [("profit_target_pct", 5), ("fee_rate", 0.5), ("position_size_pct", 0)])
def test_a_percentage_that_should_be_a_fraction_is_refused_by_name(
    msray: Msray, tmp_path: Path, key: str, value: float
) -> None:
    (tmp_path / "msray.yaml").write_text(f"backtest: {{{key}: {value}}}\n")

    said = msray("backtest", "nothing.gz")

    assert said.code == 2
    assert f"backtest.{key}" in said.err


def test_an_exact_queue_is_refused_before_a_recording_without_order_ids_is_read(msray: Msray, recording: Path) -> None:
    Path("msray.yaml").write_text(WORDS + "  queue: {model: fifo}\n")

    said = msray("backtest", recording)

    assert said.code == 2
    assert "queue.model must be risk_averse, power or logarithm for binance_usdm:BTCUSDT, got fifo" in said.err
    assert "LOBSTER" in said.err


@pytest.mark.ray
def test_on_ray_a_strategy_of_ones_own_says_the_same(msray: Msray, recording: Path) -> None:
    words = ("backtest", recording, "--strategy", "own.py:BuyOnce", "--json")

    on_ray, here = msray(*words, "--on-ray"), msray(*words)

    assert on_ray.code == 0
    found, expected = on_ray.document["data"], here.document["data"]
    assert found.pop("run_folder") != expected.pop("run_folder")
    assert found == expected


@pytest.mark.ray
def test_a_cluster_that_is_not_there_is_said_at_once(msray: Msray, recording: Path) -> None:
    said = msray("backtest", recording, "--address", "127.0.0.1:1")

    assert said.code == 4
    assert "no Ray cluster at 127.0.0.1:1" in said.err
