"""Which files a command line means, and what is known of each before it is read: its bytes' digest, and its market.

An exchange's public data lies as ``data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-01-01.zip`` with
``....zip.CHECKSUM`` beside it, which holds the SHA-256 and the name.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.files.upload import sha256_of

CHECKSUM = ".CHECKSUM"

_SUFFIXES = {".zip", ".csv", ".gz", ".ndjson", ".jsonl", ".parquet", ".txt"}
_MARKETS = {"futures/um": "usdm", "spot": "spot"}
_OF_EXCHANGE = re.compile(r"(?:^|/)data/(futures/um|spot)/(?:daily|monthly)/")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}(?=\s|$)")
_OF_STORE = "/archive/market="  # trades that are in the store already, where the folder holds a data folder
_LONGEST = 4_096  # bytes of a checksum file that are looked at


@dataclass(frozen=True, slots=True)
class DumpFile:
    """A file that is to be brought. ``market``: what the folders of an exchange's public data say, else empty.

    ``problem``: why it is not read at all.
    """

    path: Path
    market: str = ""
    digest: bytes = b""
    problem: str = ""


def expanded(patterns: Sequence[str]) -> list[Path]:
    """The files that are meant by paths, folders (with all folders in them) and patterns (``*``, ``**``).

    Of a folder, those are taken whose suffix is one of a recording. Raises ValueError where something means no file.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.exists():
            files = _files_of(path)
        else:
            matches = sorted(map(Path, glob.iglob(pattern, recursive=True)))  # noqa: PTH207  # any path, not below one
            files = [each for one in matches if one.suffix != CHECKSUM for each in _files_of(one)]
        if not files:
            kinds = ", ".join(sorted(_SUFFIXES))
            raise ValueError(
                f"there is no file {pattern!r}; expected one that exists, a pattern, or a folder with {kinds}"
            )
        found.update(dict.fromkeys(files))
    return list(found)


def examined(path: Path) -> DumpFile:
    """Read a file's bytes, and compare them with the checksum that lies beside it."""
    market = market_of(path)
    try:
        digest = sha256_of(path)
        expected = _expected_digest(path)
    except (ValueError, OSError) as error:
        return DumpFile(path, market, problem=str(error))
    if expected is not None and expected != digest:
        problem = f"its SHA-256 is {digest.hex()}, and {path.name}{CHECKSUM} says {expected.hex()}; fetch it again"
        return DumpFile(path, market, digest, problem)
    return DumpFile(path, market, digest)


def market_of(path: Path) -> str:
    """What the folders of an exchange's public data say; empty where it lies elsewhere.

    >>> market_of(Path("/mnt/data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-01-01.zip"))
    'usdm'
    """
    found = _OF_EXCHANGE.search(path.absolute().as_posix())
    return _MARKETS[found[1]] if found else ""


def _expected_digest(path: Path) -> bytes | None:
    """What a checksum file says; None where there is none. Raises ValueError."""
    beside = path.with_name(path.name + CHECKSUM)
    if not beside.is_file():
        return None
    with beside.open("rb") as file:
        text = file.read(_LONGEST).decode("utf-8", "replace")
    found = _DIGEST.match(text.strip())
    if found is None:
        raise ValueError(f"{beside.name} holds {text.strip()[:60]!r}; expected a SHA-256 and a name")
    return bytes.fromhex(found[0])


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = (each for each in path.rglob("*") if each.suffix.lower() in _SUFFIXES and each.is_file())
    return sorted(each for each in found if _OF_STORE not in each.as_posix())
