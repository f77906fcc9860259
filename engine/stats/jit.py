"""``@njit`` with the settings that every kernel of the engine shares.

* No fastmath and no parallel reductions: the sums of a kernel are made in the order in which they are written,
  so a result is the same to the last bit in every process and for every split of the work.
* ``error_model="numpy"``: a division by zero gives inf or NaN instead of raising inside compiled code. Kernels
  therefore check every divisor that can be zero, and return NaN; they raise nothing.
* ``nogil=True``: a scan may run one kernel on several threads.
* Compiled code is cached beside its source. Numba checks only the kernel's own file, so a kernel would keep using the
  old code of a callee in another file; here its stamp also covers its callees
  (``tests/engine/stats/test_jit.py``). The fields of a record are part of its type, which Numba checks itself.
"""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Callable
from enum import EnumType
from functools import cache
from types import CodeType
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import caching
from numba.core import config as _config

numba_config: Any = _config
LOCATORS = ",".join(f"{__name__}.{name}" for name in ("UserProvided", "InTree", "UserWide"))
Function = TypeVar("Function", bound=Callable[..., Any])

_stamps: dict[int, bytes] = {}  # id of a compiled function -> the hash of its source, of all it calls, and of its file
_kept: list[object] = []  # references to the compiled functions, so that an id is never reused


def njit(function: Function) -> Function:
    """Compile ``function`` at its first call, with the settings above; the module docstring explains them."""
    return _compiled(function)


def inlined(function: Function) -> Function:
    """As :func:`njit`, and its callers have a copy of it instead of a call: for the parts of a loop over bars, in which
    handing over the arrays takes as long as the work. Results are the same to the bit."""
    return _compiled(function, forceinline=True)


def _compiled(function: Function, **options: Any) -> Function:
    stamp = _stamp(function)
    before = numba_config.CACHE_LOCATOR_CLASSES
    numba_config.CACHE_LOCATOR_CLASSES = LOCATORS
    try:
        compiled = numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        numba_config.CACHE_LOCATOR_CLASSES = before
    _stamps[id(compiled)] = stamp + _file_hash(function.__code__.co_filename)
    _kept.append(compiled)
    return cast(Function, compiled)


def _stamp(function: Callable[..., Any]) -> bytes:
    """The hash of what the compiled code of ``function`` depends on: its code, its constants, and its callees."""
    digest = hashlib.sha256(_code_bytes(function.__code__))
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        if id(value) in _stamps:
            digest.update(name.encode() + _stamps[id(value)])
        elif isinstance(value, np.ndarray):
            digest.update(name.encode() + value.tobytes())
        elif isinstance(value, EnumType):  # its members compile to numbers
            digest.update(repr(list(value)).encode())
        elif isinstance(value, (bool, int, float, str)):
            digest.update(f"{name}={value!r}".encode())
    return digest.digest()


@cache
def _file_hash(path: str) -> bytes:
    """Of a callee's file: what it calls further down there is not defined yet when its own stamp is made."""
    return hashlib.sha256("".join(linecache.getlines(path)).encode()).digest()


def _code_bytes(code: CodeType) -> bytes:
    return code.co_code + repr([c for c in code.co_consts if not isinstance(c, CodeType)]).encode()


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(c) for c in code.co_consts if isinstance(c, CodeType)))


class _Linked:
    """Adds the stamp of a kernel's callees to the stamp of its own file."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        super().__init__(py_func, py_file)  # type: ignore[call-arg]
        self._linked = _stamp(py_func)

    def get_source_stamp(self) -> tuple[bytes, bytes]:
        """What the cache compares before it loads compiled code."""
        own: bytes = super().get_source_stamp()  # type: ignore[misc]
        return own, self._linked


class UserProvided(_Linked, caching.UserProvidedCacheLocator):
    """The cache in the folder that ``NUMBA_CACHE_DIR`` names."""


class InTree(_Linked, caching.InTreeCacheLocator):
    """The cache in ``__pycache__`` beside the source."""


class UserWide(_Linked, caching.UserWideCacheLocator):
    """The cache in the user's folder, for a read-only source folder."""
