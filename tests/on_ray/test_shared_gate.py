"""One budget of REST weight for all shards, on a real cluster."""

import asyncio
import time

import pytest

from msray.clock import SystemClock
from msray.on_ray.board import start_board
from msray.on_ray.shared_gate import RemoteGate, SharedGates
from msray.venues import find_venue
from tests.feeds.clocks import ManualClock

SPOT = "binance_spot"
WEIGHT = find_venue(SPOT).weight_per_minute // 4


@pytest.fixture(scope="module")
def board(joined: None) -> None:
    start_board()


async def test_shards_of_one_venue_share_its_weight() -> None:
    gates = SharedGates(ManualClock())

    for _ in range(4):
        await asyncio.wait_for(gates.of(SPOT).enter("a", WEIGHT), 1)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gates.of(SPOT).enter("b", WEIGHT), 0.1)
    await asyncio.wait_for(gates.of("binance_usdm").enter("c", WEIGHT // 4), 1)


@pytest.mark.ray
async def test_what_one_shard_spends_another_cannot(board: None) -> None:
    one, other = (RemoteGate(SPOT, SystemClock()) for _ in range(2))

    for _ in range(4):
        await asyncio.wait_for(one.enter("x", WEIGHT), 10)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(other.enter("y", WEIGHT), 0.5)


@pytest.mark.ray
async def test_a_refusal_closes_the_gate_for_every_shard(board: None) -> None:
    one, other = (RemoteGate("binance_usdm", SystemClock()) for _ in range(2))
    await asyncio.wait_for(one.enter("x", 10), 10)

    assert one.refused(429, 1.0) == 1.0
    waited_s = []
    for _ in range(5):  # the board hears of it within a call or two
        started = time.monotonic()
        await asyncio.wait_for(other.enter("y", 10), 10)
        waited_s.append(time.monotonic() - started)

    assert max(waited_s) > 0.8
