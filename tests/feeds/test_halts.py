"""Silent instruments: when their venue is asked about them, and what its answer means."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from msray.errors import FeedError, MsrayError, UnavailableError, UsageError
from msray.feeds.halts import FIRST_S, SILENCE_S, Halts, Silence
from msray.feeds.listings import fetch_trading
from msray.feeds.live import WebSocketSource
from msray.feeds.reconnect import SECOND
from msray.venues import VENUES
from tests.feeds.clocks import ManualClock

QUIET = round(SILENCE_S * SECOND)
FIRST = round(FIRST_S * SECOND)


def test_who_speaks_is_not_asked_about() -> None:
    silence = Silence()

    assert all(silence.due({"A": count}, count * QUIET // 2) == {} for count in range(1, 20))


def test_who_is_silent_for_a_minute_is_asked_about_once_a_minute() -> None:
    silence = Silence()
    silence.due({"A": 3, "B": 1}, 0)
    silence.due({"A": 3, "B": 2}, 1)

    assert silence.due({"A": 3, "B": 2}, QUIET - 1) == {}
    assert silence.due({"A": 3, "B": 2}, QUIET) == {"A": 3}
    assert silence.due({"A": 3, "B": 2}, 2 * QUIET - 1) == {}, "nor about another one"
    assert silence.due({"A": 3, "B": 2}, 2 * QUIET) == {"A": 3, "B": 2}


def test_who_never_spoke_is_asked_about_early() -> None:
    silence = Silence()
    silence.due({"A": 0, "B": 1}, 0)

    assert silence.due({"A": 0, "B": 1}, FIRST - 1) == {}
    assert silence.due({"A": 0, "B": 1}, FIRST) == {"A": 0}


def test_what_does_not_trade_is_halted_until_it_speaks_and_not_asked_about_again() -> None:
    silence = Silence()
    silence.due({"A": 3, "B": 4}, 0)
    silence.answered(silence.due({"A": 3, "B": 4}, QUIET), {"B"})

    assert (silence.is_halted("A", 3), silence.is_halted("B", 4)) == (True, False)
    assert silence.due({"A": 3, "B": 4}, 3 * QUIET) == {"B": 4}
    assert not silence.is_halted("A", 4)
    assert silence.due({"A": 4, "B": 4}, 4 * QUIET) == {"B": 4}
    assert silence.due({"A": 4, "B": 4}, 5 * QUIET) == {"A": 4, "B": 4}, "silent again"


def test_an_answer_about_who_has_spoken_meanwhile_halts_nobody() -> None:
    silence = Silence()
    silence.due({"A": 3}, 0)

    silence.answered(silence.due({"A": 3}, QUIET), set())

    assert not silence.is_halted("A", 4)


class Venues:
    """Say what they are told to, and remember what they were asked."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.messages = {"binance_spot:A": 0, "binance_usdm:A": 0, "binance_usdm:B": 0}
        self.answers: dict[str, set[str] | MsrayError] = {"binance_spot": {"A"}, "binance_usdm": {"B"}}
        self.asked: list[tuple[str, list[str]]] = []
        self.is_stuck = False
        self.halts = Halts(list(self.messages), self.messages.__getitem__, self.clock)

    async def trading(self, venue: str, symbols: Sequence[str]) -> set[str]:
        self.asked.append((venue, list(symbols)))
        if self.is_stuck and venue == "binance_spot":
            await asyncio.Event().wait()
        answer = self.answers[venue]
        if isinstance(answer, MsrayError):
            raise answer
        return answer

    def halted(self) -> list[str]:
        return [name for name in self.messages if self.halts.is_halted(name)]

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.halts.run(self.trading))
        yield
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_venue_is_asked_about_all_its_silent_instruments_together() -> None:
    venues = Venues()

    async with venues.watched():
        await venues.clock.advance(2 * FIRST_S)

    assert venues.asked == [("binance_spot", ["A"]), ("binance_usdm", ["A", "B"])]
    assert venues.halted() == ["binance_usdm:A"]


async def test_a_message_ends_a_halt() -> None:
    venues = Venues()

    async with venues.watched():
        await venues.clock.advance(2 * FIRST_S)
        venues.messages["binance_usdm:A"] += 1

        assert venues.halted() == []


@pytest.mark.parametrize("error", [UnavailableError("503"), FeedError("no JSON")])
async def test_a_venue_that_does_not_answer_halts_nobody_and_is_asked_again(error: MsrayError) -> None:
    venues = Venues()
    venues.answers["binance_usdm"] = error

    async with venues.watched():
        await venues.clock.advance(SILENCE_S)
        assert venues.halted() == []
        venues.answers["binance_usdm"] = set()
        await venues.clock.advance(2 * FIRST_S)

    assert venues.asked.count(("binance_usdm", ["A", "B"])) == 2
    assert venues.halted() == ["binance_usdm:A", "binance_usdm:B"]


async def test_a_venue_that_takes_its_time_does_not_keep_another_waiting() -> None:
    venues = Venues()
    venues.is_stuck = True

    async with venues.watched():
        await venues.clock.advance(5 * SILENCE_S)

    assert venues.asked.count(("binance_spot", ["A"])) == 1
    assert len(venues.asked) == 6


class Spot:
    """REST that lists some symbols, and refuses to speak of any others, as spot does."""

    def __init__(self, document: bytes, listed: set[str]) -> None:
        self.venue = VENUES["binance_spot"]
        self.asked: list[list[str]] = []
        self._document = document
        self._listed = listed

    async def exchange_info(self, symbols: Sequence[str], priority: int) -> bytes:
        self.asked.append(list(symbols))
        assert priority < 0, "snapshots first"
        if not self._listed.issuperset(symbols):
            raise UsageError("symbol must be one that binance_spot lists")
        return self._document


async def test_one_symbol_that_is_not_listed_hides_no_other() -> None:
    client = Spot(b'{"symbols":[{"symbol":"A","status":"TRADING"},{"symbol":"B","status":"BREAK"}]}', {"A", "B"})

    trading = await fetch_trading(client, ["A", "GONE", "B"])  # type: ignore[arg-type]

    assert trading == {"A"}
    assert client.asked == [["A", "GONE", "B"], ["A"], ["GONE"], ["B"]]


async def test_a_source_that_does_not_run_asks_nobody() -> None:
    with pytest.raises(UnavailableError, match="binance_spot is not being read"):
        await WebSocketSource().trading("binance_spot", ["A"])
