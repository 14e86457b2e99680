"""FI-2010: five Helsinki shares in June 2010, the benchmark of order book models; and a gate for what is none of it.

What the files are (Ntakaris et al. 2018, "Benchmark dataset for mid-price forecasting of limit order book data with
machine learning methods", and the dataset's page): text of 149 lines, a line a variable, a number a row. First 144
features, of which 40 are ask price, ask size, bid price and bid size of ten levels; then five labels, where the mid
price goes within ``HORIZONS`` events: **1 up, 2 stationary, 3 down**. A row is ten events, so the horizons are 1, 2, 3,
5 and 10 rows. Nothing says which share or which day a row is of, nor when it was.

Setup 2 trains on days 1 to 7 (``Train_Dst_NoAuction_ZScore_CF_7.txt``) and tests on day 8, 9 and 10
(``Test_..._CF_7.txt``, ``_8``, ``_9``). Files lie about in many versions; here only those are let through that have the
published numbers of rows and shares of classes. SHA-256 are known second-hand, and only told.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from msray.errors import FeedError, UsageError

FEATURES = 144
HORIZONS = (10, 20, 30, 50, 100)
"""Events ahead that the columns of the labels are about."""
NORMALISATIONS = ("ZScore", "MinMax", "DecPre")
"""As files are called; in decimal precision, prices are those of the market divided by a constant."""
JUMP = 0.005
"""A mid price that moves by more than this share within ten events is taken for another share's, or another day's."""

_LINES = FEATURES + len(HORIZONS)
_MOST_LINE = 1 << 26
_MOST_POINTS = 0.15
"""Shares of classes were published to 0.1 %, some of them without the 99 rows in front of the first window."""
_LARGEST = float(np.finfo(np.float32).max)
_SHOWN = 40
_SHA256 = {
    "train_dst_noauction_decpre_cf_7.txt": "11af4bbcf26f08a43a436c43619bdf772f552870d54a3b06de7b5344957279fc",
    "test_dst_noauction_decpre_cf_7.txt": "1acd92e13df8f499aa9475729e1d54455db1ab37894616d0c582cdd012351273",
    "test_dst_noauction_decpre_cf_8.txt": "950559383a3cf823fd373e6573434cc00c94b9bceac77fe5ee9f1adb38e1abb2",
    "test_dst_noauction_decpre_cf_9.txt": "c09785b0aed0825ad566f8fe33a3b7d8c3fbb8993856d162976cb4e1c410aca0",
}
"""By name in small letters; second-hand, from the read-me of a reproduction: a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fi2010Facts:
    """What must be true of the files of setup 2.

    Attributes
    ----------
    train_rows
        Of the file of days 1 to 7.
    test_rows
        Of the files of day 8, 9 and 10.
    test_shares
        Horizon to the shares of up, stationary and down among all test rows, in percent.
    """

    train_rows: int
    test_rows: tuple[int, int, int]
    test_shares: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)


SETUP_2 = Fi2010Facts(
    train_rows=254_750,
    test_rows=(55_478, 52_172, 31_937),
    test_shares={10: (15.1, 70.7, 14.2), 20: (19.7, 62.1, 18.3), 50: (27.5, 47.3, 25.2)},
)
"""254,750 rows to train, 139,587 to test, and the shares are those of a fidelity audit of DeepLOB (2026). How the test
rows spread over the days follows from the known sizes of the files: 149 lines of 16 bytes a row and a line end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fi2010File:
    """One file that was read.

    Attributes
    ----------
    path
        Where it lies.
    rows
        How many it has.
    sha256
        Of its bytes.
    is_known
        Whether that is the one that is known second-hand; None where none is.
    """

    path: Path
    rows: int
    sha256: str
    is_known: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fi2010Rows:
    """Rows of some files, one file behind the other.

    Attributes
    ----------
    features
        ``(n, 144)`` float32, as in the files.
    labels
        ``(n, 5)`` int8: 1 up, 0 stationary, -1 down, a column a horizon of ``HORIZONS``.
    starts
        ``(j,)`` int64, rising, from 0: rows at which something else begins, so that no window may lead across. These
        are the first row of each file and, in decimal precision, rows whose mid price is more than ``JUMP`` away from
        the one before. That is all that can be told: a new share or day at nearly the old price is not among them, and
        of normalised files only the first rows are.
    files
        In the order of their rows.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    starts: NDArray[np.int64]
    files: tuple[Fi2010File, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def notes(self) -> list[str]:
        """What is odd about the files and no reason to refuse them, a line each."""
        return [
            f"{one.path}: SHA-256 is {one.sha256}, known second-hand is {_SHA256[one.path.name.lower()]}"
            for one in self.files
            if one.is_known is False
        ]


def load_fi2010(
    folder: Path, *, normalisation: str = "ZScore", facts: Fi2010Facts = SETUP_2
) -> tuple[Fi2010Rows, Fi2010Rows]:
    """Setup 2: days 1 to 7 to train, days 8 to 10 to test.

    Parameters
    ----------
    folder
        Where the files lie, in whatever folders.
    normalisation
        One of ``NORMALISATIONS``; the literature takes ``ZScore``, and ``DecPre`` where prices are needed.
    facts
        What must be true of them.

    Returns
    -------
    train, test
        The rows. Nothing is held out to validate on.

    Raises
    ------
    UsageError
        If the folder is not there, a file is not in it or twice, or there is no such normalisation.
    FeedError
        If a file is not what it must be; it says which, where, and what was expected.
    """
    if normalisation not in NORMALISATIONS:
        raise UsageError(f"normalisation must be one of {', '.join(NORMALISATIONS)}, got {normalisation!r}")
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    train_file = _find(folder, f"Train_Dst_NoAuction_{normalisation}_CF_7.txt")
    test_files = [_find(folder, f"Test_Dst_NoAuction_{normalisation}_CF_{fold}.txt") for fold in (7, 8, 9)]
    for path, rows in zip([train_file, *test_files], [facts.train_rows, *facts.test_rows], strict=True):
        if (found := _width(path)) != rows:
            raise FeedError(f"{path} must have {rows} rows, got {found}", hint="a number a row in each line")
    train, test = read_fi2010([train_file]), read_fi2010(test_files)
    _check_shares(test, facts)
    return train, test


def read_fi2010(paths: Sequence[Path]) -> Fi2010Rows:
    """Files of the layout, whatever their numbers of rows: of setup 1, say.

    Takes as much memory as what it gives, and that of a few lines of text.

    Parameters
    ----------
    paths
        At least one; rows come in this order.

    Raises
    ------
    UsageError
        If there is none, or a file cannot be opened.
    FeedError
        If a file is not what it must be; it says which, where, and what was expected.
    """
    if not paths:
        raise UsageError("paths must name at least one file, got none")
    widths = [_width(path) for path in paths]
    features = np.empty((sum(widths), FEATURES), np.float32)
    labels = np.empty((sum(widths), len(HORIZONS)), np.int8)
    files, starts, begin = [], [], 0
    for path, rows in zip(paths, widths, strict=True):
        part = slice(begin, begin + rows)
        sha256, known = _read(path, features[part], labels[part]), _SHA256.get(path.name.lower())
        is_known = None if known is None else sha256 == known
        files.append(Fi2010File(path=path, rows=rows, sha256=sha256, is_known=is_known))
        starts.append(begin + _starts(features[part], has_prices="decpre" in path.name.lower()))
        begin += rows
    return Fi2010Rows(features=features, labels=labels, starts=np.concatenate(starts), files=tuple(files))


def _find(folder: Path, name: str) -> Path:
    """The file of that name; some write its capitals in other ways."""
    found = [path for path in sorted(folder.rglob("*.txt")) if path.name.lower() == name.lower()]
    if not found:
        raise UsageError(f"{folder} must hold {name}, got no such file")
    if len(found) > 1:
        raise UsageError(f"{folder} must hold {name} once, got {found[0]} and {found[1]}")
    return found[0]


def _width(path: Path) -> int:
    """How many rows a file says that it has."""
    return len(next(_lines(path)).split())


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            number = 0
            while (line := file.readline(_MOST_LINE + 1)) or not number:
                number += 1
                if len(line) > _MOST_LINE:
                    raise FeedError(f"{path}, line {number} must be at most {_MOST_LINE} bytes, got more")
                yield line
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _read(path: Path, features: NDArray[np.float32], labels: NDArray[np.int8]) -> str:
    """Read one file into its rows; answers its SHA-256."""
    digest, number = hashlib.sha256(), 0
    for number, line in enumerate(_lines(path), 1):
        if number > _LINES:
            break
        digest.update(line)
        place = f"{path}, line {number}"
        values = _numbers(place, line)
        if len(values) != len(features):
            raise FeedError(f"{place} must have as many numbers as line 1, {len(features)}, got {len(values)}")
        if number <= FEATURES:
            features[:, number - 1] = values
        else:
            labels[:, number - 1 - FEATURES] = _directions(place, values)
    if number != _LINES:
        got = f"{number}" if number < _LINES else "more"
        raise FeedError(f"{path} must have {_LINES} lines, {FEATURES} features and {len(HORIZONS)} labels, got {got}")
    return digest.hexdigest()


def _numbers(place: str, line: bytes) -> NDArray[np.float32]:
    try:
        words = pc.ascii_split_whitespace(pa.array([line.strip()], pa.binary()).cast(pa.string())).flatten()
        values: NDArray[np.float32] = words.cast(pa.float32()).to_numpy()
        is_fine = bool(np.isfinite(values).all())
    except pa.ArrowInvalid:
        is_fine = False
    if not is_fine:
        raise FeedError(f"{place}: {_what_is_not_finite(line)}")
    return values


def _what_is_not_finite(line: bytes) -> str:
    """The slow way through a line that has something else."""
    for number, word in enumerate(line.split() or [b""], 1):
        try:
            is_fine = abs(float(word)) <= _LARGEST
        except ValueError:
            is_fine = False
        if not is_fine:
            return f"number {number} must be finite, got {word[:_SHOWN].decode('ascii', 'replace')!r}"
    return "must be plain numbers"


def _directions(place: str, values: NDArray[np.float32]) -> NDArray[np.int8]:
    """1 up, 2 stationary, 3 down as 1, 0, -1."""
    is_code = (values == 1) | (values == 2) | (values == 3)
    if not is_code.all():
        at = int(np.argmin(is_code))
        raise FeedError(
            f"{place}: label {at + 1} must be 1 (up), 2 (stationary) or 3 (down), got {values[at]:g}",
            hint=f"labels are lines {FEATURES + 1} to {_LINES}",
        )
    return (2 - values).astype(np.int8)


def _starts(features: NDArray[np.float32], *, has_prices: bool) -> NDArray[np.int64]:
    if not has_prices:
        return np.zeros(min(len(features), 1), np.int64)
    mids = (features[:, 0].astype(np.float64) + features[:, 2]) / 2
    is_start = np.abs(np.diff(mids, prepend=np.inf)) > JUMP * np.abs(mids)
    return np.flatnonzero(is_start)


def _check_shares(test: Fi2010Rows, facts: Fi2010Facts) -> None:
    files = ", ".join(str(one.path) for one in test.files)
    for horizon, wanted in facts.test_shares.items():
        labels = test.labels[:, HORIZONS.index(horizon)]
        found = [100 * float(np.mean(labels == direction)) for direction in (1, 0, -1)]
        if any(abs(one - other) > _MOST_POINTS for one, other in zip(found, wanted, strict=True)):
            shown, expected = ("/".join(f"{share:.1f}" for share in shares) for shares in (found, wanted))
            raise FeedError(
                f"{files}: labels at k={horizon} must be {expected} % up/stationary/down, got {shown} %",
                hint="1 is up and 3 is down; some copies have them the other way round",
            )
