"""The README's table "Where is ...?" is true: every name can be imported from msray, and none is missing."""

import importlib
import re
from pathlib import Path

import msray

README = Path(__file__).parents[1] / "README.md"


def table() -> dict[str, str]:
    """Name -> the file that the README says it is in."""
    section = README.read_text(encoding="utf-8").partition("## Where is ...?")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| `(msray/[\w/]+\.py)` \|", section, flags=re.MULTILINE)
    return {name: place for names, place in rows for name in re.findall(r"`(\w+)`", names)}


def test_every_name_is_in_the_table_and_no_other() -> None:
    assert table().keys() == msray._WHERE.keys()


def test_every_name_is_defined_where_the_table_says() -> None:
    for name, place in table().items():
        thing = getattr(importlib.import_module("msray"), name)

        assert thing.__module__.replace(".", "/") + ".py" == place, name
        assert thing.__name__ == name
        assert name in dir(msray)
