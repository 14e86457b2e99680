"""``PredictionCache``: answers that were given before, few and young."""

from collections import OrderedDict
from typing import Generic, TypeVar

from msray.arguments import checked_count
from msray.errors import UsageError

V = TypeVar("V")


class PredictionCache(Generic[V]):
    """The answers asked for last; an entry that is too old is none.

    Parameters
    ----------
    entries
        Most that it holds, 1 to 10,000,000: then the one that was asked for the longest time ago goes.
    age_s
        Seconds after which an answer is not given again.

    Attributes
    ----------
    hits, misses
        Questions that were answered, and that were not.

    Raises
    ------
    UsageError
        If one of them is out of its range.

    Examples
    --------
    >>> cache = PredictionCache(entries=2, age_s=60.0)
    >>> cache.put(b"a", 1, now_ns=0)
    >>> cache.get(b"a", now_ns=0), cache.get(b"b", now_ns=0), cache.hit_rate
    (1, None, 0.5)
    """

    def __init__(self, *, entries: int = 4096, age_s: float = 60.0) -> None:
        self._most = checked_count("entries", entries, 1, 10_000_000)
        if not 0 < age_s < float("inf"):
            raise UsageError(f"age_s must be positive and finite, got {age_s}")
        self._age_ns = int(age_s * 1e9)
        self._kept: OrderedDict[bytes, tuple[int, V]] = OrderedDict()
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def hit_rate(self) -> float:
        """Share of questions that were answered; 0 before the first."""
        return self.hits / max(self.hits + self.misses, 1)

    def get(self, key: bytes, now_ns: int) -> V | None:
        """The answer to a question, None where it is not known or too old.

        Parameters
        ----------
        key
            All that the answer depends on, or a digest of it.
        now_ns
            Monotonic time.
        """
        found = self._kept.get(key)
        if found is None or now_ns - found[0] > self._age_ns:
            self._kept.pop(key, None)
            self.misses += 1
            return None
        self._kept.move_to_end(key)
        self.hits += 1
        return found[1]

    def put(self, key: bytes, answer: V, now_ns: int) -> None:
        """Keep an answer, as one that was made now."""
        self._kept[key] = now_ns, answer
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
