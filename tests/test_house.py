"""What the house promises about its own files, beside the floors that import-linter holds."""

import ast
import functools
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "msray"
PATHS = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 400


@functools.cache
def sources() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in PATHS}


def ids(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every import, as module and name (which is empty for ``import module``)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def is_module(package: str, name: str) -> bool:
    folder = REPOSITORY.joinpath(*package.split("."))
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_no_file_is_over_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(sources()[path]) or not sources()[path].body


def test_no_file_imports_the_face_of_its_own_package() -> None:
    """Inside a package the file that defines a name is imported, so that there are no circles."""
    wrong = []
    for path, tree in sources().items():
        package = ".".join(path.parent.relative_to(REPOSITORY).parts)
        if package == "msray" or path.name == "__init__.py":
            continue
        wrong += [
            f"{ids(path)}: {module} {name}"
            for module, name in imports(tree)
            if module == package and not is_module(package, name)
        ]

    assert wrong == []


def test_imports_are_absolute() -> None:
    wrong = [ids(path) for path, tree in sources().items() if any(m.startswith(".") for m, _ in imports(tree))]

    assert wrong == []


def test_every_name_in_all_exists() -> None:
    for path, tree in sources().items():
        if not any(isinstance(node, ast.Name) and node.id == "__all__" for node in ast.walk(tree)):
            continue
        module = importlib.import_module(
            ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        )
        for name in module.__all__:
            assert hasattr(module, name), f"{ids(path)}: {name}"


def test_nothing_prints_but_the_command_line() -> None:
    wrong = [
        f"{ids(path)}:{node.lineno}"
        for path, tree in sources().items()
        if path.parent != PACKAGE / "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert wrong == []


def test_what_only_an_extra_installs_is_imported_where_its_lack_is_told() -> None:
    """``picows`` is the whole of its file, which is imported so itself."""
    wrong = []
    for path, tree in sources().items():
        told = {
            id(inner)
            for node in ast.walk(tree)
            if (isinstance(node, ast.With) and "from_extra(" in ast.unparse(node.items[0]))
            or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
            for inner in ast.walk(node)
        }
        said = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
        wrong += [
            f"{ids(path)}: {module}"
            for node in said
            for module, _ in imports(node)
            if id(node) not in told
            and module.partition(".")[0] in ("pandas", "sklearn", "zstandard", "psycopg", "polars", "scipy")
        ]

    assert wrong == []


def test_ray_is_imported_in_on_ray_only() -> None:
    wrong = [
        ids(path)
        for path, tree in sources().items()
        if PACKAGE / "on_ray" not in path.parents
        and any(module.partition(".")[0] == "ray" for module, _ in imports(tree))
    ]

    assert wrong == []


def test_only_the_fixture_knows_where_the_recordings_are() -> None:
    """A test that found them by itself could skip without CI's knowing."""
    here = {Path(__file__), REPOSITORY / "tests" / "conftest.py", REPOSITORY / "tests" / "test_conftest.py"}
    wrong = [
        ids(path)
        for path in (REPOSITORY / "tests").rglob("*.py")
        if path not in here and ("MSRAY_DATA" in (text := path.read_text(encoding="utf-8")) or "shared/data" in text)
    ]

    assert wrong == []


def test_no_constraint_names_an_index_or_a_place() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()

    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(len(pin.split("==")) == 2 and not set(pin) & set("@/: ") for pin in pins)
    assert not any(pin.startswith("msray") for pin in pins)
