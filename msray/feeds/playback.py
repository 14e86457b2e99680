"""How far a replay is, and whether it goes on: what a person who watches one can do to it."""

PAUSE_S = 0.05
"""How soon a replay that stands still notices that it may go on."""


class Playback:
    """Pause, go on, and jump ahead; safe to use from another thread than the replay's.

    Parameters
    ----------
    from_ns
        Local time of the recording up to which everything is folded at once and no signal is told: books and detectors
        are then as they were.

    Attributes
    ----------
    at_ns
        How far the replay has come.
    is_paused
        Whether it stands still.

    Notes
    -----
    A replay does not go back: what it has folded it cannot forget. To jump back, replay anew ``from_ns``.
    """

    def __init__(self, from_ns: int = 0) -> None:
        self.from_ns = from_ns
        self.at_ns = 0
        self.is_paused = False

    def pause(self) -> None:
        """Stand still before the next event."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on."""
        self.is_paused = False

    def seek(self, at_ns: int) -> None:
        """Jump ahead to a time of the recording; one that has passed changes nothing."""
        self.from_ns = max(self.from_ns, at_ns)

    def skips(self, at_ns: int) -> bool:
        """Whether an event of this time is only folded; also notes how far the replay is."""
        self.at_ns = at_ns
        return at_ns < self.from_ns
