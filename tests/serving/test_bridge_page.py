"""The token file beside the page."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from runtime.secrets import read_or_create_token
from serving.bridge_page import BridgePage


def page(folder: Path, token: str) -> BridgePage:
    return BridgePage(folder, token, folder / "open-bridge.html")


def ports(folder: Path) -> list[int]:
    return [int(port) for port in re.findall(r"PAIRBRIDGE_TOKENS\[(\d+)\]", (folder / "token.js").read_text())]


def test_each_server_leaves_its_token_and_the_oldest_go(tmp_path: Path) -> None:
    for port in range(9_000, 9_015):
        page(tmp_path, "a" * 32).publish(port)
    assert ports(tmp_path) == list(range(9_005, 9_015))
    page(tmp_path, "b" * 32).publish(9_010)
    assert ports(tmp_path) == [*range(9_005, 9_010), *range(9_011, 9_015), 9_010]
    text = (tmp_path / "token.js").read_text()
    assert text.count("b" * 32) == 1 and "a" * 32 in text


def test_the_newest_is_named_since_a_script_sees_the_ports_in_order_of_number(tmp_path: Path) -> None:
    for port in (9_002, 9_001, 9_002):
        page(tmp_path, "a" * 32).publish(port)
        text = (tmp_path / "token.js").read_text()
        assert text.endswith(f"\nglobalThis.PAIRBRIDGE_NEWEST = {port};\n")
        assert text.count("PAIRBRIDGE_NEWEST") == 1


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    page(tmp_path, "a" * 32).publish(9_000)
    for name in ("token.js", "open-bridge.html"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name


def test_files_that_others_could_read_are_closed_to_them(tmp_path: Path) -> None:
    token = read_or_create_token(tmp_path / "token")
    page(tmp_path, token).publish(9_000)
    for name in ("token", "token.js", "open-bridge.html"):
        (tmp_path / name).chmod(0o644)
    assert read_or_create_token(tmp_path / "token") == token
    page(tmp_path, token).publish(9_000)
    for name in ("token", "token.js", "open-bridge.html"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name


def test_the_file_of_the_data_folder_opens_the_page_with_the_key_in_the_fragment(tmp_path: Path) -> None:
    page(tmp_path, "a" * 32).publish(9_000)
    text = (tmp_path / "open-bridge.html").read_text()
    assert f"0;url=http://127.0.0.1:9000/#key={'a' * 32}" in text and 'content="no-referrer"' in text
