"""A calibration: what is known of quiet bars, as plain numbers with a digest."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from msray.detectors import kernels as k
from msray.detectors.arl import check_arl0
from msray.detectors.iid import IID_LINES, Lines
from msray.detectors.section import Section, mode_of
from msray.errors import ConfigError, UsageError

CLIP = 4.0
"""Standard deviations at which a value is winsorised, by default."""
SCHEMA = "msray.calibration/1"
_DIGITS = 12


def rounded(value: float) -> float:
    """The float nearest to 12 significant digits of ``value``, so that a file and memory hold the same number."""
    return float(f"{value:.{_DIGITS}g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchCalibration:
    """What one watch learned from its bars.

    Attributes
    ----------
    detector
        Kind of detector the threshold is for.
    arl0
        Promised: expected bars between false alarms.
    arl0_low, arl0_high
        Where the ARL0 of this very watch lies with a probability of about 90 %: the wider, the fewer bars were there.
        The promise is kept on average over calibrations; ``jobs/measure_detectors.py`` prints how many intervals hold.
    extrapolated
        Whether ``arl0`` is rarer than bars of this number can show, and the threshold follows the line through shorter
        run lengths.
    threshold
        On the scale of the detector's statistic.
    lines
        Evidence of the members: intercept and slope of log ARL0 in each statistic.
    phi
        Autoregression taken out of the bars, newest lag first.
    mean, sigma
        Of its residuals, winsorised at ``clip`` deviations; in units of the watched value.
    size_factor
        Standard deviations of a quiet bar in a lasting shift of the residuals by ``sigma``.
    clip
        Bound of a standardised value.
    block
        Mean length of the resampled blocks, in bars.
    bars, skipped
        Finite values used, and others.
    degenerate
        Whether the bars were too few or did not move: such a watch never alarms.
    seed
        16 hexadecimal digits that seeded the simulation.

    Raises
    ------
    UsageError
        If a number is out of range.
    """

    detector: str
    arl0: float
    arl0_low: float
    arl0_high: float
    extrapolated: bool
    threshold: float
    lines: Lines = IID_LINES
    phi: tuple[float, ...]
    mean: float
    sigma: float
    size_factor: float
    clip: float = CLIP
    block: float
    bars: int
    skipped: int
    degenerate: bool
    seed: str

    def __post_init__(self) -> None:
        mode_of(self.detector)
        check_arl0(self.arl0)
        if not 0.0 < self.arl0_low <= self.arl0_high < math.inf:
            raise UsageError(f"arl0_low and arl0_high must be positive and rise, got {self.arl0_low}, {self.arl0_high}")
        if len(self.phi) > k.MAX_ORDER:
            raise UsageError(f"phi must have at most {k.MAX_ORDER} entries, got {len(self.phi)}")
        for name in ("threshold", "clip", "size_factor", "block"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise UsageError(f"{name} must be positive and finite, got {value}")
        for name in ("bars", "skipped"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must be at least 0, got {getattr(self, name)}")
        numbers = (self.mean, self.sigma, *self.phi, *(number for line in self.lines for number in line))
        if not all(map(math.isfinite, numbers)):
            raise UsageError("mean, sigma, phi and lines must be finite")
        if (least := min(slope for _, slope in self.lines)) <= 0.0:
            raise UsageError(f"lines must rise, got slope {least}")
        if self.sigma < 0.0 or (self.sigma == 0.0 and not self.degenerate):
            raise UsageError(f"sigma must be positive unless degenerate, got {self.sigma}")

    def section(self) -> Section:
        """Parameters of the detectors behind the watch."""
        return Section(
            mode=mode_of(self.detector), threshold=self.threshold, lines=self.lines, memory=float(max(self.bars, 1))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the watches of one instrument learned, and from which bars.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    words_digest
        Digest of the user's words it was made for.
    first_ns, last_ns
        Span of the bars in exchange time, nanoseconds UTC; the last one excluded.
    bars
        Number of bars.
    watches
        By name.
    """

    instrument: str
    words_digest: str
    first_ns: int
    last_ns: int
    bars: int
    watches: Mapping[str, WatchCalibration]

    @property
    def digest(self) -> str:
        """First 16 hexadecimal digits of sha256 over the canonical JSON."""
        return _digest(self._plain())

    def to_json(self) -> str:
        """The calibration as an indented JSON document, its digest in it."""
        plain = self._plain()
        return json.dumps({**plain, "digest": _digest(plain)}, indent=1, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Calibration":
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ConfigError
            If it is no JSON, of another version, a field is missing, unknown, of the wrong type or out of range, or the
            digest does not fit.
        """
        try:
            plain = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"calibration is no JSON: {error}") from error
        if not isinstance(plain, dict):
            raise ConfigError(f"calibration must be an object, got {type(plain).__name__}")
        schema, digest = plain.pop("schema", None), plain.pop("digest", None)
        if schema != SCHEMA:
            raise ConfigError(f"calibration has schema {schema!r}, this version reads {SCHEMA!r}")
        try:
            calibration = msgspec.convert(plain, cls)
        except (msgspec.ValidationError, UsageError) as error:
            raise ConfigError(f"calibration cannot be read: {error}") from error
        _refuse_unknown(plain, calibration._plain())
        if digest != calibration.digest:
            raise ConfigError(f"calibration has digest {digest!r}, its content {calibration.digest!r}: it was changed")
        return calibration

    def _plain(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "instrument": self.instrument,
            "words_digest": self.words_digest,
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
            "bars": self.bars,
            "watches": {name: asdict(watch) for name, watch in self.watches.items()},
        }


def _digest(plain: Mapping[str, Any]) -> str:
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse keys that nobody would read: they are misspelt, or from a later version."""
    for name in given.keys() - known.keys():
        raise ConfigError(f"calibration has an unknown field {name!r}")
    for watch, fields in given["watches"].items():
        for name in fields.keys() - known["watches"][watch].keys():
            raise ConfigError(f"calibration has an unknown field 'watches.{watch}.{name}'")
