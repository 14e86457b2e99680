"""The agenda gives what is written down in the order of time, kind, instrument and writing, and knows what it holds."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from msray.backtest.agenda import NEVER, NEVER_NS, Agenda, Kind

THINGS = st.tuples(st.integers(0, 5), st.sampled_from(Kind), st.sampled_from("ab"))


def is_as(agenda: Agenda, held: list[tuple]) -> bool:
    """Whether an agenda says of itself what a list says; (time, kind, instrument, number) each."""
    others = [one[0] for one in held if one[1] is not Kind.TIME]
    return (
        agenda.next == (min(held)[:2] if held else NEVER)
        and agenda.next_ns == agenda.next[0]
        and agenda.next_beside_times == min(others, default=NEVER_NS)
        and [agenda.count(kind) for kind in Kind] == [sum(one[1] is kind for one in held) for kind in Kind]
        and agenda.expects_nothing == all(one[1] is Kind.FUNDING for one in held)
    )


@given(st.lists(st.one_of(THINGS, st.sampled_from(["pop", "take"])), max_size=40))
def test_an_agenda_is_a_sorted_list(steps):
    agenda, held, number = Agenda(), [], 0
    for step in steps:
        if step == "pop" and held:
            assert agenda.pop()[:4] == min(held)
            held.remove(min(held))
        elif step == "take":
            times = sorted(one for one in held if one[1] is Kind.TIME)
            assert [entry[:4] for entry in agenda.take_times()] == times
            held = [one for one in held if one[1] is not Kind.TIME]
        elif step != "pop":
            at_ns, kind, instrument = step
            number += 1
            agenda.write(at_ns, kind, SimpleNamespace(instrument=instrument))
            held.append((at_ns, kind, instrument, number))
        assert is_as(agenda, held)
