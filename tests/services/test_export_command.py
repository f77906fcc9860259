"""The command line of exports: files that are complete once they have their name, errors in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.export import Selection
from services.export.__main__ import main
from tests.services.test_export import content as content_of
from tests.services.test_export import filled, service

T0_DAY = "2026-09-22"


async def test_a_file_in_the_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await filled(tmp_path)
    assert main(["ticks", "usdm", "s0usdt", "--from", T0_DAY, "--format", "parquet", "--data-dir", str(tmp_path)]) == 0
    (path,) = (tmp_path / "exports").iterdir()
    assert capsys.readouterr().out == f"{path}\n"
    assert path.name.startswith("ticks_usdm_S0USDT_") and path.suffix == ".parquet"


async def test_where_it_is_told_to_write(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    await filled(tmp_path)
    common = ["ohlc", "usdm", "--interval", "5s", "--data-dir", str(tmp_path), "--out"]
    assert main([*common, str(tmp_path / "mine" / "bars.csv")]) == 0
    written = (tmp_path / "mine" / "bars.csv").read_bytes()
    capfdbinary.readouterr()
    assert main([*common, "-"]) == 0
    assert capfdbinary.readouterr().out == written != b""
    assert main(["summary", "usdm", "--out", str(tmp_path / "mine"), "--data-dir", str(tmp_path)]) == 0
    assert len(list((tmp_path / "mine").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ticks", "usdm", "NONE"], "no symbol NONE; expected one of: S0USDT, S1USDT"),
        (["ticks"], "market is empty; expected one such as usdm or spot"),
        (["ohlc", "usdm", "--interval", "1M"], "interval is '1M', a month"),
        (["ticks", "usdm", "--from", "soon"], "from is 'soon'; expected UTC such as"),
        (["analytics", "usdm", "S0USDT"], "expected the two legs of a pair, Y first"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    await filled(tmp_path)
    assert main([*arguments, "--data-dir", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert says in said.err and said.err.startswith("pairbridge: ") and said.out == ""
    assert not (tmp_path / "exports").exists()


async def test_a_file_that_could_not_be_finished_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of the archive is gone."""
    await filled(tmp_path)
    assert content_of(service(tmp_path).ticks(Selection("usdm"), "csv"))
    newest = max((tmp_path / "archive").rglob("*.parquet"), key=lambda path: path.as_posix())
    newest.unlink()
    assert main(["ticks", "usdm", "--data-dir", str(tmp_path)]) == 2
    assert "is listed in the archive but cannot be read" in capsys.readouterr().err
    assert not list((tmp_path / "exports").iterdir())
