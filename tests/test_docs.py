"""Consistency of the documents: every setting, address, view and command in them exists, and vice versa."""

from __future__ import annotations

import dataclasses
import re
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from config import PREFIX, Config
from engine.intake.bridge_state import State
from engine.intake.messages import MAX_BYTES, MAX_IN_FLIGHT, MAX_ROWS
from engine.pairs.enums import Reason
from engine.store.__main__ import _parser
from engine.store.sqlite.analysis_schema import ANALYSIS
from engine.store.sqlite.files import prepare
from engine.store.sqlite.schema import TICKS
from services.export.signals import SIGNAL_COLUMNS

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
REFERENCE = (ROOT / "docs/reference.md").read_text()
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
README = (ROOT / "README.md").read_text()


def test_every_setting_is_in_the_reference_with_its_default_and_meaning() -> None:
    for field in dataclasses.fields(Config):
        default = {
            "token": "(made once)",
            "password": "(none)",
            "allowed_hosts": "(none)",
            "allowed_receivers": "(none)",
            "feed": "(none)",
            "pages": "(none)",
            "open_browser": "0",
        }.get(field.name, field.default)
        meaning = field.metadata["doc"].replace("|", r"\|")
        assert f"| `{PREFIX}{field.name.upper()}` | {default} | {meaning} |" in REFERENCE
    named = set(re.findall(r"PAIRBRIDGE_[A-Z_]+", " ".join(path.read_text() for path in DOCS)))
    assert named <= {PREFIX + field.name.upper() for field in dataclasses.fields(Config)}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_and_pictures_exist(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", path.read_text()):
        assert (path.parent / target).exists(), f"{path.name} points to {target}"


def test_the_files_where_to_change_something_exist() -> None:
    architecture = (ROOT / "docs/architecture.md").read_text()
    section = architecture.partition("\n## Where to change what\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([\w./]+\.(?:py|js|css|md))`", section))
    assert len(named) > 40
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in DOCS:
        named = set(re.findall(r"`make ([a-z]+)", path.read_text())) | set(
            re.findall(r"^make ([a-z]+)$", path.read_text(), re.M)
        )
        assert named <= targets, f"{path.name} names {named - targets}"


def test_every_command_of_the_store_is_in_the_reference() -> None:
    commands = re.findall(r"^    (\w+) ", _parser().format_help(), re.MULTILINE)
    assert "restore" in commands
    for command in commands:
        assert f"`python -m engine.store {command} " in REFERENCE


def test_the_views_have_the_columns_documented(tmp_path: Path) -> None:
    prepare(tmp_path / "ticks.db", TICKS)
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        for view in ("v_ticks", "v_bars", "v_funding"):
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({view})")]
            assert f"`{view}({', '.join(columns)})`" in REFERENCE
    prepare(tmp_path / "analysis.db", ANALYSIS)
    with closing(sqlite3.connect(tmp_path / "analysis.db")) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(v_signals)")]
        assert f"`v_signals({', '.join(columns)})`" in REFERENCE


def test_every_reason_state_and_column_is_explained() -> None:
    for reason in Reason:
        assert reason is Reason.NONE or f"`{reason.name}`" in REFERENCE, reason
    for state in State:
        assert f"`{state.value}`" in PROTOCOL, state
    for column in SIGNAL_COLUMNS:
        assert f"`{column}`" in REFERENCE, column


def test_limits_in_the_protocol_are_those_of_the_code() -> None:
    assert f'"limits":{{"rows":{MAX_ROWS},"in_flight":{MAX_IN_FLIGHT}}}' in PROTOCOL
    assert f"at most {MAX_BYTES // 1024} KiB" in PROTOCOL


def test_every_route_is_in_the_reference(tmp_path: Path) -> None:
    from dashboard import create_app
    from engine.pairs.settings import classic
    from engine.store.sqlite.analysis import SqliteAnalysis
    from engine.store.sqlite.reader import SqliteTickReader
    from live.heartbeat import Heartbeat
    from live.monitor import Monitor

    store = SqliteAnalysis(tmp_path / "analysis.db")
    monitor = Monitor(partial(SqliteTickReader, tmp_path / "ticks.db"), store, ("Y", "X", classic()))
    _, server = create_app(monitor, Heartbeat("http://127.0.0.1:1/health", 2_500), Config(token="t" * 32), 8050)
    paths = [route.path for route in server.routes if isinstance(route, (APIRoute, APIWebSocketRoute))]
    for path in paths:
        assert not path.startswith("/api/") or path in REFERENCE, path
    store.close()


def test_the_readme_names_the_two_commands_and_the_steps() -> None:
    for text in (
        "make run",
        "make test",
        "make demo",
        "Start Bridge",
        "docs/pictures/dashboard.png",
        "451",
        "WRONG ROUTE",
    ):
        assert text in README


def test_nothing_committed_names_a_machine_or_the_shared_folder() -> None:
    pattern = re.compile(r"(^|[^A-Za-z])/(work|farm|root|home)/|shared/(design|tools|data)")
    allowed = {Path("tests/test_docs.py")}
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT)
        ours = not {".venv", ".venv-peers", ".git", "node_modules", "vendor", "__pycache__"} & set(inside.parts)
        if not ours or inside.parts[0] == "data" or inside in allowed:
            continue
        if path.suffix in {".py", ".js", ".md", ".html", ".css", ".toml", ".txt"} or path.name in {"Makefile", "run"}:
            found = pattern.search(path.read_text(encoding="utf-8"))
            assert not found, f"{inside}: {found[0] if found else ''}"
