"""The board: what it shows of shards, and of those that say nothing any more."""

from msray.api.state import InstrumentSnapshot
from msray.on_ray.board import SILENT_S, BoardService, PackedUpdate, packed
from msray.on_ray.shard_report import ShardUpdate
from tests.feeds.clocks import ManualClock

NAME = "binance_usdm:BTCUSDT"


async def an_update(number: int) -> PackedUpdate:
    book = InstrumentSnapshot(instrument=NAME, state="synced", update_id=number, bids=((100, 1),), asks=((101, 1),))
    update = ShardUpdate(
        shard="shard-0",
        holder="shard-0 here",
        started_ns=1,
        number=number,
        instruments=(book,),
        sample={},
        signals_stored=0,
        signals_waiting=0,
        problems=(),
    )
    return await packed(update)


async def test_a_book_is_shown_as_long_as_its_shard_speaks() -> None:
    clock = ManualClock()
    board = BoardService(clock)
    await board.push(await an_update(1))
    shown = await board.look()

    clock.pause(SILENT_S + 1)
    silent = await board.look(shown.version)
    unchanged = await board.look(silent.version)
    await board.push(await an_update(2))
    back = await board.look(silent.version)

    assert [(one.state, one.bids) for one in shown.instruments] == [("synced", ((100, 1),))]
    assert [(one.state, one.bids) for one in silent.instruments] == [("unsynced", ())]
    assert [shard.shard for shard in silent.shards] == ["shard-0"]
    assert unchanged.instruments == ()
    assert [(one.state, one.update_id) for one in back.instruments] == [("synced", 2)]


async def test_an_update_that_comes_late_or_twice_changes_nothing() -> None:
    board = BoardService(ManualClock())
    await board.push(await an_update(2))
    before = await board.look()

    await board.push(await an_update(1))
    await board.push(await an_update(2))

    assert (await board.look()) == before
