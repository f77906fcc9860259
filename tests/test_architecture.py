"""The table of docs/architecture.md, walked over every import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = [
    path
    for path in ROOT.rglob("*.py")
    if path.relative_to(ROOT).parts[0] not in {".venv", ".venv-peers", "tests", "bench", "data", "docs"}
]

NOT_IN_ENGINE = {"config", "asyncio", "dash", "plotly", "time", "datetime", "logging", "socket", "random"}
ONLY_IN_STORE_AND_FILES = {"os", "pathlib", "threading"}
EXCEPTIONS = {
    "engine.store": {"asyncio", "logging", "datetime", "socket"},  # a name of an unconnected socket is a lock
    "engine.files": {"datetime"},  # times in files are text
}


def table() -> dict[str, set[str]]:
    """Package -> packages that it may import, from docs/architecture.md."""
    rows = re.findall(r"^\| `([\w./]+)` \| .* \| ([\w., -]+) \|$", (ROOT / "docs/architecture.md").read_text(), re.M)
    names = {path.rstrip("/").removesuffix(".py").replace("/", "."): allowed for path, allowed in rows}
    return {name: set(allowed.replace(" ", "").split(",")) - {"-"} for name, allowed in names.items()}


MAY_IMPORT = table() | {"engine.errors": set()}


def package_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] == "engine":
        return ".".join(parts[:2])
    return parts[0] if parts[0] in MAY_IMPORT else None


def module_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; the project writes full names"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_allowed(package: str, target: str) -> bool:
    allowed = MAY_IMPORT[package] | {package, "engine.errors"}
    return target in allowed or target == "engine" or target.split(".")[0] in allowed


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_import_follows_the_table(path: Path) -> None:
    package = package_of(module_of(path))
    assert package is not None and (package == "engine" or package in MAY_IMPORT), f"{path} is not in the table"
    if package == "engine":
        return
    for name in imports_of(path):
        target = package_of(name)
        if target is not None:
            assert is_allowed(package, target), f"{path.relative_to(ROOT)} ({package}) imports {name}"


@pytest.mark.parametrize(
    "path", [p for p in CODE if p.relative_to(ROOT).parts[0] == "engine"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_engine_has_no_clock_no_sockets_and_no_screen(path: Path) -> None:
    package = package_of(module_of(path)) or ""
    forbidden = NOT_IN_ENGINE - EXCEPTIONS.get(package, set())
    if package not in ("engine.store", "engine.files"):
        forbidden = forbidden | ONLY_IN_STORE_AND_FILES
    found = {name.split(".")[0] for name in imports_of(path)} & forbidden
    assert not found, f"{path.relative_to(ROOT)} imports {sorted(found)}"


def test_the_table_is_read_and_walked_over_real_files() -> None:
    assert MAY_IMPORT["engine.pairs"] == {"engine.market", "engine.stats"} and MAY_IMPORT["runtime"] == set()
    missing = [name for name in MAY_IMPORT if not (ROOT / name.replace(".", "/")).with_suffix("").exists()]
    assert [name for name in missing if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []
    assert {"config", "engine.market"} <= {package_of(module_of(path)) for path in CODE}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_sqlite_backend_knows_sqlite(path: Path) -> None:
    is_backend = path.is_relative_to(ROOT / "engine/store/sqlite")
    assert is_backend or "sqlite3" not in {name.split(".")[0] for name in imports_of(path)}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_over_300_lines_and_no_body_over_40(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0
            assert lines <= 40, f"{node.name} has {lines} lines"


def test_every_test_that_opens_a_browser_is_marked() -> None:
    """The browser's driver leaves its event loop running in the worker: tests without one could not start their own."""
    files = sorted((ROOT / "tests/e2e").glob("test_*.py"))
    assert len(files) > 20
    assert [path.name for path in files if "pytest.mark.browser" not in path.read_text()] == []
