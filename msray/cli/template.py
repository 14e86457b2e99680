"""A configuration file to start from, written out of ``Settings`` itself, so that it cannot go stale."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from msray.cli.settings import Settings

_WIDTH = 100
HEADING = """\
# What msray does, all with its defaults: change what you need, delete the rest.
# `msray config check` finds mistakes, `msray config show` prints what is in force.
# For an editor that completes keys: `msray config schema > msray.schema.json` beside this file.
# yaml-language-server: $schema=msray.schema.json
"""

ENVIRONMENT = """\
# What does not belong into a file that is shared. msray reads the environment, not this file:
#   cp .env.example .env, fill it in, then  set -a; . ./.env; set +a
# Every key of msray.yaml has a variable, MSRAY_SECTION__KEY: MSRAY_API__PORT=8080, MSRAY_PROFILE=production.

# Database of signals; an SQLite file in the state folder if left out.
# MSRAY_LEDGER_URL=postgresql+psycopg://USER:PASSWORD@HOST:5432/msray

# A key that may do everything, at least 16 characters: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'
# MSRAY_API_KEY=

# Folder of the raw log.
# MSRAY_RAW_LOG=
"""


def template() -> str:
    """The text of ``msray.yaml``: every key with its default and what it means."""
    return "\n".join((HEADING.rstrip(), *_section(Settings(), ""))) + "\n"


def _section(model: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        yield from _comment(field, indent)
        value = getattr(model, name)
        if value is None:
            yield f"{indent}# {name}:"
        elif isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _section(value, indent + "  ")
        elif isinstance(value, tuple) and value:
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {_flow(item)}" for item in value)
        else:
            yield f"{indent}{name}: {_scalar(value)}"


def _comment(field: FieldInfo, indent: str) -> Iterator[str]:
    if not indent:
        yield ""
    text = (field.description or "").replace("``", "`")
    yield from textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _flow(item: Any) -> str:
    """One item of a list in one line: a mapping without the keys that are as by default."""
    if not isinstance(item, BaseModel):
        return _scalar(item)
    return (
        "{"
        + ", ".join(f"{key}: {_scalar(value)}" for key, value in item.model_dump(exclude_defaults=True).items())
        + "}"
    )


def _scalar(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | int | float | tuple) else str(value)
