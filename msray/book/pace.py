"""When to ask for a snapshot: pure timing, apart from what a snapshot is for."""

from dataclasses import dataclass

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLimits:
    """Bounds and paces of a :class:`~msray.book.sync.BookSync`.

    Attributes
    ----------
    buffer_messages, buffer_bytes
        Most that is kept while a snapshot is missing; beyond it the buffer starts over.
    audit_messages
        Most that is kept while an audit waits for its snapshot; beyond it the audit is given up.
    first_event_wait_ns
        Silence after which a snapshot is asked for although no depth message came (a halted or quiet symbol).
    answer_wait_ns
        A request without an answer for so long counts as failed.
    retry_first_ns, retry_last_ns
        Pause after a failed or stale snapshot: the first, doubled each time up to the last.
    audit_every_ns
        Pace of audits while synced; 0 switches them off.
    renew_every_ns
        Pace of those that are wished for sooner.
    """

    buffer_messages: int = 50_000
    buffer_bytes: int = 64 << 20
    audit_messages: int = 5_000
    first_event_wait_ns: int = 5 * SECOND
    answer_wait_ns: int = 15 * SECOND
    retry_first_ns: int = SECOND // 2
    retry_last_ns: int = 30 * SECOND
    audit_every_ns: int = 300 * SECOND
    renew_every_ns: int = 60 * SECOND


class SnapshotPace:
    """Says when a snapshot is due: after a need, after a pause, as an audit.

    Parameters
    ----------
    limits
        Paces; all times are local nanoseconds.
    """

    def __init__(self, limits: SyncLimits) -> None:
        self._limits = limits
        self._started_ns: int | None = None
        self._asked_ns: int | None = None
        self._retry_ns = 0
        self._retries = 0
        self._audit_ns = 0
        self._last_ns = 0

    def start(self, now_ns: int) -> None:
        """The stream (re)starts: first events may take a while."""
        self._started_ns = now_ns
        self._asked_ns = None

    def synced(self, now_ns: int) -> None:
        """A snapshot served; pauses are short again, the next one is an audit."""
        self._retries = 0
        self._last_ns = now_ns
        self._audit_ns = now_ns + self._limits.audit_every_ns

    def wish(self) -> None:
        """An audit is wanted soon: the next one need not wait for its time."""
        self._audit_ns = min(self._audit_ns, self._last_ns + self._limits.renew_every_ns)

    def asked(self, now_ns: int) -> None:
        """A request is on its way."""
        self._asked_ns = self._last_ns = now_ns
        self._audit_ns = now_ns + self._limits.audit_every_ns

    def answered(self) -> None:
        """The request on its way came back."""
        self._asked_ns = None

    def wait(self, now_ns: int) -> None:
        """A request failed or its answer was too old: pause, twice as long each time."""
        limits = self._limits
        pause = min(limits.retry_first_ns << min(self._retries, 20), limits.retry_last_ns)
        self._retries += 1
        self._retry_ns = now_ns + pause

    def is_overdue(self, now_ns: int) -> bool:
        """Whether the request on its way has gone unanswered for too long."""
        return self._asked_ns is not None and now_ns - self._asked_ns >= self._limits.answer_wait_ns

    def is_due(self, now_ns: int, *, is_synced: bool, is_needed: bool) -> bool:
        """Whether to ask now."""
        if self._started_ns is None:
            self._started_ns = now_ns
        if self._asked_ns is not None or now_ns < self._retry_ns:
            return False
        if is_synced:
            return self._limits.audit_every_ns > 0 and now_ns >= self._audit_ns
        return is_needed or now_ns - self._started_ns >= self._limits.first_event_wait_ns
