"""A simulator as a child: where it listens, when it ends, what it says where it cannot start."""

from pathlib import Path

import pytest

from msray.cli.http import get_json
from msray.errors import FeedError, MsrayError, UnavailableError, UsageError
from msray.simulator.process import simulating


def test_it_listens_until_the_context_ends() -> None:
    with simulating("--synthetic", "--seed", "3") as listening:
        url = listening()
        assert get_json(f"{url}/oracle/status")["state"] == "waiting"

    with pytest.raises(UnavailableError):
        get_json(f"{url}/oracle/status")


@pytest.mark.parametrize(
    ("words", "kind", "says", "hints"),
    [
        (("--synthetic", "--faults", "gapp=1"), UsageError, "unknown fault 'gapp'", "did you mean 'gap'?"),
        (("--recording", __file__), FeedError, f"{Path(__file__)} is not a recording", ""),
        (("--synthetic", "--host", "192.0.2.1"), UnavailableError, "cannot listen on 192.0.2.1", ""),
    ],
)
def test_what_keeps_it_from_starting_is_said_as_it_says_it(
    words: tuple[str, ...], kind: type[MsrayError], says: str, hints: str
) -> None:
    with simulating(*words) as listening, pytest.raises(kind) as refused:
        listening()

    assert type(refused.value) is kind
    assert str(refused.value).startswith(says)
    assert refused.value.hint == hints
