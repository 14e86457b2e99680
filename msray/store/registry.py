"""``Registry``: models on disk, in versions that never change, and aliases that say which of them serves.

::

    models/spread-gru/
        3/
            model.json             what it is and was worth: schema msray.model/2
            gru.onnx               what is served of its member gru; one of each member
            gru.safetensors        what training goes on from
        aliases.json               what production was, version after version: schema msray.aliases/1

A version appears whole or not at all. A file that is not as it was written is refused by name, and whoever serves keeps
the model it has: :meth:`Registry.current` is cheap enough to be asked every second, :meth:`Registry.load` checks all.
"""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from msray.arguments import checked_count
from msray.errors import UnavailableError, UnknownNameError, UsageError
from msray.store.durable import alone_in, partial_of, sync_folder, write_new, write_over
from msray.store.model_aliases import ALIAS, PRODUCTION, Step, read_steps, sealed_steps, stack_of
from msray.store.model_files import RECORD, Model, Package, checked_model, read_model, read_record
from msray.store.model_record import NAME, SCHEMA, ModelRecord
from msray.store.sealed import ModelRefusedError, seal

ALIASES = "aliases.json"
_NUMBER = re.compile(r"[1-9]\d{0,8}")


class Registry:
    """The models in a folder.

    Parameters
    ----------
    folder
        Where they are; made with the first model.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, name: str, package: Package, *, now_ns: int) -> ModelRecord:
        """Add a model as the next version of its name.

        Parameters
        ----------
        name
            Small letters, digits, and ``_ . -`` behind the first: ``spread-gru``.
        package
            What it is.
        now_ns
            Time, for its record.

        Raises
        ------
        UsageError
            If the name is none, or the folder cannot be made.
        ModelRefusedError
            If it would be refused when loaded.
        UnavailableError
            If it cannot be written, as on a full disk; then nothing of it is left.
        """
        folder = self._folder(name)
        partial = partial_of(folder / "model")
        try:
            partial.mkdir(parents=True)
        except OSError as error:
            raise UsageError(f"cannot write {folder}: {error.strerror or error}") from error
        with _written(folder, partial):
            for file, data in package.files.items():
                write_new(partial / file, data)
            with alone_in(folder):
                version = max(self.versions(name), default=0) + 1
                document, record = self._recorded(name, version, package, now_ns)
                write_new(partial / RECORD, document)
                sync_folder(partial)
                partial.rename(folder / str(version))
                sync_folder(folder)
            sync_folder(self.folder)
        return record

    def check(self, name: str, package: Package) -> None:
        """Refuse what :meth:`publish` would; where several are to be added, before the first is.

        Raises
        ------
        UsageError, ModelRefusedError
            As there.
        """
        self._recorded(name, 1, package, 0)

    def names(self) -> list[str]:
        """Names of all models.

        Raises
        ------
        UnavailableError
            If the folder cannot be read.
        """
        return sorted(one for one in _inside(self.folder) if NAME.fullmatch(one) and self.versions(one))

    def versions(self, name: str) -> list[int]:
        """Versions of a model, rising; empty where there is none of that name. Raises what :meth:`names` does."""
        return sorted(int(one) for one in _inside(self._folder(name)) if _NUMBER.fullmatch(one))

    def resolve(self, words: str) -> tuple[str, int]:
        """Name and version of ``NAME``, the newest version then, ``NAME:VERSION`` or ``NAME@ALIAS``.

        Raises
        ------
        UnknownNameError
            If there is no such model, version or alias; offers the nearest.
        """
        name, sign, which = words.partition("@" if "@" in words else ":")
        self._known(name)
        if sign == ":" and not _NUMBER.fullmatch(which):
            raise UsageError(f"version must be a whole number, got {which[:40]!r}", hint=f"{name}@ALIAS names an alias")
        if sign == "@":
            return name, self._in_force(name, which).version
        return name, self._version(name, int(which)) if sign else self.versions(name)[-1]

    def record(self, name: str, version: int) -> ModelRecord:
        """What is known of a model; its other files are not looked at.

        Raises
        ------
        UnknownNameError
            If there is no such model or version.
        ModelRefusedError
            If its record is not as it was written.
        """
        return read_record(self._place(name, version))

    def load(self, name: str, which: int | str = PRODUCTION) -> Model:
        """A model, ready to be served.

        Parameters
        ----------
        name
            Of the model.
        which
            Its version, or an alias.

        Raises
        ------
        UnknownNameError
            If there is no such model, version or alias.
        ModelRefusedError
            If a file is missing, changed, of another schema, or does not fit the features or its own record.
        """
        if isinstance(which, str):
            return self._load_step(name, self._in_force(name, which))
        return read_model(self._place(name, which))

    def current(self, name: str, alias: str = PRODUCTION) -> Step | None:
        """What an alias stands for: one small file is read. None where nothing was promoted.

        Its ``digest`` says whether it is another model than the one that is served.
        """
        stack = stack_of(self.history(name), alias)
        return stack[-1] if stack else None

    def aliases(self, name: str) -> dict[str, int]:
        """Every alias of a model, and the version it stands for."""
        return {step.alias: step.version for step in self.history(name)}

    def history(self, name: str) -> tuple[Step, ...]:
        """All that aliases of a model stood for, the oldest first."""
        return read_steps(self._folder(name) / ALIASES)

    def promote(self, name: str, version: int, *, alias: str = PRODUCTION, now_ns: int) -> Step:
        """Let an alias stand for a version, which is loaded first: what is damaged is not promoted.

        Nothing changes where it already does. Raises what :meth:`load` does.
        """
        if not ALIAS.fullmatch(alias):
            raise UsageError(f"alias must be small letters, digits, _ and -, a letter first, got {alias[:40]!r}")
        digest = self.load(name, version).record.digest
        with self._changing(name) as steps:
            stack = stack_of(steps, alias)
            if not stack or (stack[-1].version, stack[-1].digest) != (version, digest):
                steps.append(Step(at_ns=now_ns, did="promote", alias=alias, version=version, digest=digest))
            return stack_of(steps, alias)[-1]

    def rollback(self, name: str, *, alias: str = PRODUCTION, now_ns: int) -> Step:
        """Let an alias stand for what it stood for before, which is loaded first.

        Raises
        ------
        UsageError
            If it stood for nothing before.
        UnknownNameError, ModelRefusedError
            As :meth:`load`.
        """
        self._in_force(name, alias)
        with self._changing(name) as steps:
            stack = stack_of(steps, alias)
            if len(stack) < 2:
                raise UsageError(f"{name}@{alias} must have stood for a version before {stack[-1].version}, got none")
            before = stack[-2]
            self._load_step(name, before)
            steps.append(before.model_copy(update={"at_ns": now_ns, "did": "rollback"}))
            return steps[-1]

    @contextlib.contextmanager
    def _changing(self, name: str) -> Iterator[list[Step]]:
        """The changes of aliases, alone; what is added to them is written."""
        folder = self._folder(name)
        with _unavailable(folder), alone_in(folder):
            steps = list(read_steps(folder / ALIASES))
            before = len(steps)
            yield steps
            if len(steps) > before:
                write_over(folder / ALIASES, sealed_steps(steps))

    def _load_step(self, name: str, step: Step) -> Model:
        model = self.load(name, step.version)
        if model.record.digest != step.digest:
            file = self._place(name, step.version) / RECORD
            raise ModelRefusedError(
                f"{file} must have digest {step.digest}, as it was promoted, got {model.record.digest}"
            )
        return model

    def _in_force(self, name: str, alias: str) -> Step:
        self._known(name)
        found = self.current(name, alias)
        if found is None:
            raise UnknownNameError(f"alias of {name}", alias, self.aliases(name))
        return found

    def _known(self, name: str) -> None:
        if not NAME.fullmatch(name) or not self.versions(name):
            raise UnknownNameError("model", name, self.names())

    def _version(self, name: str, version: int) -> int:
        self._known(name)
        known = self.versions(name)
        if checked_count("version", version, 1, 10**9) not in known:
            raise UnknownNameError(f"version of {name}", str(version), map(str, known))
        return version

    def _place(self, name: str, version: int) -> Path:
        return self._folder(name) / str(self._version(name, version))

    def _recorded(self, name: str, version: int, package: Package, now_ns: int) -> tuple[bytes, ModelRecord]:
        head = {"schema": SCHEMA, "name": name, "version": version, "made_ns": now_ns}
        document = seal({**head, **package.words})
        return document, checked_model(self._folder(name) / str(version), document, package.files).record

    def _folder(self, name: str) -> Path:
        """Of a name that cannot lead out of the registry."""
        if not NAME.fullmatch(name):
            raise UsageError(f"name must be small letters, digits, and _ . - behind the first, got {name[:80]!r}")
        return self.folder / name


def _inside(folder: Path) -> list[str]:
    """Names of what is in a folder; of nothing, where it is none."""
    try:
        return [one.name for one in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UnavailableError(f"cannot read {folder}: {error.strerror or error}") from error


@contextlib.contextmanager
def _unavailable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "free space on its disk, or let it be written"
        raise UnavailableError(f"cannot write {folder}: {error.strerror or error}", hint=hint) from error


@contextlib.contextmanager
def _written(folder: Path, partial: Path) -> Iterator[None]:
    """Nothing is left of the partial folder, whatever happens."""
    try:
        with _unavailable(folder):
            yield
    finally:
        shutil.rmtree(partial, ignore_errors=True)
