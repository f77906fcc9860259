"""The house plan of docs/architecture.md, walked over every import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = [
    path
    for path in ROOT.rglob("*.py")
    if not {".venv", "tests", "bench", "data", "docs"} & set(path.relative_to(ROOT).parts)
]

# A room may import itself, engine.errors, and what stands here.
MAY_IMPORT = {
    "engine.errors": set(),
    "engine.market": set(),
    "engine.stats": set(),
    "engine.intake": {"engine.market"},
    "engine.store": {"engine.market"},
    "engine.files": {"engine.market"},
    "engine.pairs": {"engine.market", "engine.stats"},
    "engine.backtest": {"engine.market", "engine.stats", "engine.pairs"},
    "engine.scan": {"engine.market", "engine.stats", "engine.pairs", "engine.backtest"},
    "engine.alerts": {"engine.market", "engine.pairs"},
    "config": set(),
    "hosting": {"engine"},
    "feeds": {"config", "engine"},
    "monitor": {"config", "engine"},
    "screen": {"config", "engine"},
    "api": {"config", "engine"},
    "simulator": {"engine"},
    "server": {"config", "engine", "feeds", "hosting"},
    "dashboard": {"config", "engine", "hosting", "monitor", "screen", "api"},
    "launch": {"config", "hosting"},
}
NOT_IN_ENGINE = {"config", "asyncio", "dash", "plotly", "time", "datetime", "logging", "socket", "random"}
MAY_ALL_THE_SAME = {
    "engine.store": {"asyncio", "logging", "datetime", "socket"},  # a name of an unconnected socket is a lock
    "engine.files": {"datetime"},
}  # times in files are text


def room_of(module: str) -> str | None:
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


def is_allowed(room: str, target: str) -> bool:
    allowed = MAY_IMPORT[room] | {room, "engine.errors"}
    return target in allowed or target == "engine" or target.split(".")[0] in allowed


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_import_follows_the_plan(path: Path) -> None:
    room = room_of(module_of(path))
    assert room is not None and (room == "engine" or room in MAY_IMPORT), f"{path} is in no room of the plan"
    if room == "engine":
        return
    for name in imports_of(path):
        target = room_of(name)
        if target is not None:
            assert is_allowed(room, target), f"{path.relative_to(ROOT)} ({room}) imports {name}"


@pytest.mark.parametrize(
    "path", [p for p in CODE if p.relative_to(ROOT).parts[0] == "engine"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_engine_has_no_clock_no_sockets_and_no_screen(path: Path) -> None:
    forbidden = NOT_IN_ENGINE - MAY_ALL_THE_SAME.get(room_of(module_of(path)) or "", set())
    found = {name.split(".")[0] for name in imports_of(path)} & forbidden
    assert not found, f"{path.relative_to(ROOT)} imports {sorted(found)}"


def test_the_plan_is_walked_over_real_files() -> None:
    assert {"config", "engine.market"} <= {room_of(module_of(path)) for path in CODE}
