"""Matching of alarms and events as its definition says, and as the best that any matching can do."""


def leads(onsets: list[int], alarms: list[int], horizon: int, minimum_lead: int) -> list[int]:
    """Event by event the earliest free alarm of its window; the lead, -1 where there is none."""
    free, out = sorted(alarms), []
    for onset in sorted(onsets):
        window = [at for at in free if onset - horizon <= at <= onset - minimum_lead]
        if window:
            free.remove(window[0])
        out.append(onset - window[0] if window else -1)
    return out


def most_found(onsets: list[int], alarms: list[int], horizon: int, minimum_lead: int) -> int:
    """Size of a largest matching, by augmenting paths (Kuhn)."""
    owner: dict[int, int] = {}

    def place(event: int, tried: set[int]) -> bool:
        for alarm, at in enumerate(alarms):
            if minimum_lead <= onsets[event] - at <= horizon and alarm not in tried:
                tried.add(alarm)
                if alarm not in owner or place(owner[alarm], tried):
                    owner[alarm] = event
                    return True
        return False

    return sum(place(event, set()) for event in range(len(onsets)))
