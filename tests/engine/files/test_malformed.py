"""Files as people and programs get them wrong, and as an attacker would: read exactly, or refused by row and column."""

from __future__ import annotations

import gzip
import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from engine.files.inspection import Told
from engine.files.upload import Upload, look_through
from tests.engine.files.helpers import rows_of, written

T = 1_767_225_600_000
HEAD = "time,symbol,price,size"
GOOD = f"{T},BTCUSDT,1.5,2"
EXACT = [["BTCUSDT", 0, "1.5", "2", T, None]]
LATER = [["BTCUSDT", 0, "1.5", "2", T, None], ["BTCUSDT", 1, "1.6", "2", T + 1, None]]
NEXT = f"{T + 1},BTCUSDT,1.6,2"


def csv(*rows: str, head: str = HEAD) -> str:
    return "\n".join([head, *rows]) + "\n"


# name -> content, what is read of it
READ_EXACTLY: dict[str, tuple[str | bytes, list[list[object]]]] = {
    "a byte-order mark": ("\ufeff" + csv(GOOD), EXACT),
    "CRLF": (csv(GOOD).replace("\n", "\r\n").encode(), EXACT),
    "CR alone": (csv(GOOD).replace("\n", "\r").encode(), EXACT),
    "semicolons": (csv(GOOD, NEXT).replace(",", ";"), LATER),
    "semicolons and decimal commas": (f"time;symbol;price;size\n{T};BTCUSDT;1,5;2\n", EXACT),
    "quoted decimal commas": (csv(f'{T},BTCUSDT,"1,5",2'), EXACT),
    "tabs": (csv(GOOD).replace(",", "\t"), EXACT),
    "UTF-16": (csv(GOOD).encode("utf-16"), EXACT),
    "every cell quoted": (csv(*[",".join(f'"{cell}"' for cell in GOOD.split(","))]), EXACT),
    "spaces around cells": (csv(GOOD.replace(",", " , "), head=" Time , Symbol , PRICE , size "), EXACT),
    "blank lines": (csv("", GOOD, "  ", NEXT, ""), LATER),
    "no newline at the end": (csv(GOOD).rstrip("\n"), EXACT),
    "offsets that differ": (
        csv("2026-01-01T01:00:00+01:00,BTCUSDT,1.5,2", "2025-12-31T19:00:00.001-05:00,BTCUSDT,1.6,2"), LATER,
    ),
    "the symbol NA": (csv(GOOD.replace("BTCUSDT", "NA")), [["NA", 0, "1.5", "2", T, None]]),
    "a unicode symbol": (csv(GOOD.replace("BTCUSDT", "币安人生USDT")), [["币安人生USDT", 0, "1.5", "2", T, None]]),
    "columns that nobody needs": (csv(f"x,{GOOD},y", head=f"note,{HEAD},venue"), EXACT),
    "keys in another order": (
        json.dumps({"price": 1.5, "ts": T, "size": 2, "symbol": "BTCUSDT"}) + "\n"
        + json.dumps({"symbol": "BTCUSDT", "size": 2, "price": "1.6", "ts": T + 1}) + "\n", LATER,
    ),
}  # fmt: skip

# name -> content, how many rows are left, and how the other is told
ROW_REFUSED: dict[str, tuple[str, int, str]] = {
    "a short row": (csv(GOOD, f"{T},BTCUSDT,1.5"), 1, "row 3: found 3 cells; expected 4"),
    "a long row": (csv(GOOD, f"{GOOD},7", NEXT), 2, "row 3: found 5 cells; expected 4"),
    "a price NaN": (csv(GOOD, GOOD.replace("1.5", "NaN")), 1, "row 3, column 'price': 'NaN' is no number"),
    "an empty price": (csv(GOOD, GOOD.replace("1.5", "")), 1, "row 3, column 'price': '' is no number"),
    "a formula": (csv(GOOD, f"{T},BTCUSDT,=1+1,2"), 1, "row 3, column 'price': '=1+1' is no number"),
    "a formula as symbol": (csv(GOOD, GOOD.replace("BTCUSDT", "=A1")), 1, "row 3, column 'symbol': symbol is '=A1'"),
    "a negative size": (csv(GOOD, f"{T},BTCUSDT,1.5,-2"), 1, "row 3, column 'size': '-2' is no number"),
    "a size of 0": (csv(GOOD, f"{T},BTCUSDT,1.5,0"), 1, "row 3, column 'size': '0' is 0; expected more than 0"),
    "13 decimals": (csv(GOOD, f"{T},BTCUSDT,1.0000000000001,2"), 1, "row 3, column 'price': '1.0000000000001' has 13"),
    "thousands": (csv(GOOD, f'{T},BTCUSDT,"1,234.5",2'), 1, "row 3, column 'price': '1,234.5' is no number"),
    "a time before 2009": (csv(GOOD, "86400,BTCUSDT,1.5,2"), 1, "row 3, column 'time': '86400' is no time from 2009"),
    "a time that a spreadsheet cut": (csv(GOOD, "1.76723E+12,BTCUSDT,1.5,2"), 1, "whose last digits were cut"),
    "an unclosed quote": (csv(GOOD, f'{T},"BTCUSDT,1.5,2', NEXT), 2, "row 3: a quote is opened and not closed"),
    "a cell over two lines": (csv(GOOD, f'{T},"BTC\nUSDT",1.5,2', NEXT), 2, "row 3: a quote is opened and not closed"),
    "text after a quote": (csv(GOOD, f'{T},"BTC"USDT,1.5,2'), 1, "row 3: ',' expected after '\"'"),
    "a point among commas": (
        f"time;symbol;price;size\n{T};BTCUSDT;1,5;2\n{T};BTCUSDT;1.5;2\n", 1, "row 2, column 'price': '1,5' is no"
    ),
    "one key twice": (
        f'{{"symbol":"BTCUSDT","ts":{T},"price":1.5,"size":2}}\n'
        f'{{"symbol":"BTCUSDT","ts":{T},"price":1.5,"price":9,"size":2}}\n', 1, "row 2: an object has one key twice",
    ),
    "a missing key": (
        f'{{"symbol":"BTCUSDT","ts":{T},"price":1.5,"size":2}}\n{{"symbol":"BTCUSDT","price":1.5,"size":2}}\n', 1,
        "row 2: 'ts' is missing",
    ),
    "a second size from some row on": (
        f'{{"symbol":"BTCUSDT","ts":{T},"price":1.5,"size":2}}\n'
        f'{{"symbol":"BTCUSDT","ts":{T},"price":1.5,"size":2,"Volume":9}}\n', 1, "row 2: 'Volume' is not in the first",
    ),
    "half a line of JSON": (
        f'{{"symbol":"BTCUSDT","ts":{T},"price":1.5,"size":2}}\n{{"symbol":"BTCUSDT","ts":17672', 1, "is not JSON",
    ),
    "a bar whose high is below its close": (
        "time,open,high,low,close,volume\n1767225600000,1,2,1,2,5\n1767225660000,1,2,1,3,5\n", 1,
        "row 3: high and low do not hold open and close",
    ),
    "a bar off the grid": (
        "time,open,high,low,close,volume\n1767225600000,1,2,1,2,5\n1767225660000,1,2,1,2,5\n1767225690000,1,2,1,2,5\n",
        2, "row 4: a 1m bar opens at 1767225690000 ms; expected a multiple of 1m since 1970",
    ),
}  # fmt: skip

# name -> content, what is asked for
ASKED: dict[str, tuple[str, str, str]] = {
    "times without a zone": (csv("2026-01-01 00:00:00,BTCUSDT,1.5,2"), "zone", "1 times of BTCUSDT_1m.csv name no"),
    "time and timestamp": (csv(f"{T},{GOOD}", head=f"timestamp,{HEAD}"), "columns", "'timestamp' and 'time'"),
    "quantity and volume": (csv(f"{GOOD},7", head=f"{HEAD},volume"), "columns", "'size' and 'volume'"),
    "commas that may count thousands": (
        f"time;symbol;price;size\n{T};BTCUSDT;1,234;2\n", "decimal", "'1,234' may have a decimal comma, or count"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ_EXACTLY)
def test_what_other_programs_write_is_read_exactly(tmp_path: Path, name: str) -> None:
    content, rows = READ_EXACTLY[name]
    upload = look_through([written(tmp_path, content)])
    assert rows_of(upload) == rows
    assert (upload.questions, upload.files[0].notes.refused) == ([], {})


@pytest.mark.parametrize("name", ROW_REFUSED)
def test_a_bad_row_is_told_by_row_and_column_and_the_others_stay(tmp_path: Path, name: str) -> None:
    content, rows, told = ROW_REFUSED[name]
    upload = look_through([written(tmp_path, content, "BTCUSDT_1m.csv")])
    (file,) = upload.files
    assert file.rows == rows == len(rows_of(upload)) + sum(len(batch.bars) for batch in upload.bars())
    assert told in file.notes.examples[0]
    assert file.notes.refused.total() == len(file.notes.examples) <= 2


@pytest.mark.parametrize("name", ASKED)
def test_what_may_mean_two_things_is_asked(tmp_path: Path, name: str) -> None:
    content, of, text = ASKED[name]
    (question,) = look_through([written(tmp_path, content, "BTCUSDT_1m.csv")]).questions
    assert question.of == of and text in question.text


def test_answers_settle_it(tmp_path: Path) -> None:
    path = written(tmp_path, ASKED["times without a zone"][0])
    assert rows_of(look_through([path], Told(zone="Europe/Berlin")))[0][4] == T - 3_600_000
    path = written(tmp_path, ASKED["commas that may count thousands"][0])
    assert rows_of(look_through([path], Told(decimal=",")))[0][2] == "1.234"
    with pytest.raises(ValueError, match=r"has no row that can be used .*'1,234' is no number"):
        look_through([path], Told(decimal="."))
    path = written(tmp_path, csv(f"{GOOD},7", head=f"{HEAD},volume"))
    assert rows_of(look_through([path], Told(columns={"quantity": "volume"})))[0][3] == "7"
    with pytest.raises(ValueError, match="'quantity' cannot be column 'amount'; expected one of 'time', 'symbol'"):
        look_through([path], Told(columns={"quantity": "amount"}))
    path = written(tmp_path, "time,open,high,low,close,volume\n1767225600000,1,2,1,2,5\n", "BTCUSDT.csv")
    assert [question.of for question in look_through([path]).questions] == ["interval"]
    upload = look_through([path], Told(interval="1H"))
    assert [bar.width_ms for batch in upload.bars() for bar in batch.bars] == [3_600_000]


def zipped(**members: str | bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return packed.getvalue()


def parquet_of_nothing() -> bytes:
    packed = io.BytesIO()
    pl.DataFrame({"time": [], "price": [], "size": []}).write_parquet(packed)
    return packed.getvalue()


def bomb_in_gzip() -> bytes:
    """A hundred megabytes of good rows in a few hundred kilobytes."""
    packer = zlib.compressobj(6, wbits=31)
    rows = f"{T},BTCUSDT,1.5,2\n".encode() * 4_000_000
    return packer.compress(HEAD.encode() + b"\n" + rows) + packer.flush()


def zip_of_many() -> bytes:
    """A list of 60,000 members that are not there."""
    name = b"a" * 40
    entry = b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0) + name
    count = 60_000
    end = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, count, count, count * len(entry), 0, 0)
    return entry * count + end


GROWTH = """
import re, sys
from pathlib import Path
from engine.files.upload import look_through
peak = lambda: int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
try:
    look_through([Path(sys.argv[1])])
except ValueError:
    print(peak() - before)
"""

HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("BTCUSDT.csv", lambda: b"", "is empty; expected trades or bars"),
    "only blank lines": ("BTCUSDT.csv", lambda: b"\n\n  \n", "is empty; expected trades or bars"),
    "only a header": ("BTCUSDT.csv", lambda: csv().encode(), "has no row that can be used"),
    "columns of one name": ("BTCUSDT.csv", lambda: csv(f"{GOOD},3", head=f"{HEAD},price").encode(), "columns 3 and 5"),
    "a million columns": ("BTCUSDT.csv", lambda: b",".join([b"time"] * 1_000_000) + b"\n", "characters in row 1"),
    "a million columns below": ("BTCUSDT.csv", lambda: csv(GOOD, "1," * 1_000_000).encode(), "characters in row 3"),
    "a cell of 50 MB": ("BTCUSDT.csv", lambda: csv(f'{T},"{"B" * 50_000_000}",1,2').encode(), "characters in row 2"),
    "a quote that is never closed": (
        "BTCUSDT.csv", lambda: (HEAD + '\n"' + "1,2,3,4\n" * 300_000).encode(), "has no row that can be used"
    ),
    "NUL bytes": ("BTCUSDT.csv", lambda: bytes(1_000_000), "is not text: it has a NUL in row 1|characters in row 1"),
    "UTF-16 without its mark": ("BTCUSDT.csv", lambda: csv(GOOD).encode("utf-16-le"), "it has a NUL in row 1"),
    "Latin-1": ("BTCUSDT.csv", lambda: csv(GOOD, head=f"{HEAD},Größe").encode("latin-1"), "is not text: byte 0xf6"),
    "a bomb in gzip": ("BTCUSDT.csv.gz", bomb_in_gzip, "grows too much when it is unpacked"),
    "a bomb in a zip": ("b.zip", lambda: zipped(BTCUSDT_dot_csv=b"0" * 200_000_000), "grows too much"),
    "a zip of a list alone": ("b.zip", zip_of_many, "lists too many files"),
    "a zip in a zip": ("b.zip", lambda: zipped(inner_dot_zip=zipped(a=csv(GOOD))), "is a zip inside another"),
    "an empty zip": ("b.zip", lambda: zipped(), "holds 0 files"),
    "a torn zip": ("b.zip", lambda: zipped(BTCUSDT_dot_csv=csv(GOOD))[:-30], "is damaged, or is no .zip file"),
    "a torn gzip": ("BTCUSDT.csv.gz", lambda: gzip.compress(csv(*[GOOD] * 9_999).encode())[:-9], "is cut off"),
    "no Parquet": ("BTCUSDT.parquet", lambda: b"PAR1" + bytes(1_000) + b"PAR1", "is damaged, or is no Parquet file"),
    "Parquet of nothing": ("BTCUSDT.parquet", parquet_of_nothing, "has no row that can be used"),
    "deep JSON": ("BTCUSDT.ndjson", lambda: b'{"price":' + b"[" * 60_000 + b"\n", "has no row that can be used"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    file_name, content, says = HOSTILE[name]
    path = written(tmp_path, content(), file_name)
    with pytest.raises(ValueError, match=says) as refused:
        look_through([path])
    assert len(str(refused.value)) < 700


def test_a_path_out_of_a_zip_is_only_a_name(tmp_path: Path) -> None:
    path = written(tmp_path, zipped(**{"..__..__etc__BTCUSDT_dot_csv": f"time,price,size\n{T},1.5,2\n"}), "up.zip")
    assert rows_of(look_through([path])) == EXACT
    assert sorted(each.name for each in tmp_path.iterdir()) == ["up.zip"]


def test_names_in_a_zip_in_any_encoding(tmp_path: Path) -> None:
    content = zipped(币安人生USDT_dot_csv=f"time,price,size\n{T},1.5,2\n")
    assert rows_of(look_through([written(tmp_path, content, "a.zip")]))[0][0] == "币安人生USDT"
    unflagged = bytearray(content)  # as older packers write it: UTF-8, and no flag that says so
    unflagged[7] &= ~8
    unflagged[unflagged.index(b"PK\x01\x02") + 9] &= ~8
    assert rows_of(look_through([written(tmp_path, bytes(unflagged), "b.zip")]))[0][0] == "币安人生USDT"


@pytest.mark.parametrize("name", ["a cell of 50 MB", "a bomb in gzip", "a bomb in a zip", "a zip of a list alone"])
def test_a_hostile_file_takes_little_memory(tmp_path: Path, name: str) -> None:
    """Its growth, in a process of its own: the file is as large as it is, the memory is not."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process alone is known on Linux only")
    file_name, content, _ = HOSTILE[name]
    path = written(tmp_path, content(), file_name)
    done = subprocess.run([sys.executable, "-c", GROWTH, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40_000, "kilobytes"


def test_no_row_of_a_file_is_repaired(tmp_path: Path) -> None:
    """Whatever is refused in a column is refused alike in every format."""
    bad = {"price": ["NaN", "-1", "1,5", "=1", "", "0x1"], "time": ["0", "soon", ""], "symbol": ["", "=A", "a:b"]}
    for column, cells in bad.items():
        for cell in cells:
            row = {"time": str(T), "symbol": "BTCUSDT", "price": "1.5", "size": "2"} | {column: cell}
            good = {"time": str(T), "symbol": "BTCUSDT", "price": "1.5", "size": "2"}
            uploads: list[Upload] = []
            text = io.StringIO()
            for each in (good, row):
                text.write(json.dumps(each) + "\n")
            uploads.append(look_through([written(tmp_path, text.getvalue(), "a.ndjson")]))
            quoted = [",".join(f'"{value}"' for value in each.values()) for each in (good, row)]
            uploads.append(look_through([written(tmp_path, csv(*quoted), "a.csv")], Told(decimal=".")))
            pl.DataFrame([good, row]).write_parquet(tmp_path / "a.parquet")
            uploads.append(look_through([tmp_path / "a.parquet"]))
            reasons = [each.files[0].notes.refused for each in uploads]
            assert reasons[0] == reasons[1] == reasons[2] and reasons[0].total() == 1, (column, cell)
            assert [rows_of(each) for each in uploads] == [EXACT] * 3
