"""What fills the hub: one reader of the ledger and one of the books, however many sockets there are; none without any.

A new signal is found by asking the ledger for what follows the newest one that is known. Writers of a ledger queue, so
``seq`` becomes visible in order and without holes, on SQLite and on PostgreSQL, and nothing can appear behind this.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator

from msray.api.reading import wrong_parameter
from msray.api.state import ApiState
from msray.api.stream_hub import PAGE, Reader, StreamHub, Subscription, Topic
from msray.errors import UnavailableError
from msray.store.ledger_records import MAX_PAGE, SignalQuery, StoredSignal

POLL_S = 0.1
"""Seconds between two looks: half of it is the delay of a signal at the median."""

_log = logging.getLogger(__name__)


class StreamFeed:
    """Keeps a hub up to date while somebody listens.

    Parameters
    ----------
    state
        The ledger, the books and time.
    """

    def __init__(self, state: ApiState) -> None:
        self._state = state
        self._hub = StreamHub()
        self._listeners: Counter[Topic] = Counter()
        self._tasks: dict[Topic, asyncio.Task[None]] = {}
        self._news: asyncio.Future[None] | None = None
        self._wanted: dict[int, None] = {}
        self._is_wanted = asyncio.Event()
        self._problem = ""

    @property
    def news(self) -> asyncio.Future[None]:
        """Done once there is something new; take it before looking, so that nothing is missed in between."""
        if self._news is None or self._news.done():
            self._news = asyncio.get_running_loop().create_future()
        return self._news

    @property
    def problems(self) -> list[str]:
        """Why nothing new can be seen, in a few words; empty where all is well."""
        return [self._problem] if self._problem else []

    def is_broken(self, topics: frozenset[Topic]) -> bool:
        """Whether one of them is not fed any more, by a mistake of ours."""
        return any(self._tasks[topic].done() for topic in topics)

    def tell(self) -> None:
        """Wake everybody."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    @contextlib.asynccontextmanager
    async def reader(self, subscription: Subscription) -> AsyncIterator[Reader]:
        """A reader that is fed until it is left.

        Raises
        ------
        RefusedError
            422 if ``resume_from`` lies beyond the newest signal: it belongs to another ledger.
        UnavailableError
            If the ledger cannot be read.
        """
        newest = await self._newest() if Topic.SIGNALS in subscription.topics else 0
        after = newest if subscription.resume_from is None else subscription.resume_from
        if after > newest:
            raise wrong_parameter("resume_from", "must not lie beyond the newest signal of this ledger")
        self._join(subscription.topics, newest)
        try:
            yield self._hub.reader(subscription, after)
        finally:
            self._leave(subscription.topics)

    def want(self, reader: Reader) -> None:
        """Read the page that a reader lacks, if it lacks one; there are news once it is there."""
        if (number := reader.missing_page) is not None:
            self._wanted[number] = None
            self._is_wanted.set()

    def _join(self, topics: frozenset[Topic], newest: int) -> None:
        if Topic.SIGNALS in topics and not self._listeners[Topic.SIGNALS]:
            self._hub.signals.start_at(newest)
        for topic in topics - {Topic.SIGNALS}:
            self._look(topic)
        for topic in topics:
            self._listeners[topic] += 1
            if topic not in self._tasks or self._tasks[topic].done():
                self._tasks[topic] = asyncio.get_running_loop().create_task(self._watch(topic))

    def _leave(self, topics: frozenset[Topic]) -> None:
        for topic in topics:
            self._listeners[topic] -= 1
            if not self._listeners[topic]:
                self._tasks.pop(topic).cancel()

    async def _watch(self, topic: Topic) -> None:
        """The top of a feed."""
        try:
            await (self._feed_signals() if topic is Topic.SIGNALS else self._feed_latest(topic))
        except Exception:  # whoever listens must hear of it, whatever it is; the next one starts it again
            _log.exception("the stream is not fed any more")
            asyncio.get_running_loop().call_soon(self.tell)

    async def _feed_latest(self, topic: Topic) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            if self._look(topic):
                self.tell()

    async def _feed_signals(self) -> None:
        """One question to the ledger at a time: what is new, then what somebody lacks."""
        while True:
            try:
                await self._read_new()
                await self._read_wanted()
                self._problem = ""
            except UnavailableError as error:
                if not self._problem:
                    _log.warning("the stream waits: %s", error)
                self._problem = "the ledger cannot be read"
                await asyncio.sleep(POLL_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._is_wanted.wait()
            self._is_wanted.clear()

    async def _read_new(self) -> None:
        rows = await self._page(self._hub.signals.newest, MAX_PAGE)
        if rows:
            self._hub.signals.add(rows)
            self.tell()

    async def _read_wanted(self) -> None:
        for number in list(self._wanted):
            self._hub.signals.put(number, await self._page(number * PAGE, PAGE))
            del self._wanted[number]
            self.tell()

    async def _page(self, after: int, limit: int) -> list[StoredSignal]:
        return await self._state.store.page(SignalQuery(after=after, limit=limit, newest_first=False))

    async def _newest(self) -> int:
        rows = await self._state.store.page(SignalQuery(limit=1))
        return rows[0].seq if rows else 0

    def _look(self, topic: Topic) -> bool:
        latest = self._hub.books if topic is Topic.BOOKS else self._hub.predictions
        return latest.look(self._state.books, self._state.clock.now_ns())
