"""FI-2010 from files of the exact layout that are made here; the real one only where there is one."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from msray.errors import FeedError, UsageError
from msray.feeds.fi2010 import (
    FEATURES,
    HORIZONS,
    SETUP_2,
    Fi2010Facts,
    load_fi2010,
    read_fi2010,
)

Numbers = NDArray[np.float64]
ROWS = {"Train_{}_CF_7": 60, "Test_{}_CF_7": 20, "Test_{}_CF_8": 10, "Test_{}_CF_9": 10}
SHARES = dict.fromkeys(HORIZONS, (30.0, 50.0, 20.0))
FACTS = Fi2010Facts(train_rows=60, test_rows=(20, 10, 10), test_shares=SHARES)


def made(rows: int, *, seed: int = 0) -> Numbers:
    """149 lines: a mid price that changes its share twice, and three classes in five rows of ten, three and two."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(FEATURES, rows))
    mids = np.repeat([0.26, 0.14, 0.18], [rows // 2, rows // 4, rows - rows // 2 - rows // 4])
    table[0], table[2] = mids + 0.0001, mids - 0.0001
    codes = np.resize([1, 2, 2, 3, 2, 1, 2, 3, 2, 1], rows)
    return np.vstack([table, *[codes] * len(HORIZONS)])


def text(table: Numbers) -> bytes:
    """As MATLAB writes it on Windows: 16 bytes a number, and a line end of two."""
    return b"".join(b"".join(b"%16.7e" % value for value in line) + b"\r\n" for line in table.tolist())


def put(folder: Path, *, kind: str = "ZScore", change: Callable[[Numbers], object] | None = None) -> dict[str, Numbers]:
    """The four files of setup 2, in folders of their own as they are published; ``change`` spoils each."""
    tables = {}
    for seed, (name, rows) in enumerate(ROWS.items()):
        table = made(rows, seed=seed)
        if change is not None:
            change(table)
        path = folder / kind / name[:4] / f"{name.format('Dst_NoAuction_' + kind)}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text(table))
        tables[name] = table
    return tables


def one(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# ------------------------------------------------------------------- reading


def test_rows_are_the_columns_of_the_files_and_labels_are_directions(tmp_path: Path) -> None:
    tables = put(tmp_path)

    train, test = load_fi2010(tmp_path, facts=FACTS)

    for rows, names in ((train, ["Train_{}_CF_7"]), (test, ["Test_{}_CF_7", "Test_{}_CF_8", "Test_{}_CF_9"])):
        whole = np.hstack([tables[name] for name in names]).T
        rounded = np.vectorize(lambda value: np.float32(f"{value:.7e}"))(whole[:, :FEATURES])
        np.testing.assert_array_equal(rows.features, rounded)
        assert rows.labels.tolist() == [[{1: 1, 2: 0, 3: -1}[code] for code in row] for row in whole[:, FEATURES:]]
        assert (rows.features.dtype, rows.labels.dtype, rows.starts.dtype) == (np.float32, np.int8, np.int64)
        assert [file.rows for file in rows.files] == [ROWS[name] for name in names]
        assert len(rows) == len(whole)


def test_a_line_may_end_and_be_parted_in_any_way(tmp_path: Path) -> None:
    table = made(4)
    content = "\n".join("\t".join(f"{value:g}" for value in line) for line in table.tolist())

    rows = read_fi2010([one(tmp_path / "a.txt", content.encode())])

    np.testing.assert_allclose(rows.features, table[:FEATURES].T, rtol=1e-4)


def test_starts_are_files_and_where_prices_are_told_jumps(tmp_path: Path) -> None:
    put(tmp_path, kind="DecPre")
    put(tmp_path, kind="ZScore")

    priced = load_fi2010(tmp_path, normalisation="DecPre", facts=FACTS)[1]
    scored = load_fi2010(tmp_path, facts=FACTS)[1]

    assert priced.starts.tolist() == [0, 10, 15, 20, 25, 27, 30, 35, 37]
    assert scored.starts.tolist() == [0, 20, 30]


def test_a_price_that_moves_by_ticks_starts_nothing(tmp_path: Path) -> None:
    table = made(50)
    table[0] = 0.26 + 0.0001 * np.arange(50)
    table[2] = table[0] - 0.0001

    rows = read_fi2010([one(tmp_path / "Train_Dst_NoAuction_DecPre_CF_1.txt", text(table))])

    assert rows.starts.tolist() == [0]


def test_sha256_is_told_and_not_required(tmp_path: Path) -> None:
    put(tmp_path, kind="DecPre")
    put(tmp_path, kind="ZScore")

    priced, _ = load_fi2010(tmp_path, normalisation="DecPre", facts=FACTS)
    scored, _ = load_fi2010(tmp_path, facts=FACTS)

    (file,) = priced.files
    assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert (file.is_known, scored.files[0].is_known) == (False, None)
    assert re.match(rf"{file.path}: SHA-256 is {file.sha256}, known second-hand is 11af4bb", priced.notes[0])
    assert scored.notes == []


def test_capitals_of_names_do_not_matter(tmp_path: Path) -> None:
    put(tmp_path)
    for path in sorted(tmp_path.rglob("*.txt")):
        path.rename(path.with_name(path.name.replace("ZScore", "Zscore")))

    assert len(load_fi2010(tmp_path, facts=FACTS)[0]) == 60


# ------------------------------------------------------------------- the gate


def test_what_is_published_adds_up() -> None:
    assert SETUP_2.train_rows == 254_750
    assert sum(SETUP_2.test_rows) == 139_587
    assert [149 * (16 * rows + 2) for rows in (SETUP_2.train_rows, *SETUP_2.test_rows)] == [
        607_324_298,
        132_259_850,
        124_378_346,
        76_138_106,
    ], "sizes of the files"
    for shares in SETUP_2.test_shares.values():
        assert sum(shares) == pytest.approx(100, abs=0.11)


def test_another_number_of_rows_is_refused(tmp_path: Path) -> None:
    put(tmp_path)

    with pytest.raises(FeedError, match=r"Train_Dst_NoAuction_ZScore_CF_7\.txt must have 254750 rows, got 60"):
        load_fi2010(tmp_path)
    with pytest.raises(FeedError, match=r"Test_Dst_NoAuction_ZScore_CF_8\.txt must have 11 rows, got 10"):
        load_fi2010(tmp_path, facts=replace(FACTS, test_rows=(20, 11, 10)))


def test_labels_the_other_way_round_are_refused(tmp_path: Path) -> None:
    put(tmp_path, change=lambda table: np.subtract(4, table[FEATURES:], out=table[FEATURES:]))

    with pytest.raises(FeedError) as caught:
        load_fi2010(tmp_path, facts=FACTS)

    says = "CF_9.txt: labels at k=10 must be 30.0/50.0/20.0 % up/stationary/down, got 20.0/50.0/30.0 %"
    assert str(caught.value).endswith(says)
    assert caught.value.hint == "1 is up and 3 is down; some copies have them the other way round"


def test_shares_may_differ_by_what_was_rounded(tmp_path: Path) -> None:
    put(tmp_path)
    near, far = (dict.fromkeys(HORIZONS, (30.0 + off, 50.0 - off, 20.0)) for off in (0.14, 0.2))

    assert len(load_fi2010(tmp_path, facts=replace(FACTS, test_shares=near))[1]) == 40
    with pytest.raises(FeedError, match=r"must be 30\.2/49\.8/20\.0 %"):
        load_fi2010(tmp_path, facts=replace(FACTS, test_shares=far))


def test_horizons_in_another_order_are_refused(tmp_path: Path) -> None:
    put(tmp_path, change=lambda table: table[FEATURES : FEATURES + 1].fill(2))

    with pytest.raises(FeedError, match=r"labels at k=10 must be .* got 0\.0/100\.0/0\.0 %"):
        load_fi2010(tmp_path, facts=FACTS)


# ------------------------------------------------------------------- what is none of it

GOOD = text(made(3)).splitlines(keepends=True)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (GOOD[:-1], " must have 149 lines, 144 features and 5 labels, got 148"),
        ([*GOOD, GOOD[0]], " must have 149 lines, 144 features and 5 labels, got more"),
        ([], ", line 1: number 1 must be finite, got ''"),
        ([b"\r\n", *GOOD[1:]], ", line 1: number 1 must be finite, got ''"),
        ([*GOOD[:7], b"1 2\n", *GOOD[8:]], ", line 8 must have as many numbers as line 1, 3, got 2"),
        ([*GOOD[:7], b"1 2 x\n", *GOOD[8:]], ", line 8: number 3 must be finite, got 'x'"),
        ([*GOOD[:7], b"1 nan 2\n", *GOOD[8:]], ", line 8: number 2 must be finite, got 'nan'"),
        ([*GOOD[:7], b"1 2 1e39\n", *GOOD[8:]], ", line 8: number 3 must be finite, got '1e39'"),
        ([*GOOD[:7], b"1,2,3\n", *GOOD[8:]], ", line 8: number 1 must be finite, got '1,2,3'"),
        ([*GOOD[:7], b"1 2 \xff\n", *GOOD[8:]], ", line 8: number 3 must be finite, got '\ufffd'"),
        ([*GOOD[:-1], b"1 2 0\n"], r", line 149: label 3 must be 1 (up), 2 (stationary) or 3 (down), got 0"),
        (
            [*GOOD[:-5], b"1 -1 2\n", *GOOD[-4:]],
            ", line 145: label 2 must be 1 (up), 2 (stationary) or 3 (down), got -1",
        ),
        ([b"".join(GOOD).replace(b"\r\n", b" ")], " must have 149 lines, 144 features and 5 labels, got 1"),
    ],
)
def test_a_file_of_another_layout_is_refused_where_it_differs(tmp_path: Path, lines: list[bytes], says: str) -> None:
    path = one(tmp_path / "a.txt", b"".join(lines))

    with pytest.raises(FeedError, match=re.escape(f"{path}{says}") + "$"):
        read_fi2010([path])


def test_a_file_without_line_ends_is_not_taken_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msray.feeds.fi2010._MOST_LINE", 1000)

    with pytest.raises(FeedError, match=r"a\.txt, line 1 must be at most 1000 bytes, got more"):
        read_fi2010([one(tmp_path / "a.txt", b"1 " * 1000)])


def test_files_that_are_missing_or_there_twice_are_named(tmp_path: Path) -> None:
    put(tmp_path)
    (path,) = tmp_path.rglob("Test_*_CF_8.txt")

    one(tmp_path / path.name, path.read_bytes())
    with pytest.raises(UsageError, match=rf"must hold {path.name} once, got .*{path.name} and .*{path.name}"):
        load_fi2010(tmp_path, facts=FACTS)
    for found in tmp_path.rglob(path.name):
        found.unlink()
    with pytest.raises(UsageError, match=rf"{tmp_path} must hold {path.name}, got no such file"):
        load_fi2010(tmp_path, facts=FACTS)


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="normalisation must be one of ZScore, MinMax, DecPre, got 'zscore'"):
        load_fi2010(tmp_path, normalisation="zscore")
    with pytest.raises(UsageError, match="no such folder"):
        load_fi2010(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="paths must name at least one file, got none"):
        read_fi2010([])
    with pytest.raises(UsageError, match=r"nothing\.txt cannot be read: No such file or directory"):
        read_fi2010([tmp_path / "nothing.txt"])


# ------------------------------------------------------------------- the real one


@pytest.mark.slow
def test_the_real_files_are_what_was_published() -> None:
    folder = os.environ.get("MSRAY_FI2010")
    if not folder:
        pytest.skip("FI-2010 is not here; MSRAY_FI2010 names its folder")

    train, test = load_fi2010(Path(folder))

    assert (len(train), len(test)) == (254_750, 139_587)
    assert test.starts.tolist() == [0, 55_478, 107_650]
    for rows in (train, test):
        assert np.isfinite(rows.features).all()
        assert set(np.unique(rows.labels)) == {-1, 0, 1}
