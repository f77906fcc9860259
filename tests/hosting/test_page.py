"""The token file beside the page."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from hosting.page import BridgePage


def ports(folder: Path) -> list[int]:
    return [int(port) for port in re.findall(r"PAIRBRIDGE_TOKENS\[(\d+)\]", (folder / "token.js").read_text())]


def test_each_server_leaves_its_token_and_the_oldest_go(tmp_path: Path) -> None:
    for port in range(9_000, 9_015):
        BridgePage(tmp_path, "a" * 32).publish(port)
    assert ports(tmp_path) == list(range(9_005, 9_015))
    BridgePage(tmp_path, "b" * 32).publish(9_010)
    assert ports(tmp_path) == [*range(9_005, 9_010), *range(9_011, 9_015), 9_010]
    text = (tmp_path / "token.js").read_text()
    assert text.count("b" * 32) == 1 and "a" * 32 in text


def test_the_newest_is_named_since_a_script_sees_the_ports_in_order_of_number(tmp_path: Path) -> None:
    for port in (9_002, 9_001, 9_002):
        BridgePage(tmp_path, "a" * 32).publish(port)
        text = (tmp_path / "token.js").read_text()
        assert text.endswith(f"\nglobalThis.PAIRBRIDGE_NEWEST = {port};\n")
        assert text.count("PAIRBRIDGE_NEWEST") == 1


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    BridgePage(tmp_path, "a" * 32).publish(9_000)
    assert stat.S_IMODE((tmp_path / "token.js").stat().st_mode) == 0o600
