"""``msray demo`` finds what was planted, keeps true books, and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.end_to_end.running import msray, processes_in

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]


def test_demo_finds_what_was_planted_and_leaves_nothing(tmp_path: Path) -> None:
    result = msray(tmp_path, "demo", timeout_s=250)["data"]

    assert result["planted"] >= 12
    assert result["found_share"] >= 0.8
    assert result["found_share"] > 2 * result["found_by_chance"]
    assert result["books_checked"] > 100
    assert result["books_wrong"] == 0
    assert result["gaps"] >= 3
    assert result["gaps_healed"] == result["gaps"]
    assert not processes_in(tmp_path)
    assert not list(tmp_path.iterdir())
