"""Predictions of others, from their files: what is taken, and what is refused with its name."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from msray.errors import FeedError, UsageError
from msray.store.prediction_table import read_columns, read_predictions, read_signals

SIGNALS = {"event_ns": [1, 2], "score": [0.5, 0.7], "direction": [1, -1]}


def write(path: Path, columns: dict[str, list[Any]]) -> Path:
    table = pl.DataFrame(columns)
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)
    return path


@pytest.mark.parametrize("name", ["p.parquet", "p.csv", "p.CSV"])
def test_parquet_and_csv_say_the_same(tmp_path: Path, name: str) -> None:
    columns = {"label": [1, 0, 1], "score": [0.9, 0.2, 0.4], "begin_ns": [3, 1, 2], "end_ns": [9, 8, 7]}
    path = tmp_path / name
    write(tmp_path / name.lower(), columns).rename(path)

    table, left_out = read_predictions(path)

    assert left_out == 0
    assert (table.score.tolist(), table.truth.tolist()) == ([0.2, 0.4, 0.9], [0, 1, 1])
    assert table.spans is not None
    assert table.spans.tolist() == [[1, 8], [2, 7], [3, 9]]


def test_a_probability_is_one_and_a_score_is_not(tmp_path: Path) -> None:
    labels = {"label": [1, 0]}

    stated, _ = read_predictions(write(tmp_path / "a.parquet", {**labels, "probability": [0.9, 0.1]}))
    scored, _ = read_predictions(write(tmp_path / "b.parquet", {**labels, "score": [7.0, -3.0]}))

    assert stated.probability is not None
    assert stated.probability.tolist() == [[pytest.approx(0.1), 0.9], [0.9, 0.1]]
    assert scored.probability is None


def test_directions_are_named_or_are_the_likeliest(tmp_path: Path) -> None:
    labels = {"label": [1, -1]}
    chances = {"probability_down": [0.1, 0.6], "probability_flat": [0.2, 0.3], "probability_up": [0.7, 0.1]}

    named, _ = read_predictions(write(tmp_path / "a.parquet", {**labels, "direction": [0, -1], "score": [0.5, 0.6]}))
    likeliest, _ = read_predictions(write(tmp_path / "b.parquet", {**labels, **chances}))

    assert named.said is not None
    assert likeliest.said is not None
    assert (named.said.tolist(), likeliest.said.tolist()) == ([0, -1], [1, -1])
    assert likeliest.score.tolist() == pytest.approx([0.7, 0.6])


def test_rows_without_a_label_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "p.parquet", {"label": [1, None, 0], "score": [0.9, 0.5, 0.2]})

    table, left_out = read_predictions(path)

    assert (table.score.tolist(), left_out) == ([0.9, 0.2], 1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"score": [0.5]}, "must have a column label"),
        ({"label": [1]}, "must have a column score"),
        ({"label": [1], "direction": [1]}, "must have a column score"),
        ({"label": [1], "score": [0.5], "begin_ns": [1]}, "must have a column end_ns"),
        ({"label": [1], "probability_up": [1.0]}, "must have a column probability_down"),
        ({"label": [5], "score": [0.5]}, "label must be 0 or 1, got 5 in row 0"),
        ({"label": ["yes"], "score": [0.5]}, "label must be numbers"),
        ({"label": [1], "score": ["high"]}, "score must be numbers"),
        ({"label": [1], "score": [None]}, "score must be"),
        ({"label": [1], "probability": [1.5]}, "probability must be 0 to 1"),
        ({"label": [1], "score": [0.5], "begin_ns": [1.5], "end_ns": [2.5]}, "spans must be whole numbers"),
    ],
)
def test_what_is_wrong_is_said_with_the_files_name(tmp_path: Path, columns: dict[str, list[Any]], message: str) -> None:
    path = write(tmp_path / "p.parquet", columns)

    with pytest.raises(FeedError, match=message) as raised:
        read_predictions(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("name", ["p.parquet", "p.csv"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x00\x01" if name == "p.parquet" else b"a,b\n1\n")

    with pytest.raises(FeedError, match="cannot be read"):
        read_columns(path)
    with pytest.raises(UsageError, match="there is no file"):
        read_columns(tmp_path / "nothing.parquet")


def test_signals_speak_for_their_direction_unless_their_type_says_what_it_is_of(tmp_path: Path) -> None:
    plain = read_signals(write(tmp_path / "a.parquet", SIGNALS))
    typed = read_signals(write(tmp_path / "b.parquet", {**SIGNALS, "signal_type": ["liquidity_ask", "volatility"]}))

    assert (plain.side.tolist(), typed.side.tolist()) == ([1, -1], [-1, 0])


def test_signals_go_to_their_instruments(tmp_path: Path) -> None:
    named = read_signals(write(tmp_path / "a.parquet", {**SIGNALS, "instrument": ["test:Y", "test:X"]}))
    unnamed = read_signals(write(tmp_path / "b.parquet", SIGNALS))

    assert [one.event_ns.tolist() for one in named.by_instrument(["test:X", "test:Y"])] == [[2], [1]]
    assert unnamed.by_instrument(["test:X"]) == [unnamed]
    with pytest.raises(FeedError, match="got test:Y"):
        named.by_instrument(["test:X"])
    with pytest.raises(FeedError, match="must have a column instrument"):
        unnamed.by_instrument(["test:X", "test:Y"])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("event_ns", [1.5, 2.5], "event_ns must be whole nanoseconds, got float64"),
        ("score", [0.5, 2.0], "score must be 0 to 1"),
        ("score", ["a", "b"], "score must be 0 to 1"),
        ("direction", [1, 2], "direction must be -1, 0 or 1"),
    ],
)
def test_wrong_signals_are_refused(tmp_path: Path, name: str, values: list[Any], message: str) -> None:
    with pytest.raises(FeedError, match=message):
        read_signals(write(tmp_path / "p.parquet", {**SIGNALS, name: values}))
