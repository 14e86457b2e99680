"""Alarms matched to the events they warn of."""

from typing import Any

from numpy.typing import NDArray

from msray.compiled import kernel


@kernel
def match_alarms(
    onset_ns: NDArray[Any], alarm_ns: NDArray[Any], horizon_ns: int, minimum_lead_ns: int, out: NDArray[Any]
) -> int:
    """Match one to one, each event in turn with the earliest alarm that is still free; how many events got one.

    ``onset_ns`` and ``alarm_ns`` ascend. ``out`` takes each event's lead, -1 where it got none.

    No matching finds more events. Windows of one length open and close in the order of their events, so an alarm before
    the window of the first event serves none. Take any matching and give the first event the earliest alarm of its
    window. Where another event had that alarm, it takes what the first one had, which lies between that alarm and the
    close of the first window, hence in its own window; where the first one had nothing, it is found in the other's
    stead. None is lost, and the same holds of the events and alarms that are left.
    """
    free, found = 0, 0
    for i in range(len(onset_ns)):
        while free < len(alarm_ns) and alarm_ns[free] < onset_ns[i] - horizon_ns:
            free += 1
        if free < len(alarm_ns) and alarm_ns[free] <= onset_ns[i] - minimum_lead_ns:
            out[i] = onset_ns[i] - alarm_ns[free]
            free += 1
            found += 1
        else:
            out[i] = -1
    return found
