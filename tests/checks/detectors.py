"""What every detector promises; a new one in the face of ``msray.detectors`` is checked without being told."""

import inspect
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import msray.detectors as face
from msray.detectors import CUSUM, Detector, FOCuS
from msray.errors import UsageError

ARL0 = 500.0
SEED = 11

MAKERS: dict[str, Callable[[], Detector]] = {
    kind.__name__: lambda kind=kind: kind(arl0=ARL0)
    for kind in (getattr(face, name) for name in face.__all__)
    if inspect.isclass(kind) and kind is not Detector and hasattr(kind, "drift_detected")
} | {
    "CUSUM with head start": lambda: CUSUM(arl0=ARL0, k=0.25, head_start=2.0),
    "FOCuS with known mean": lambda: FOCuS(arl0=ARL0, known_mean=0.0),
}


def shifted(seed: int = SEED) -> np.ndarray:
    """Quiet values, then a rise, then a fall."""
    values = np.random.default_rng(seed).normal(size=1_500)
    values[500:1000] += 1.5
    values[1000:] -= 1.0
    return values


def seen(detector: Detector) -> tuple[float, float, bool, int, int, float]:
    return (
        detector.statistic,
        detector.score,
        detector.drift_detected,
        detector.direction,
        detector.change_age,
        detector.size,
    )


def check_new_shows_nothing(make: Callable[[], Detector]) -> None:
    detector = make()

    assert not detector.drift_detected
    assert 0.0 <= detector.score < 0.5
    assert detector.threshold > 0.0
    assert detector.arl0 == pytest.approx(ARL0)


def check_stream_equals_batch(make: Callable[[], Detector]) -> None:
    values = shifted()
    stream, batch, cut = make(), make(), make()

    alarms = []
    for i, x in enumerate(values):
        stream.update(x)
        if stream.drift_detected:
            alarms.append(i)
    at_once = batch.update_many(values)
    in_parts = [cut.update_many(part) for part in np.array_split(values, [1, 2, 700, 701])]

    assert alarms == at_once.tolist()
    assert sum(map(len, in_parts)) == len(alarms) > 0
    assert seen(stream) == seen(batch) == seen(cut)


def check_reset_equals_new(make: Callable[[], Detector]) -> None:
    used, new = make(), make()
    used.update_many(shifted())
    used.reset()

    assert pickle.dumps(used) == pickle.dumps(new)


def check_pickles_in_the_middle(make: Callable[[], Detector]) -> None:
    values = shifted()
    detector = make()
    detector.update_many(values[:777])
    copy = pickle.loads(pickle.dumps(detector))

    assert copy.update_many(values[777:]).tolist() == detector.update_many(values[777:]).tolist()
    assert seen(copy) == seen(detector)


def check_memory_is_bounded(make: Callable[[], Detector]) -> None:
    detector = make()
    sizes = set()
    for part in np.array_split(np.linspace(0.0, 1.0, 20_000), 4):  # a drift without a break is the worst case
        detector.update_many(part)
        sizes.add(len(pickle.dumps(detector)))

    assert max(sizes) - min(sizes) < 64
    assert max(sizes) < 8_192


def check_values_that_are_no_numbers_are_refused(make: Callable[[], Detector]) -> None:
    detector = make()
    detector.update_many([0.1, -0.2])
    before = pickle.dumps(detector)

    for bad in (np.nan, np.inf, -np.inf, 1e101):
        with pytest.raises(UsageError, match="x must lie between"):
            detector.update(bad)
        with pytest.raises(UsageError, match="at index 1"):
            detector.update_many([0.0, bad])
    with pytest.raises(UsageError, match="one dimension"):
        detector.update_many([[0.0]])
    assert pickle.dumps(detector) == before


def check_score_is_half_at_the_threshold(make: Callable[[], Detector]) -> None:
    detector = make()
    for x in shifted():
        detector.update(x)
        assert detector.score == detector.statistic / (detector.statistic + detector.threshold)
        assert (detector.score > 0.5) == detector.drift_detected


def check_a_fall_mirrors_a_rise(make: Callable[[], Detector]) -> None:
    values = shifted()
    rise, fall = make(), make()

    assert rise.update_many(values).tolist() == fall.update_many(-values).tolist()
    assert (rise.statistic, rise.change_age) == (fall.statistic, fall.change_age)
    assert (rise.direction, rise.size) == (-fall.direction, -fall.size)


def check_an_alarm_tells_direction_time_and_size(make: Callable[[], Detector]) -> None:
    values = 0.3 * np.random.default_rng(3).normal(size=330)
    values[300:] += 2.0
    detector = make()
    detector.update_many(values[:300])
    alarms = detector.update_many(values[300:])[:1]
    again = make()
    again.update_many(values[: 301 + alarms[0]])

    assert again.drift_detected
    assert again.direction == 1
    assert again.change_age == pytest.approx(alarms[0] + 1, abs=1)
    assert again.size == pytest.approx(2.0, abs=0.3)


def check_looking_changes_no_alarm(make: Callable[[], Detector]) -> None:
    """What is worked out only where it may matter is worked out wherever it does."""
    values = np.random.default_rng(SEED).standard_t(3, size=20_000) + np.repeat(np.arange(20) % 3, 1_000)
    looked_at, left = make(), make()

    alarms = []
    for i, x in enumerate(values):
        looked_at.update(x)
        if looked_at.statistic > looked_at.threshold:
            alarms.append(i)

    assert left.update_many(values).tolist() == alarms
    assert len(alarms) > 40


def check_later_values_change_nothing(make: Callable[[], Detector]) -> None:
    values = shifted()
    whole, cut = make(), make()

    early = [i for i in whole.update_many(values).tolist() if i < 800]

    assert cut.update_many(values[:800]).tolist() == early


def check_the_false_alarm_rate_is_kept(make: Callable[[], Detector]) -> None:
    """2 million values, about 4,000 alarms: standard error 1.6 %."""
    values = np.random.default_rng(SEED).normal(size=2_000_000)

    alarms = len(make().update_many(values))

    assert len(values) / alarms == pytest.approx(ARL0, rel=0.06)


CHECKS = [check for name, check in sorted(globals().items()) if name.startswith("check_")]
