import random
from itertools import pairwise
from pathlib import Path

from msray.feeds.reconnect import SECOND, Backoff, ConnectLimit, Watchdog
from msray.feeds.recording import open_recordings
from msray.prediction import Arrived


def test_pauses_double_from_half_a_second_to_thirty_with_full_jitter() -> None:
    class Highest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0.0
            return b

    backoff = Backoff(Highest(1))

    pauses = [backoff.next_s() for _ in range(9)]

    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_many_failures_do_not_overflow() -> None:
    backoff = Backoff(random.Random(1))

    pauses = [backoff.next_s() for _ in range(5000)]

    assert max(pauses) <= 30.0
    assert min(pauses) >= 0.0


def test_success_makes_the_next_pause_short_again() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(10):
        backoff.next_s()

    backoff.reset()

    assert backoff.next_s() <= 0.5


def test_no_five_minutes_ever_hold_more_than_three_hundred_connects() -> None:
    limit, rng, now, times = ConnectLimit(), random.Random(7), 0, []

    for _ in range(2000):
        now += rng.randrange(SECOND)
        wait_ns = limit.reserve(now)
        assert wait_ns >= 0
        times.append(now + wait_ns)

    assert all(later - earlier >= 300 * SECOND for earlier, later in zip(times, times[300:], strict=False))


def test_connects_below_the_limit_do_not_wait() -> None:
    limit = ConnectLimit(most=3, window_s=10)

    waits = [limit.reserve(second * SECOND) for second in (0, 1, 2, 3, 30)]

    assert waits == [0, 0, 0, 7 * SECOND, 0]


def test_a_fast_source_is_given_up_after_five_seconds() -> None:
    dog = Watchdog()
    dog.started(0)
    for i in range(1, 100):
        dog.saw(i * SECOND // 10)
    last = 99 * SECOND // 10

    assert not dog.is_due(last + 5 * SECOND)
    assert dog.is_due(last + 5 * SECOND + 1)


def test_patience_follows_the_longest_recent_silence_and_forgets_it() -> None:
    dog = Watchdog()
    dog.started(0)
    dog.saw(1 * SECOND)
    dog.saw(1 * SECOND + 4 * SECOND)
    assert dog.patience_ns == 20 * SECOND

    now = 5 * SECOND
    for _ in range(6000):
        now += SECOND // 5
        dog.saw(now)

    assert dog.patience_ns == 5 * SECOND  # two half-lives later: four seconds have become one


def test_the_pace_that_is_known_beforehand_counts() -> None:
    assert Watchdog(usual_interval_s=3).patience_ns == 15 * SECOND
    assert Watchdog(usual_interval_s=1000).patience_ns == 5000 * SECOND


def test_a_silent_source_is_cut_ever_more_rarely() -> None:
    dog, now, cuts = Watchdog(), 0, []
    dog.started(now)

    while now < 3600 * SECOND:
        now += SECOND
        if dog.is_due(now):
            dog.cut()
            dog.started(now)
            cuts.append(now // SECOND)

    assert cuts[0] == 6
    assert len(cuts) < 35  # two minutes apart in the end


def test_a_quiet_market_is_not_cut(data_dir: Path) -> None:
    times: list[int] = []
    for event in open_recordings([data_dir / "binance_spot_nexousdt_24h"]).groups[0].events():
        assert isinstance(event, Arrived)
        f = event.frames
        for ns, begin in zip(f.local_ns.tolist(), f.begin.tolist(), strict=True):
            if b"bookTicker" not in f.buffer[begin : begin + 60].tobytes():
                times.append(ns)
    dog, mean_s, cut_by_mean = Watchdog(), 1.0, 0
    dog.started(times[0])

    for before, now in pairwise(times):
        assert not dog.is_due(now)
        dog.saw(now)
        silence_s = (now - before) / SECOND
        cut_by_mean += silence_s > max(5.0, 5.0 * mean_s)
        mean_s += 0.01 * (silence_s - mean_s)

    assert len(times) == 80_641
    assert cut_by_mean == 2679
