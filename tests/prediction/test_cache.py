"""Few answers, young ones, those asked for last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.prediction.cache import PredictionCache
from tests.clocks import SECOND


def test_an_answer_is_given_again_until_it_is_too_old() -> None:
    cache: PredictionCache[str] = PredictionCache(age_s=2.0)
    cache.put(b"a", "down", now_ns=0)

    assert cache.get(b"a", 2 * SECOND) == "down"
    assert cache.get(b"a", 2 * SECOND + 1) is None
    assert len(cache) == 0
    assert (cache.hits, cache.misses, cache.hit_rate) == (1, 1, 0.5)


def test_what_was_asked_for_the_longest_time_ago_goes_first() -> None:
    cache: PredictionCache[int] = PredictionCache(entries=2)
    cache.put(b"a", 1, 0)
    cache.put(b"b", 2, 0)
    cache.get(b"a", 0)

    cache.put(b"c", 3, 0)

    assert [cache.get(key, 0) for key in (b"a", b"b", b"c")] == [1, None, 3]


def test_a_hit_does_not_make_it_young_again() -> None:
    cache: PredictionCache[int] = PredictionCache(age_s=1.0)
    cache.put(b"a", 1, 0)
    cache.get(b"a", SECOND)

    assert cache.get(b"a", SECOND + 1) is None


@given(st.lists(st.tuples(st.binary(max_size=1), st.integers(0, 5)), max_size=50), st.integers(1, 4))
def test_it_never_holds_more_nor_gives_what_was_not_put(steps: list[tuple[bytes, int]], entries: int) -> None:
    cache: PredictionCache[int] = PredictionCache(entries=entries)
    put: dict[bytes, int] = {}

    for at, (key, value) in enumerate(steps):
        assert cache.get(key, at) in (None, put.get(key))
        cache.put(key, value, at)
        put[key] = value
        assert cache.get(key, at) == value
        assert len(cache) <= entries


@pytest.mark.parametrize("words", [{"entries": 0}, {"entries": 10_000_001}, {"age_s": 0.0}, {"age_s": float("nan")}])
def test_bounds_are_bounds(words: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be"):
        PredictionCache(**words)  # type: ignore[arg-type]
