"""The search for secrets in what the tests have left."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import secrets_left

TOKEN = "0123456789abcdef" * 4
ADDRESS = "https://hooks.example/T00/B00/xyz"


def test_a_secret_outside_its_file_is_found_wherever_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "popen-gw0" / "test_a0" / "data"
    data.mkdir(parents=True)
    (data / "token").write_text(TOKEN + "\n")
    (data / "channels.json").write_text(json.dumps({"channels": [{"address": ADDRESS, "secret": "short"}]}))
    (data / "open-bridge.html").write_text(f"#key={TOKEN}")
    (data / "server.log").write_text("no secret of more than short length\n")
    assert secrets_left.search(tmp_path) == secrets_left.Search(1, 36, 2, [])
    assert secrets_left.main(tmp_path) == 0

    (data.parent / "server.out").write_text(f"Traceback\nValueError: {TOKEN}\n")
    with closing(sqlite3.connect(data / "analysis.db")) as db:
        db.execute("CREATE TABLE log (text TEXT)")
        db.execute("INSERT INTO log VALUES (?)", (f"sent to {ADDRESS}",))
        db.commit()
    found = secrets_left.search(tmp_path).found
    assert sorted((path.name, holder) for path, holder in found) == [
        ("analysis.db", "channels.json"), ("server.out", "token"),
    ]  # fmt: skip
    assert secrets_left.main(tmp_path) == 1 and "server.out: the secret of token" in capsys.readouterr().out
    for path, _ in found:  # the search at the end of the suite is to find nothing
        path.unlink()


def test_another_tests_secret_is_its_own_business_and_a_damaged_file_holds_none(tmp_path: Path) -> None:
    for name in ("test_a0", "test_b0"):
        (tmp_path / name).mkdir()
    (tmp_path / "test_a0" / "token").write_text(TOKEN)
    (tmp_path / "test_b0" / "channels.json").write_text("{")
    assert secrets_left.search(tmp_path) == secrets_left.Search(0, 0, 1, [])
