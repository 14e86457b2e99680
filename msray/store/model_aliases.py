"""Which version of a model an alias stands for, and which ones it stood for before."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from msray.store.model_record import Nanoseconds, Sha256, Version, first_mistake
from msray.store.sealed import ModelRefusedError, seal, unseal

SCHEMA = "msray.aliases/1"
PRODUCTION = "production"
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,31}")
Alias = Annotated[str, Field(pattern=f"^{ALIAS.pattern}$")]


class Step(BaseModel):
    """One change of what an alias stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    at_ns: Nanoseconds
    """When."""
    did: Literal["promote", "rollback"]
    """Whether it went on to a version or back to the one before."""
    alias: Alias
    """Whose."""
    version: Version
    """What it stands for from then on."""
    digest: Sha256
    """Of that model's record: it cannot be another one of the same number."""


_STEPS = TypeAdapter(tuple[Step, ...])


def read_steps(file: Path) -> tuple[Step, ...]:
    """All changes, the oldest first; empty where there is no file.

    Raises
    ------
    ModelRefusedError
        If the file is not as it was written.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ModelRefusedError(f"{file}: {error.strerror or error}") from error
    try:
        return _STEPS.validate_python(unseal(data, file, SCHEMA).get("steps"))
    except ValidationError as error:
        raise ModelRefusedError(f"{file}: {first_mistake(error)}") from error


def sealed_steps(steps: Sequence[Step]) -> bytes:
    """Changes as the file that :func:`read_steps` reads."""
    return seal({"schema": SCHEMA, "steps": [step.model_dump() for step in steps]})


def stack_of(steps: Sequence[Step], alias: str) -> list[Step]:
    """What an alias stands for, last, and what a rollback would lead to before it."""
    stack: list[Step] = []
    for step in steps:
        if step.alias != alias:
            continue
        if step.did == "rollback":
            del stack[-2:]
        stack.append(step)
    return stack
