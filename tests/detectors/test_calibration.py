"""Calibrations as documents."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from msray.detectors import Calibration, calibrate
from msray.detectors.calibration import rounded
from msray.errors import ConfigError, MsrayError, UsageError
from tests.detectors.made import quiet_calibration


def made(**changes: Any) -> Calibration:
    words: dict[str, Any] = {
        "instrument": "binance_usdm:BTCUSDT",
        "words_digest": "00ff",
        "first_ns": 1_723_104_000_000_000_000,
        "last_ns": 1_723_104_600_000_000_000,
        "bars": 600,
        "watches": {"imbalance": quiet_calibration(phi=(0.5, -0.1)), "volatility": quiet_calibration(detector="focus")},
    }
    return Calibration(**(words | changes))


def test_file_and_memory_hold_the_same() -> None:
    bars = np.random.default_rng(1).normal(size=600) / 3.0
    solved = calibrate(bars, detector="ensemble", arl0=1_234.5, seed=1, simulated_bars=1 << 16)
    calibration = made(watches={"imbalance": solved})

    again = Calibration.from_json(calibration.to_json())

    assert again == calibration
    assert again.digest == calibration.digest
    assert again.to_json() == calibration.to_json()


def test_digest_depends_on_content_alone() -> None:
    calibration = made()
    watches = dict(reversed(calibration.watches.items()))

    assert len(calibration.digest) == 16
    assert made(watches=watches).digest == calibration.digest
    assert made(bars=601).digest != calibration.digest
    assert made(watches=watches | {"imbalance": quiet_calibration(sigma=1.0000001)}).digest != calibration.digest


def test_numbers_have_twelve_digits() -> None:
    assert rounded(1 / 3) == 0.333333333333
    assert rounded(-1.23456789012345e-200) == -1.23456789012e-200


def test_damage_is_told_apart() -> None:
    plain = json.loads(made().to_json())
    watches = plain["watches"]
    damaged: dict[str, Any] = {
        "no JSON": "{",
        "must be an object, got list": [],
        "schema None": {k: v for k, v in plain.items() if k != "schema"},
        "schema 'msray.calibration/2'": plain | {"schema": "msray.calibration/2"},
        "missing required field `bars`": {k: v for k, v in plain.items() if k != "bars"},
        "Expected `int`, got `str` - at `\\$.bars`": plain | {"bars": "600"},
        "unknown field 'colour'": plain | {"colour": "red"},
        "unknown field 'watches.imbalance.colour'": plain
        | {"watches": watches | {"imbalance": watches["imbalance"] | {"colour": 1}}},
        "digest 'feed'": plain | {"digest": "feed"},
        "it was changed": plain | {"bars": 601},
        "sigma must be positive": plain | {"watches": {"x": watches["imbalance"] | {"sigma": -1.0}}},
        "unknown detector 'adwin'": plain | {"watches": {"x": watches["imbalance"] | {"detector": "adwin"}}},
        "Expected `float`, got `null`": plain | {"watches": {"x": watches["imbalance"] | {"threshold": None}}},
    }

    for message, document in damaged.items():
        text = document if isinstance(document, str) else json.dumps(document)
        with pytest.raises(ConfigError, match=message):
            Calibration.from_json(text)


@pytest.mark.parametrize("text", [b"\xff\xfe", "", "null", "NaN", '{"schema": 1e999}', "[" * 3_000])
def test_rubbish_is_refused(text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        Calibration.from_json(text)


def test_every_single_character_counts() -> None:
    text = made().to_json()
    rng = np.random.default_rng(1)
    for _ in range(300):
        at = int(rng.integers(len(text)))
        damaged = text[:at] + chr(int(rng.integers(33, 127))) + text[at + 1 :]
        try:
            same = Calibration.from_json(damaged) == made()
        except MsrayError as error:
            same = isinstance(error, ConfigError)

        assert same, damaged


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arl0": math.nan}, "arl0 must lie between"),
        ({"arl0_low": 0.0}, "arl0_low and arl0_high must be positive and rise"),
        ({"arl0_high": math.inf}, "arl0_low and arl0_high"),
        ({"threshold": math.nan}, "threshold must be positive and finite, got nan"),
        ({"phi": (0.1,) * 6}, "phi must have at most 5 entries, got 6"),
        ({"phi": (math.nan,)}, "mean, sigma, phi and lines must be finite"),
        ({"lines": ((1.0, 0.5), (1.0, 0.5), (1.0, 0.0))}, "lines must rise, got slope 0"),
        ({"sigma": 0.0}, "sigma must be positive unless degenerate, got 0"),
        ({"bars": -1}, "bars must be at least 0, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(quiet_calibration(), **changes)
