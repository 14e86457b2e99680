"""JSON documents that notice when a byte of them has changed: the last key is a digest of all before it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msray.errors import FeedError


class ModelRefusedError(FeedError):
    """A file of the model registry that is not what it must be; whoever serves keeps what it has."""

    code = "model_refused"


def seal(tree: Mapping[str, Any]) -> bytes:
    """A document as it is written, with its digest.

    Examples
    --------
    >>> print(seal({"schema": "example/1"}).decode())
    {
     "schema": "example/1",
     "digest": "55bd3f4499719d4ee53789d3b955afdb5cee2e87ac5cbf1105433365eafb6c01"
    }
    <BLANKLINE>
    """
    return _text({**tree, "digest": hashlib.sha256(_text(tree)).hexdigest()})


def unseal(data: bytes, file: Path, schema: str) -> dict[str, Any]:
    """What a document says, its digest included.

    Parameters
    ----------
    data
        The bytes of the file.
    file
        Named where something is wrong.
    schema
        What its key ``schema`` must say.

    Raises
    ------
    ModelRefusedError
        If it is no document of that schema, or any byte is not as it was written.
    """
    try:
        tree: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelRefusedError(f"{file} is no JSON: {error}") from error
    found = tree.get("schema") if isinstance(tree, dict) else None
    if found != schema:
        raise ModelRefusedError(f"{file} must be a document of schema {schema}, got {found!r:.80}")
    expected = seal({key: value for key, value in tree.items() if key != "digest"})
    if expected != data:
        digest = json.loads(expected)["digest"]
        raise ModelRefusedError(f"{file} was changed: its digest must be {digest}, got {tree.get('digest')!r:.80}")
    said: dict[str, Any] = tree
    return said


def _text(tree: Mapping[str, Any]) -> bytes:
    return (json.dumps(tree, indent=1) + "\n").encode()
