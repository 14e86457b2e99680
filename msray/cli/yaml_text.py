"""YAML as plain text with places: every scalar stays the text that was written, every key and item knows its line.

What a text means is decided by the field it is for, so that ``no`` can be a symbol, ``010`` is ten, and the environment
and a file are read alike.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from msray.errors import ConfigError

MAX_BYTES = 1 << 20
MAX_DEPTH = 32

Key = tuple[str | int, ...]
"""A place in the document: ``("api", "port")``, ``("instruments", 2)``."""
Tree = dict[str, Any] | list[Any] | str | None

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class YamlText:
    """A document that was read.

    Attributes
    ----------
    source
        Its file, as it was named.
    tree
        Mappings, lists, texts and None (``null``, ``~`` or nothing at all).
    lines
        Line of each key and item, from 1.
    """

    source: str
    tree: dict[str, Any] = field(default_factory=dict)
    lines: dict[Key, int] = field(default_factory=dict)

    def line(self, key: Key) -> int:
        """Line of a key, or of the nearest one around it that is written out; 1 if none is."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def read_yaml(path: Path) -> YamlText:
    """Read one mapping.

    Raises
    ------
    ConfigError
        If the file is missing, larger than 1 MiB, not UTF-8 or not YAML; if it has several documents, a key twice, a
        tag, an alias, or more than 32 levels. Says where.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}", hint="msray init . writes one to start from") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: must be at most {MAX_BYTES} bytes, got more")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: must be UTF-8, got byte 0x{data[error.start]:02x}") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> YamlText:
    """Read one mapping from a text; as :func:`read_yaml`, ``source`` being what messages call it."""
    document = YamlText(source)
    try:
        _refuse(text, source)
        root = yaml.compose(text, _LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{source}:{mark.line + 1 if mark else 1}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: {error}".splitlines()[0]) from error
    tree = None if root is None else _plain(root, (), document)
    if tree is not None and not isinstance(tree, dict):
        raise ConfigError(f"{source}:1: must be a mapping of keys, got a {type(tree).__name__}")
    document.tree = tree or {}
    return document


def _refuse(text: str, source: str) -> None:
    """Refuse what a configuration needs not and a bomb is made of; on events, before anything is built."""
    depth = documents = 0
    for event in yaml.parse(text, _LOADER):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError(f"{source}:{line}: must not use aliases, got *{event.anchor}", hint="write it out")
        if getattr(event, "tag", None) is not None:
            raise ConfigError(f"{source}:{line}: must not use tags, got {event.tag}")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise ConfigError(f"{source}:{line}: must be one document, got another")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ConfigError(f"{source}:{line}: must have at most {MAX_DEPTH} levels, got more")


def _plain(node: yaml.Node, at: Key, document: YamlText) -> Tree:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, document)
    if isinstance(node, yaml.SequenceNode):
        items: list[Any] = []
        for number, item in enumerate(node.value):
            document.lines[(*at, number)] = item.start_mark.line + 1
            items.append(_plain(item, (*at, number), document))
        return items
    is_null = not node.style and node.value in ("", "~", "null", "Null", "NULL")
    return None if is_null else str(node.value)


def _mapping(node: yaml.MappingNode, at: Key, document: YamlText) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{document.source}:{line}: a key must be a word, got a {key_node.id}")
        key = key_node.value
        if key in mapping:
            first = document.lines[(*at, key)]
            raise ConfigError(
                f"{document.source}:{line}: {'.'.join(map(str, (*at, key)))}: is here twice, first in line {first}"
            )
        document.lines[(*at, key)] = line
        mapping[key] = _plain(value, (*at, key), document)
    return mapping
