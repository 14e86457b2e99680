"""A log of latencies in a file is read as it was written, or refused by file and column."""

from pathlib import Path

import pytest

from msray.backtest.config import BacktestConfig, LatencyConfig
from msray.backtest.latency_log import LatencyLog
from msray.errors import FeedError, UsageError
from msray.store.latency_log import read_latency_log, with_log, write_latency_log

LOG = LatencyLog([10, 20, 20], [3, 4, 5], [6, 7, 8])
TEXT = "order,sent_ns,entry_ns,response_ns\na,10,3,6\nb,20,4,7\nc,20,5,8\n"


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_it_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(TEXT) if name.endswith("csv") else write_latency_log(path, LOG)

    assert read_latency_log(path) == LOG


def test_a_configuration_that_names_one_gets_it(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(TEXT)
    named = BacktestConfig(fee_rate=0.0002, latency=LatencyConfig(log=Path("log.csv")))

    found = with_log(named, tmp_path)

    assert found.latency.log == LOG
    assert found.fee_rate == 0.0002
    assert with_log(found) == found
    assert with_log(BacktestConfig()) == BacktestConfig()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sent_ns,entry_ns\n1,2\n", "log.csv must have a column response_ns"),
        ("sent_ns,entry_ns,response_ns\n", "a log of latencies must have 1 to 1000000 orders, got 0"),
        ("sent_ns,entry_ns,response_ns\n2,1,1\n1,1,1\n", "sent_ns must not go back in time, got 1 in row 1"),
        ("sent_ns,entry_ns,response_ns\n2,-1,1\n", "entry_ns must be 0 to 60000000000, got -1 in row 0"),
        ("sent_ns,entry_ns,response_ns\n1,0.5,1\n", "entry_ns must be whole numbers"),
        ("sent_ns,entry_ns,response_ns\n1,,1\n2,1,1\n", "entry_ns must be whole numbers"),
        ("sent_ns,entry_ns,response_ns\n1,a,1\n", "entry_ns must be whole numbers"),
        ("", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_by_file_and_column(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "log.csv").write_text(text)

    with pytest.raises(FeedError, match=f"log.csv.*{says}|{says}"):
        read_latency_log(tmp_path / "log.csv")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file .*nothing.csv"):
        read_latency_log(tmp_path / "nothing.csv")
