import math

import numpy as np
import pytest

from tests.features.logs import START_NS
from tests.features.test_kernels_price_path import walk

BEGIN = (START_NS // 10**9 * 10**9 - START_NS) / 10**9 + 1.0
"""Seconds from the start of a log to the first whole second of its exchange."""


def closes(*mids: int) -> dict[str, float]:
    """The columns after seconds that closed at these mids, each of which stood from the second's start."""
    table = walk(*((BEGIN + i, mid) for i, mid in enumerate((*mids, mids[-1])))).table()
    return {name: float(table[name][-1]) for name in table.names}


def test_volatility_needs_its_returns() -> None:
    path = [2000 + i % 2 for i in range(61)]

    assert math.isnan(closes(*path[:10])["realised_vol_10s"])
    assert closes(*path[:11])["realised_vol_10s"] == pytest.approx(math.sqrt(10) * math.log(2001 / 2000), rel=1e-12)
    assert math.isnan(closes(*path[:60])["realised_vol_60s"])
    assert closes(*path)["realised_vol_60s"] == pytest.approx(math.sqrt(60) * math.log(2001 / 2000), rel=1e-12)


def test_one_jump_is_all_of_the_variance_and_a_zigzag_is_none() -> None:
    jump = closes(*[2000] * 30, *[2100] * 31)
    zigzag = closes(*(2000 + i % 2 for i in range(61)))

    assert (jump["bipower_vol_60s"], jump["jump_share_60s"]) == (0.0, 1.0)
    assert zigzag["jump_share_60s"] == 0.0
    assert zigzag["autocorr_r_60s"] == pytest.approx(-1.0, rel=1e-9)
    assert zigzag["vol_ratio"] == pytest.approx(1.0, rel=1e-12)


def test_a_second_belongs_to_the_mids_before_its_end() -> None:
    """A mid at the very edge opens the next second; an empty second carries the close on."""
    path = [(BEGIN + i, 2000) for i in range(11)]
    at_edge = walk(*path, (BEGIN + 11.0, 2100), (BEGIN + 12.0, 2100)).table()["realised_vol_10s"]
    before_edge = walk(*path, (BEGIN + 10.9, 2100), (BEGIN + 12.0, 2100)).table()["realised_vol_10s"]

    jump = math.log(2100 / 2000)
    assert at_edge[-2:].tolist() == [0.0, pytest.approx(jump, rel=1e-12)]
    assert before_edge[-1] == pytest.approx(jump, rel=1e-12)


def test_columns_of_seconds_stand_until_the_next_one_closes() -> None:
    path = [(BEGIN + i, 2000 + i % 3) for i in range(20)]
    table = walk(*path, (BEGIN + 19.3, 2050), (BEGIN + 19.9, 1950)).table()

    for name in ("realised_vol_10s", "rsi_14", "stochastic_k_14", "atr_14_bps"):
        assert table[name][-1] == table[name][-2] == table[name][-3]


def test_a_silence_over_300_seconds_starts_the_seconds_anew() -> None:
    path = [(BEGIN + i, 2000 + i % 3) for i in range(70)]
    carried = walk(*path, (BEGIN + 69 + 300, 2001)).table()
    anew = walk(*path, (BEGIN + 69 + 301, 2001)).table()

    assert carried["realised_vol_60s"][-1] == 0.0
    assert np.isnan([anew[name][-1] for name in ("realised_vol_60s", "rsi_14", "macd", "ema_cross")]).all()


def test_after_a_silence_seconds_are_those_of_a_new_log() -> None:
    again = [(BEGIN + 1_000 + i, 2100 + i * i % 7) for i in range(80)]
    table = walk(*((BEGIN + i, 2000 + i % 3) for i in range(70)), *again).table()
    new = walk(*again).table()

    for name in ("realised_vol_60s", "autocorr_r_60s", "rsi_14", "macd_signal", "bollinger_position", "ema_cross"):
        assert np.array_equal(table[name][70:], new[name], equal_nan=True)


def test_relative_strength_is_wilders() -> None:
    """14 changes: nine rises of 2 and five falls of 3; then a rise of 14."""
    path = [2000]
    for i in range(14):
        path.append(path[-1] + (-3 if i % 3 == 2 or i == 13 else 2))
    rises, falls = 18 / 14, 15 / 14

    assert math.isnan(closes(*path[:14])["rsi_14"])
    assert closes(*path)["rsi_14"] == pytest.approx(100 * rises / (rises + falls), rel=1e-12)
    rises, falls = (13 * rises + 14) / 14, 13 * falls / 14
    assert closes(*path, path[-1] + 14)["rsi_14"] == pytest.approx(100 * rises / (rises + falls), rel=1e-12)


def test_channels_know_where_the_close_is() -> None:
    rising = closes(*range(2000, 2020))
    flat = closes(*[2000] * 20)

    assert rising["stochastic_k_14"] == 1.0
    sd = math.sqrt((20**2 - 1) / 12)
    assert rising["bollinger_position"] == pytest.approx(9.5 / (2 * sd), rel=1e-12)
    assert math.isnan(flat["stochastic_k_14"])
    assert math.isnan(flat["bollinger_position"])
    assert math.isnan(flat["rsi_14"])


def test_true_range_spans_a_jump_between_seconds() -> None:
    assert closes(*[2000] * 14, 2014)["atr_14_bps"] == pytest.approx(1e4 * 1.0 / 2014, rel=1e-12)


def test_macd_is_the_difference_of_two_means_over_the_close() -> None:
    path = [2000] * 25 + [2010]

    assert math.isnan(closes(*path[:25])["macd"])
    assert closes(*path)["macd"] == pytest.approx(1e4 * 10 * (2 / 13 - 2 / 27) / 2010, rel=1e-12)
    assert math.isnan(closes(*path)["macd_signal"])


def test_bars_are_counted_from_the_one_that_crossed() -> None:
    path = [2000, *[2010] * 10, *[1990] * 20]  # at the first 1990, bar 11, the fast mean falls below the slow one

    assert closes(*path)["ema_cross"] == 30 - 11
    assert closes(*path[:20])["ema_cross"] == 19 - 11
    assert math.isnan(closes(*path[:19])["ema_cross"])


def test_a_standstill_crosses_nothing() -> None:
    """After it the two means differ by the rounding of either, whose sign says nothing."""
    assert math.isnan(closes(*[2000, *[2010] * 400])["ema_cross"])
