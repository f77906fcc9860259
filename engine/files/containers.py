"""Files as they lie on a disk: plain, in gzip, in a zip of several; and their text, line by line.

What a container holds is read as a stream and never written anywhere. A file that grows a hundredfold when it is
unpacked, or has a line longer than any row, is refused before it takes memory.
"""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

MAX_LINE = 1 << 16  # characters
MAX_MEMBERS = 1_000  # files in one zip
MAX_GROWTH = 120  # real recordings grow four- to thirtyfold
_USUAL_GROWTH = 30
GROWTH_FROM = 4 << 20  # bytes unpacked, from which on the growth is looked at

_BLOCK = 1 << 18  # characters
_MAX_DIRECTORY = 1 << 20  # bytes of a zip's list of members
_GZIP, _ZIP, PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
BOM = b"\xef\xbb\xbf"
_BOMS = ((BOM, "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_EXPECTED = "expected CSV, NDJSON or Parquet, as it is or in a .gz or .zip"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of rows. ``name`` is its own, without folders and ``.gz``; ``inside``: where it is in its zip."""

    path: Path
    name: str
    inside: str | None = None

    def __str__(self) -> str:
        return self.path.name if self.inside is None else f"{self.path.name}/{self.inside}"


def members_of(path: Path) -> list[Member]:
    """The files at a path, of a zip all that are files of rows. Raises ValueError with what was found and expected."""
    if path.is_dir():
        raise ValueError(f"{str(path)!r} is a folder; expected one file of trades or bars")
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}; expected one of trades or bars")
    with refusals(path):
        if not _is_zip(path):
            return [Member(path, path.name.removesuffix(".gz"))]
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            found = [each for each in archive.infolist() if not each.is_dir() and not _is_rubbish(each.filename)]
            for each in found:
                if each.file_size > max(GROWTH_FROM, MAX_GROWTH * each.compress_size):
                    raise ValueError(f"{path} holds {each.filename!r}, which grows too much; {_EXPECTED}")
            names = [(_own_name(each), each.filename) for each in found]
    if not 1 <= len(names) <= MAX_MEMBERS:
        raise ValueError(f"{path} holds {len(names)} files; expected from 1 to {MAX_MEMBERS}")
    return [Member(path, name.removesuffix(".gz"), inside) for name, inside in sorted(names)]


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _ZIP or path.suffix.lower() == ".zip"


def _is_rubbish(name: str) -> bool:
    """What archivers of desktops add."""
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] in (".DS_Store", "Thumbs.db")


def _own_name(info: zipfile.ZipInfo) -> str:
    """A member's name without folders. Without the flag for UTF-8 it is in the packer's encoding: often UTF-8 too."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/").rpartition("/")[2]


def _check_directory(path: Path) -> None:
    """Refuse a list of members that would itself fill the memory."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 66_000, 0))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at >= 0 and int.from_bytes(tail[at + 12 : at + 16], "little") > _MAX_DIRECTORY:
        raise ValueError(f"{path} lists too many files; expected from 1 to {MAX_MEMBERS}")


class _Watched(io.RawIOBase):
    """A stream that is being unpacked, and how far it has grown."""

    def __init__(self, unpacked: io.BufferedIOBase, packed: BinaryIO, name: str) -> None:
        self._unpacked, self._packed, self._name = unpacked, packed, name
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._unpacked.readinto(buffer)
        self._count += count
        if self._count > max(GROWTH_FROM, MAX_GROWTH * self._packed.tell()):
            raise ValueError(f"{self._name} grows too much when it is unpacked; {_EXPECTED}")
        return count


@contextmanager
def opened(member: Member) -> Iterator[io.BufferedReader]:
    """The bytes of a file, unpacked. Raises ValueError."""
    with ExitStack() as stack, refusals(member):
        packed = stack.enter_context(member.path.open("rb"))
        stream: io.BufferedReader = packed
        if member.inside is not None:
            archive = stack.enter_context(zipfile.ZipFile(packed))
            stream = io.BufferedReader(cast(io.RawIOBase, stack.enter_context(archive.open(member.inside))))
        is_packed = stream.peek(2)[:2] == _GZIP
        if is_packed or (member.inside is None and member.path.suffix == ".gz"):
            unpacked = stack.enter_context(gzip.GzipFile(fileobj=stream))
            stream = io.BufferedReader(_Watched(unpacked, packed, str(member)), 1 << 16)
        if stream.peek(4)[:4] == _ZIP:
            raise ValueError(f"{member} is a zip inside another; {_EXPECTED}")
        yield stream


def usual_growth(member: Member) -> tuple[int, int]:
    """From how many unpacked bytes to how many a file is no bomb, as far as it was read: any where it is plain."""
    with member.path.open("rb") as file:
        is_packed = member.inside is not None or file.read(2) == _GZIP
    return (GROWTH_FROM, _USUAL_GROWTH * member.path.stat().st_size) if is_packed else (0, sys.maxsize)


@contextmanager
def opened_text(member: Member) -> Iterator[tuple[io.TextIOWrapper, str]]:
    """The text of a file, and its encoding. Raises ValueError where it is neither UTF-8 nor has the mark of UTF-16."""
    with opened(member) as stream:
        head = stream.peek(4)[:4]
        encoding = next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")
        yield io.TextIOWrapper(stream, encoding), encoding.replace("-sig", " with BOM")


def blocks_of(text: io.TextIOWrapper, member: Member) -> Iterator[tuple[int, list[str]]]:
    """The lines without their ends, many at a time, with the number of the first, counted from 1.

    Raises ValueError for a line of more than MAX_LINE characters.
    """
    first, rest = 1, ""
    while block := text.read(_BLOCK):
        *lines, rest = (rest + block).split("\n")
        if lines or len(rest) > MAX_LINE:
            check_lines(member, first, [*lines, rest])
        if lines:
            yield first, lines
        first += len(lines)
    if rest:
        yield first, [rest]


def check_lines(member: Member, first: int, lines: list[str]) -> None:
    """Raises ValueError where one of the lines, of which the first has this number, is longer than any row."""
    if max(map(len, lines), default=0) > MAX_LINE:
        number = first + next(at for at, line in enumerate(lines) if len(line) > MAX_LINE)
        raise ValueError(f"{member.path} has more than {MAX_LINE:,} characters in row {number}; {_EXPECTED}")


def lines_of(text: io.TextIOWrapper, member: Member) -> Iterator[tuple[int, str]]:
    """(number, line) of the lines that are not blank. Raises ValueError as ``blocks_of``."""
    for first, lines in blocks_of(text, member):
        yield from ((number, line) for number, line in enumerate(lines, first) if line.strip())


@contextmanager
def refusals(of: Path | Member) -> Iterator[None]:
    """What can go wrong with a file's bytes, as a ValueError that says what was found and what was expected."""
    try:
        yield
        return
    except UnicodeDecodeError as error:
        found = f"is not text: byte 0x{error.object[error.start]:02x} is no {error.encoding.upper()}"
    except EOFError:
        found = "is cut off"
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        found = f"is damaged, or is no {(of if isinstance(of, Path) else of.path).suffix} file ({error})"
    except (RuntimeError, NotImplementedError) as error:  # a password, or a compression that nobody uses
        found = f"cannot be read: {error}"
    except OSError as error:
        found = f"cannot be read: {error.strerror or error}"
    raise ValueError(f"{of if isinstance(of, Path) else of.path} {found}; {_EXPECTED}")
