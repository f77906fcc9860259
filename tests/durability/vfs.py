"""A layer under Python's SQLite that records disk operations, and can make them fail.

SQLite reaches the disk through a table of functions (a VFS). Here a copy of the system's own is made the default,
with three of its file functions replaced: they note the call, then do what the original does. The product's
writer runs over it unchanged. Works where Python uses a shared SQLite library, which Debian's and pyenv's do.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, SQLITE_FULL = 10 | 3 << 8, 10 | 4 << 8, 13

_int, _ptr, _str = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
_Open = ctypes.CFUNCTYPE(_int, _ptr, _ptr, _ptr, _int, _ptr)  # SQLite keeps the name's address: no copy of it
_Delete = ctypes.CFUNCTYPE(_int, _ptr, _str, _int)
_Write = ctypes.CFUNCTYPE(_int, _ptr, _ptr, _int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(_int, _ptr, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(_int, _ptr, _int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", _int), ("file_size", _int), ("longest_path", _int), ("next", _ptr), ("name", _str), ("data", _ptr),
        ("open", _ptr), ("delete", _ptr), ("others", _ptr * 13),
    )  # fmt: skip


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", _int), ("close", _ptr), ("read", _ptr), ("write", _ptr), ("truncate", _ptr), ("sync", _ptr),
        ("others", _ptr * 13),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that happened: write, truncate, sync, create, delete, rename, fsync (by Python), or mark (by the test).

    ``path`` is relative to the folder that is watched.
    """

    kind: str
    path: str = ""
    offset: int = 0
    data: bytes = b""
    note: Any = None


@dataclass
class Disk:
    """The recorded operations, and the injected failures."""

    root: Path
    ops: list[Op] = field(default_factory=list)
    fault: Callable[[str, str], int] = lambda kind, path: 0  # (kind, path) -> SQLite's error code, 0 for none

    def mark(self, note: Any) -> None:
        """Record a mark of the test at this point in time."""
        self.ops.append(Op("mark", note=note))


def folder_of(path: str) -> str:
    """The folder of a relative path; empty for the root."""
    return path.rpartition("/")[0]


_kept: list[Any] = []  # SQLite may hold pointers into these until the process ends


@contextlib.contextmanager
def watched(root: Path) -> Iterator[Disk]:
    """Watch everything that SQLite opens below ``root`` from now on. Skips where impossible."""
    name = ctypes.util.find_library("sqlite3")
    if name is None:
        pytest.skip("Python's SQLite is built in: there is no shared library to put a layer under")
    lib = ctypes.CDLL(name)
    lib.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    lib.sqlite3_vfs_find.argtypes = [_str]
    lib.sqlite3_vfs_register.argtypes = [_ptr, _int]
    lib.sqlite3_vfs_unregister.argtypes = [_ptr]
    disk = Disk(root.resolve())
    layer = _Layer(disk, lib.sqlite3_vfs_find(None).contents)
    _kept.append(layer)
    lib.sqlite3_vfs_register(ctypes.byref(layer.vfs), 1)
    try:
        with contextlib.closing(sqlite3.connect(root / "probe.db")) as db:
            db.execute("CREATE TABLE probe (x)")
        (root / "probe.db").unlink()
        if not disk.ops:
            pytest.skip("Python uses another SQLite than the shared library: there is nothing to put a layer under")
        disk.ops.clear()
        with _watching_python(disk):
            yield disk
    finally:
        lib.sqlite3_vfs_unregister(ctypes.byref(layer.vfs))
        lib.sqlite3_vfs_register(ctypes.byref(layer.original), 1)


class _Layer:
    """The copy of the system's VFS and its replaced functions."""

    def __init__(self, disk: Disk, original: _Vfs) -> None:
        self.disk = disk
        self.original = original
        self.vfs = _Vfs()
        ctypes.memmove(ctypes.byref(self.vfs), ctypes.byref(original), ctypes.sizeof(_Vfs))
        self._callbacks: list[Any] = []
        self._methods: dict[int, _Methods] = {}  # by the address of the original's
        self._originals: dict[int, _Methods] = {}
        self._files: dict[int, tuple[str, _Methods]] = {}  # by the address of SQLite's file: path, original functions
        self.vfs.name = b"watched-%d" % len(_kept)
        self._open = _Open(original.open)
        self._delete = _Delete(original.delete)
        self.vfs.open = self._pointer(_Open, self.on_open)
        self.vfs.delete = self._pointer(_Delete, self.on_delete)

    def _pointer(self, kind: Any, function: Any) -> Any:
        callback = kind(function)
        self._callbacks.append(callback)
        return ctypes.cast(callback, _ptr).value

    def _relative(self, path: str) -> str | None:
        try:
            return str(Path(path).relative_to(self.disk.root))
        except ValueError:
            return None

    def on_open(self, _: int, name: int | None, file: int, flags: int, out: int) -> int:
        full = os.fsdecode(ctypes.string_at(name)) if name else ""
        path = self._relative(full) if name else None
        is_new = not Path(full).exists()
        code = int(self._open(ctypes.addressof(self.original), name, file, flags, out))
        if code or path is None:
            return code
        slot = ctypes.cast(file, ctypes.POINTER(_ptr))
        address = int(slot[0] or 0)
        if address not in self._methods:
            self._replace(address)
        self._files[file] = (path, self._originals[address])
        slot[0] = ctypes.addressof(self._methods[address])
        if is_new:
            self.disk.ops.append(Op("create", path))
        return code

    def _replace(self, address: int) -> None:
        original = _Methods.from_address(address)
        copy = _Methods()
        ctypes.memmove(ctypes.byref(copy), address, ctypes.sizeof(_Methods))
        copy.write = self._pointer(_Write, self.on_write)
        copy.truncate = self._pointer(_Truncate, self.on_truncate)
        copy.sync = self._pointer(_Sync, self.on_sync)
        self._methods[address], self._originals[address] = copy, original

    def on_delete(self, _: int, name: bytes, sync_dir: int) -> int:
        path = self._relative(os.fsdecode(name))
        code = int(self._delete(ctypes.addressof(self.original), name, sync_dir))
        if path is not None and not code:
            self.disk.ops.append(Op("delete", path))
            if sync_dir:
                self.disk.ops.append(Op("sync-folder", folder_of(path)))
        return code

    def on_write(self, file: int, data: int, size: int, offset: int) -> int:
        path, methods = self._files[file]
        code = self.disk.fault("write", path)
        if code:
            return code
        self.disk.ops.append(Op("write", path, offset, ctypes.string_at(data, size)))
        return int(_Write(methods.write)(file, data, size, offset))

    def on_truncate(self, file: int, size: int) -> int:
        path, methods = self._files[file]
        code = self.disk.fault("truncate", path)
        if code:
            return code
        self.disk.ops.append(Op("truncate", path, size))
        return int(_Truncate(methods.truncate)(file, size))

    def on_sync(self, file: int, flags: int) -> int:
        path, methods = self._files[file]
        code = self.disk.fault("sync", path)
        if code:
            return code
        code = int(_Sync(methods.sync)(file, flags))
        self.disk.ops.append(Op("sync", path))
        return code


@contextlib.contextmanager
def _watching_python(disk: Disk) -> Iterator[None]:
    """Files that Python itself syncs and renames: the archive. Their content counts from their fsync on."""
    fsync, replace = os.fsync, os.replace

    def on_fsync(handle: int) -> None:
        fsync(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if not path.is_relative_to(disk.root):
            return
        relative = str(path.relative_to(disk.root))
        if path.is_dir():
            disk.ops.append(Op("sync-folder", "" if relative == "." else relative))
        else:
            disk.ops.append(Op("fsync", relative, data=path.read_bytes()))

    def on_replace(source: Any, to: Any) -> None:
        replace(source, to)
        if Path(to).is_relative_to(disk.root):
            disk.ops.append(
                Op("rename", str(Path(source).relative_to(disk.root)), note=str(Path(to).relative_to(disk.root)))
            )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", on_fsync)
        patch.setattr(os, "replace", on_replace)
        yield
