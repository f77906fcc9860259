"""The exception hierarchy::

    PairbridgeError
    ├── RowRefused         one tick is invalid; the rest of its batch is accepted
    ├── MessageRefused     a message breaks the bridge protocol; the connection closes
    ├── SettingsError      pair settings that contradict each other
    ├── NotAllowed         the caller has read access only
    ├── StoreClosed        this process has closed the store: trying again is useless
    └── StoreError         the database file is unusable
        ├── StoreMissing   it does not exist, or is incomplete
        ├── FolderMissing  the data folder was removed while in use
        ├── NewerSchema    it was written by a newer Pairbridge
        └── DamagedStore   it is not a database, or fails its integrity check

Every message says what was found and what was expected.
"""

from __future__ import annotations


class PairbridgeError(Exception):
    """Root of every error that Pairbridge raises on purpose."""


class RowRefused(PairbridgeError, ValueError):
    """One tick is invalid."""


class MessageRefused(PairbridgeError, ValueError):
    """A message breaks the bridge protocol. ``code`` is its name on the wire."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SettingsError(PairbridgeError, ValueError):
    """Pair settings that contradict each other."""


class NotAllowed(PairbridgeError):
    """The caller has read access only."""


class StoreClosed(PairbridgeError):
    """This process has closed the store: trying again, as after a StoreError, is useless."""


class StoreError(PairbridgeError):
    """The database file is unusable."""


class StoreMissing(StoreError):
    """The file does not exist, or is incomplete: wait for the process that creates it."""


class FolderMissing(StoreError):
    """The data folder was deleted or renamed while in use."""


class NewerSchema(StoreError):
    """The file was written by a newer Pairbridge."""


class DamagedStore(StoreError):
    """The file is not a database, or fails its integrity check."""
