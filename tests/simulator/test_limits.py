"""Limits, told the time."""

import pytest

from msray.simulator.limits import Due, Keepalive, PerAddress, Rate, RequestWeight

MINUTE = 60.0


def test_weight_adds_up_and_the_next_minute_begins_anew() -> None:
    weight = RequestWeight(100)

    assert [weight.spend(40, now_s).used for now_s in (5.0, 30.0)] == [40, 80]
    refused = weight.spend(40, 42.5)
    assert (refused.status, refused.used, refused.retry_after_s) == (429, 80, 18)
    assert weight.spend(20, 59.9).status == 200
    assert weight.spend(40, 60.0).used == 40


def test_who_goes_on_after_429_is_banned_and_longer_each_time() -> None:
    weight = RequestWeight(10, refusals=3)
    weight.spend(10, 0.0)

    statuses = [weight.spend(1, float(second)).status for second in range(1, 5)]

    assert statuses == [429, 429, 429, 418]
    assert weight.spend(1, 4.0).retry_after_s == 120
    assert weight.spend(1, 100.0).status == 418
    assert weight.spend(10, 124.0).status == 200, "the ban is over"
    assert [weight.spend(1, 125.0).status for _ in range(4)][-1] == 418
    assert weight.spend(1, 125.0).retry_after_s == 240


def test_refusals_of_different_minutes_do_not_add_up_to_a_ban() -> None:
    weight = RequestWeight(10, refusals=3)

    statuses = set()
    for minute in range(10):
        weight.spend(10, minute * MINUTE)
        statuses |= {weight.spend(1, minute * MINUTE + i).status for i in range(1, 4)}

    assert statuses == {429}


def test_a_ban_never_lasts_longer_than_its_limit() -> None:
    weight = RequestWeight(1, refusals=0, first_ban_s=120, last_ban_s=500)
    now_s, bans = 0.0, []
    for _ in range(6):
        weight.spend(1, now_s)
        bans.append(weight.spend(1, now_s).retry_after_s)
        now_s += bans[-1] + MINUTE

    assert bans == [120, 240, 480, 500, 500, 500]


def test_rate_counts_any_second_not_full_ones() -> None:
    rate = Rate(5, 1.0)

    assert [rate.accept(at_s) for at_s in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)] == [True] * 5 + [False]
    assert rate.accept(1.0)
    assert not rate.accept(1.4)
    assert all(Rate(0, 1.0).accept(0.0) for _ in range(1000)), "0 is no limit"


def test_addresses_have_their_own_limits_and_are_not_kept_for_ever() -> None:
    weights = PerAddress(lambda: RequestWeight(10))
    weights.of("a").spend(10, 0.0)

    assert weights.of("b").spend(10, 0.0).status == 200
    assert weights.of("a").spend(1, 0.0).status == 429
    for i in range(5000):
        weights.of(str(i))
    assert weights.of("a").spend(1, 0.0).status == 200, "forgotten"


def keepalive(**fields: float) -> Keepalive:
    return Keepalive(0.0, **({"ping_every_s": 20, "pong_within_s": 60, "life_s": 86_400, "notice_s": 600} | fields))


def test_a_ping_is_due_every_20_s() -> None:
    life = keepalive()
    pings = []
    for second in range(130):
        while life.due(second) is Due.PING:
            pings.append(second)
            payload = str(second).encode()
            life.pinged(payload, second)
            life.ponged(payload)

    assert pings == [20, 40, 60, 80, 100, 120]


@pytest.mark.parametrize(("pong", "lives"), [(b"20", True), (b"40", True), (b"", False), (b"19", False)])
def test_a_ping_without_its_pong_within_a_minute_ends_the_connection(pong: bytes, lives: bool) -> None:
    life = keepalive()
    for second in (20, 40):
        assert life.due(second) is Due.PING
        life.pinged(str(second).encode(), second)

    life.ponged(pong)

    assert life.due(59) is Due.NOTHING
    life.pinged(b"60", 60)
    assert (life.due(79.9), life.due(80) is not Due.PONG_TIMEOUT) == (Due.NOTHING, lives)


def test_the_end_after_24_h_is_announced_once() -> None:
    life = keepalive(ping_every_s=1e9)

    assert life.due(85_799.9) is Due.NOTHING
    assert [life.due(85_800), life.due(85_800), life.due(86_399)] == [Due.NOTICE, Due.NOTHING, Due.NOTHING]
    assert life.due(86_400) is Due.EXPIRED
