"""How much REST weight may be spent, and on whom first. Pure: told the time, asks for nothing.

Sources: Binance, "Rest API", sections *LIMITS* and *IP Limits*: weight a minute and address; ``X-MBX-USED-WEIGHT-1M``
on every answer; 429 means back off, going on after it means 418, a ban of 2 minutes to 3 days; ``Retry-After`` in
seconds comes with both. Times are monotonic nanoseconds.
"""

from collections import deque

from msray.errors import UsageError
from msray.feeds.reconnect import SECOND

TOO_MANY, BANNED = 429, 418
"""The two statuses that mean: you asked too much."""

_WINDOW_NS = 60 * SECOND
_HALVED_NS = 300 * SECOND
_DEFAULT_RETRY_S = {TOO_MANY: 60.0, BANNED: 120.0}
_LONGEST_RETRY_S = 3 * 86_400.0


class SnapshotBudget:
    """The weight that one address may spend at one venue, handed out by priority.

    Any 60 seconds count, not the venue's full minutes, so the limit holds however its clock runs. After a 429 the
    budget is half for five minutes; while a ban lasts nothing is handed out.

    Parameters
    ----------
    limit
        Weight a minute.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise UsageError(f"limit must be a weight of at least 1 a minute, got {limit}")
        self._limit = limit
        self._spent: deque[tuple[int, int]] = deque()
        self._used = 0
        self._asked: dict[str, tuple[int, int, int]] = {}
        self._order = 0
        self._halved_until_ns = -1
        self.closed_until_ns = -1
        """Nothing is handed out before; -1 where nothing was ever refused."""

    @property
    def waiting(self) -> int:
        """How many have asked and not been granted."""
        return len(self._asked)

    def ask(self, key: str, weight: int, priority: int = 0) -> None:
        """Queue up.

        Parameters
        ----------
        key
            Who asks; once a time.
        weight
            What the request costs.
        priority
            Higher goes first; among equals, who asked first.

        Raises
        ------
        UsageError
            If no budget could ever cover the weight.
        """
        if not 0 < weight <= self._limit // 2:
            raise UsageError(f"weight of {key} must be 1 to {self._limit // 2} (half the budget), got {weight}")
        self._asked[key] = (-priority, self._order, weight)
        self._order += 1

    def cancel(self, key: str) -> None:
        """Leave the queue."""
        self._asked.pop(key, None)

    def grant(self, now_ns: int) -> list[str]:
        """Who may send a request now; each is taken off the queue and its weight counted as spent."""
        granted: list[str] = []
        while (key := self._next()) is not None and self._wait_for(key, now_ns) == 0:
            weight = self._asked.pop(key)[2]
            self._spend(now_ns, weight)
            granted.append(key)
        return granted

    def wait_ns(self, now_ns: int) -> int:
        """How long until the first in the queue may go; 0 where nobody waits."""
        key = self._next()
        return 0 if key is None else self._wait_for(key, now_ns)

    def answered(self, now_ns: int, used: int) -> None:
        """The venue says how much of its minute is used: more than ours, where others spend from the same address."""
        self._forget(now_ns)
        if used > self._used:
            self._spend(now_ns, used - self._used)

    def refused(self, now_ns: int, status: int, retry_after_s: float | None) -> float:
        """The venue said 429 or 418.

        Parameters
        ----------
        now_ns
            When.
        status
            429 or 418.
        retry_after_s
            What it asked for; obeyed exactly up to three days. None: a minute, two for a ban.

        Returns
        -------
        float
            Seconds for which nothing is handed out.
        """
        asked_s = _DEFAULT_RETRY_S[status] if retry_after_s is None else retry_after_s
        wait_s = min(max(asked_s, 0.0), _LONGEST_RETRY_S)
        self.closed_until_ns = max(self.closed_until_ns, now_ns + round(wait_s * SECOND))
        self._halved_until_ns = self.closed_until_ns + _HALVED_NS
        return wait_s

    def _next(self) -> str | None:
        return min(self._asked, key=self._asked.__getitem__, default=None)

    def _wait_for(self, key: str, now_ns: int) -> int:
        """Nobody overtakes: what does not fit waits, and so do all behind it."""
        self._forget(now_ns)
        if now_ns < self.closed_until_ns:
            return self.closed_until_ns - now_ns
        limit = self._limit // 2 if now_ns < self._halved_until_ns else self._limit
        over = self._used + self._asked[key][2] - limit
        free_ns = now_ns
        for at_ns, weight in self._spent:
            if over <= 0:
                break
            over -= weight
            free_ns = at_ns + _WINDOW_NS
        return free_ns - now_ns

    def _spend(self, now_ns: int, weight: int) -> None:
        self._spent.append((now_ns, weight))
        self._used += weight

    def _forget(self, now_ns: int) -> None:
        while self._spent and now_ns - self._spent[0][0] >= _WINDOW_NS:
            self._used -= self._spent.popleft()[1]
