"""Which instruments their venues have halted: those that say nothing for a while are asked about.

For the eye only, and for who is asked for snapshots: no event of the log comes of it, and no fold knows it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from msray.clock import Clock
from msray.errors import FeedError, UnavailableError
from msray.feeds.reconnect import SECOND

SILENCE_S = 60.0
FIRST_S = 5.0
"""Patience with an instrument that has never said anything: who starts a run waits for it."""
LOOK_S = 0.5


class Silence:
    """Who of one venue is to be asked about, and what it answered. Pure: told the time and what came.

    Parameters
    ----------
    patience_s
        Silence after which an instrument is asked about, and time from one question to the next.
    """

    def __init__(self, patience_s: float = SILENCE_S) -> None:
        self._patience_ns = round(patience_s * SECOND)
        self._first_ns = min(self._patience_ns, round(FIRST_S * SECOND))
        self._since: dict[str, tuple[int, int]] = {}
        self._halted: dict[str, int] = {}
        self._next_ns = 0

    def due(self, messages: Mapping[str, int], now_ns: int) -> dict[str, int]:
        """Those to ask about now.

        Parameters
        ----------
        messages
            How many came so far, by name.
        now_ns
            Monotonic time.

        Returns
        -------
        dict
            Their messages, by name; to be handed to :meth:`answered`.
        """
        for name, count in messages.items():
            if name not in self._since or self._since[name][0] != count:
                self._since[name] = count, now_ns
        if now_ns < self._next_ns:
            return {}
        silent = {
            name: count
            for name, count in messages.items()
            if now_ns - self._since[name][1] >= (self._patience_ns if count else self._first_ns)
            and not self.is_halted(name, count)
        }
        if silent:
            self._next_ns = now_ns + self._patience_ns
        return silent

    def answered(self, asked: Mapping[str, int], trading: Collection[str]) -> None:
        """The venue said which of them trade. Those that do not, or are not listed, are halted until they speak."""
        self._halted.update({name: count for name, count in asked.items() if name not in trading})

    def is_halted(self, name: str, messages: int) -> bool:
        """Whether the venue said so, and no message has come since."""
        return self._halted.get(name) == messages


class Halts:
    """Watches the instruments of a run.

    Parameters
    ----------
    instrument_ids
        All of them.
    messages
        How many depth messages and trades of an instrument have come so far.
    clock
        Time.
    silence_s
        See :class:`Silence`.
    """

    def __init__(
        self, instrument_ids: Sequence[str], messages: Callable[[str], int], clock: Clock, silence_s: float = SILENCE_S
    ) -> None:
        self._messages = messages
        self._clock = clock
        self._venues: dict[str, list[str]] = {}
        for instrument_id in instrument_ids:
            venue, _, symbol = instrument_id.partition(":")
            self._venues.setdefault(venue, []).append(symbol)
        self._silences = {venue: Silence(silence_s) for venue in self._venues}

    def is_halted(self, instrument_id: str) -> bool:
        """Whether its venue says that it does not trade, and it has said nothing since."""
        venue, _, symbol = instrument_id.partition(":")
        return self._silences[venue].is_halted(symbol, self._messages(instrument_id))

    async def run(self, trading: Callable[[str, Sequence[str]], Awaitable[Collection[str]]]) -> None:
        """Ask about who is silent, without end; ``trading`` gives those symbols of a venue that trade."""
        await asyncio.gather(*(self._watch(venue, trading) for venue in self._venues))

    async def _watch(self, venue: str, trading: Callable[[str, Sequence[str]], Awaitable[Collection[str]]]) -> None:
        silence, symbols = self._silences[venue], self._venues[venue]
        while True:
            await self._clock.sleep(LOOK_S)
            messages = {symbol: self._messages(f"{venue}:{symbol}") for symbol in symbols}
            asked = silence.due(messages, self._clock.monotonic_ns())
            if asked:
                try:
                    silence.answered(asked, await trading(venue, list(asked)))
                except (FeedError, UnavailableError):
                    continue  # nothing is known of them; they are asked about again
