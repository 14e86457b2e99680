"""From a file and the environment to ``Settings``; what is wrong is said with file, line and key."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from msray.cli.settings import HIDDEN, Settings, without_password
from msray.cli.yaml_text import Key, YamlText, read_yaml
from msray.errors import ConfigError

DEFAULT_FILE = Path("msray.yaml")
"""Read where no other file is named and it is there."""
PREFIX = "MSRAY_"
SHORT_NAMES: Mapping[str, tuple[str, ...]] = {"MSRAY_RAW_LOG": ("raw_log", "folder"), "MSRAY_API_KEY": ("api", "key")}
"""Variables that say something inside a section without naming it in full."""

_PLAIN_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    "finite_number": "must be a finite number",
    "string_type": "must be one word or text",
    "path_type": "must be a path",
    "model_type": "must be a mapping of keys",
    "tuple_type": "must be a list",
    "missing": "is missing",
}


def load_settings(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Environment over file over defaults.

    Parameters
    ----------
    path
        The file; by default ``msray.yaml`` in the working directory, if there is one.
    environment
        ``MSRAY_LEDGER_URL``, ``MSRAY_RAW_LOG``, ``MSRAY_API_KEY``, and for every other key ``MSRAY_SECTION__KEY``.
        Other variables are left alone.

    Returns
    -------
    Settings
        Relative paths of the file are taken from its folder, those of the environment from the working directory.

    Raises
    ------
    ConfigError
        Naming file, line and key of all that is wrong, and the nearest key that exists.
    """
    if path is None and DEFAULT_FILE.exists():
        path = DEFAULT_FILE
    document = YamlText("defaults") if path is None else read_yaml(path)
    tree = {} if path is None else _from_folder(document, path.parent)
    variables = _overlay(tree, environment)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise _explain(error, document, variables) from None


def shown(settings: Settings) -> dict[str, Any]:
    """Everything as it will be used, ready for JSON or YAML, no secret in it."""
    tree = settings.model_dump(mode="json")
    tree["raw_log"]["folder"] = str(settings.raw_log_folder)
    tree["ledger_url"] = without_password(settings.ledger.get_secret_value())
    tree["api"]["key"] = None if settings.api.key is None else HIDDEN
    return tree


def kept_settings(settings: Settings, runs_dir: Path) -> dict[str, Any]:
    """What a configuration says beside its defaults, no secret in it; its folders can be found from anywhere."""
    tree = settings.model_dump(mode="json", exclude_defaults=True, exclude={"ledger_url": True, "api": {"key"}})
    folders = {
        "state_dir": str(settings.state_dir.resolve()),
        "runs_dir": str(runs_dir.resolve()),
        "models_dir": str(settings.models_dir.resolve()),
    }
    for section, name in (("raw_log", "folder"), ("api", "keys_file")):
        if tree.get(section, {}).get(name):
            tree[section][name] = str(Path(tree[section][name]).resolve())
    return {name: value for name, value in {**tree, **folders}.items() if value != {}}


def _from_folder(document: YamlText, folder: Path) -> dict[str, Any]:
    """What a file says, with its relative paths taken from its own folder; a key with nothing after it says nothing."""

    def said(tree: Any, at: Key) -> Any:
        if isinstance(tree, dict):
            return {key: said(value, (*at, key)) for key, value in tree.items() if value is not None}
        return str(folder / Path(tree).expanduser()) if isinstance(tree, str) and _is_a(at, Path) else tree

    folders = ("state_dir", "runs_dir", "models_dir")
    tree: dict[str, Any] = {name: str(folder / Settings.model_fields[name].default) for name in folders}
    tree.update(said(document.tree, ()))
    return tree


def _overlay(tree: dict[str, Any], environment: Mapping[str, str]) -> dict[Key, str]:
    """Put the environment's words into the tree; which variable said which key."""
    variables: dict[Key, str] = {}
    for name in sorted(environment):
        key = SHORT_NAMES.get(name) or _key_of(name)
        if key is None:
            continue
        section = tree
        for part in key[:-1]:
            inner = section.get(part)
            section[part] = section = inner if isinstance(inner, dict) else {}
        text = environment[name]
        section[key[-1]] = text.replace(",", " ").split() if _is_a(key, tuple) else text or None
        variables[key] = name
    return variables


def _key_of(name: str) -> tuple[str, ...] | None:
    """Key that a variable speaks of, None if it is not ours."""
    if not name.startswith(PREFIX):
        return None
    key = tuple(name.removeprefix(PREFIX).lower().split("__"))
    is_ours = key[0] in Settings.model_fields and all(key) and (len(key) > 1 or _model_at(key) is None)
    return key if is_ours else None


def _explain(error: ValidationError, document: YamlText, variables: Mapping[Key, str]) -> ConfigError:
    """One line for each mistake: where, which key, what is wrong, what was meant."""
    mistakes = []
    for problem in error.errors(include_url=False):
        key: Key = problem["loc"]
        context = problem.get("ctx", {})
        at = (*key, *context.get("at", ()), *context.get("key", "").split("."))
        said_by = (variables[at[:length]] for length in range(len(at), 0, -1) if at[:length] in variables)
        line = document.line(at)
        place = next(said_by, f"{document.source}:{line}")
        what, hint = _what(key, problem)
        mistakes.append((line, ": ".join(filter(None, (place, ".".join(map(str, key)), what))), hint))
    (_, first, hint), *others = sorted(mistakes)
    more = [f"{text} ({hint})" if hint else text for _, text, hint in others]
    return ConfigError("\n".join([first, *more]), hint=hint)


def _what(key: Key, problem: Any) -> tuple[str, str]:
    """What is wrong with a key, and the hint."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        model = _model_at(key[:-1])
        known = list(model.model_fields) if model else []
        near = difflib.get_close_matches(str(key[-1]), known, n=1, cutoff=0.5)
        return "unknown key", f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    text = _PLAIN_WORDS.get(kind) or re.sub(r"^\w+ should", "must", problem["msg"])
    text = text.replace("items after validation", "characters" if _is_a(key, SecretStr) else "items")
    value = problem["input"]
    if isinstance(value, str) and value not in text and not _is_a(key, SecretStr):
        text += f", got {value[:80]!r}"
    return text, context.get("hint", "")


def _model_at(key: Key) -> type[BaseModel] | None:
    """The section that a key names, None where it names a value."""
    model: type[BaseModel] | None = Settings
    for part in key:
        if model is None or isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        model = None if field is None else _class_in(field.annotation, BaseModel)
    return model


def _is_a(key: Key, kind: type) -> bool:
    """Whether a key's value is of a kind, or may be."""
    model = _model_at(key[:-1]) if key else None
    field = model.model_fields.get(str(key[-1])) if model else None
    return field is not None and _class_in(field.annotation, kind) is not None


def _class_in(annotation: Any, wanted: type) -> Any:
    """The first class of a kind inside an annotation: in ``Annotated``, in a union, in a tuple."""
    for candidate in (annotation, getattr(annotation, "__origin__", None)):
        if isinstance(candidate, type) and issubclass(candidate, wanted):
            return candidate
    for inner in get_args(annotation):
        if found := _class_in(inner, wanted):
            return found
    return None
