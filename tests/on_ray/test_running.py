"""When books are waited for, and when no longer."""

from types import SimpleNamespace

import pytest

from msray.errors import UnavailableError
from msray.on_ray import running

WAITING = SimpleNamespace(instrument="a:B", state="waiting")


def shown(monkeypatch: pytest.MonkeyPatch, *shards: str) -> SimpleNamespace:
    """One book that is not synced, as these shards of two have told."""
    view = SimpleNamespace(instruments=[WAITING], shards=[SimpleNamespace(shard=name, problems=()) for name in shards])
    monkeypatch.setattr(running, "look", lambda: view)
    monkeypatch.setattr(running, "supervised", lambda: {name: {"problem": ""} for name in ("shard-0", "shard-1")})
    return view


def test_books_that_were_played_through_before_anybody_looked_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = shown(monkeypatch, "shard-0", "shard-1")

    assert running.wait_until_synced(is_over=lambda: True) is view
    with pytest.raises(UnavailableError, match="books must be synced within 0 s, waiting for a:B"):
        running.wait_until_synced(0.0)


def test_a_shard_that_has_told_nothing_is_waited_for_even_if_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    shown(monkeypatch, "shard-0")

    with pytest.raises(UnavailableError, match="waiting for a:B"):
        running.wait_until_synced(0.0, is_over=lambda: True)
