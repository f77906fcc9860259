"""What can go wrong, as one small tree::

    PairbridgeError
    ├── RowRefused         one tick cannot be taken; the rest of its batch can
    ├── MessageRefused     a message breaks the bridge protocol; the connection closes
    ├── SettingsError      pair settings that cannot work together
    ├── NotAllowed         who asks may look, and not change anything
    └── StoreError         the file on disk cannot be used
        ├── StoreMissing   it is not there, or not whole yet
        ├── FolderMissing  the data folder went away while it was in use
        ├── NewerSchema    it was written by a newer Pairbridge
        └── DamagedStore   it is not a database, or fails its integrity check

Every message says what was found and what was expected.
"""

from __future__ import annotations


class PairbridgeError(Exception):
    """Root of every error that Pairbridge raises on purpose."""


class RowRefused(PairbridgeError, ValueError):
    """One tick cannot be taken."""


class MessageRefused(PairbridgeError, ValueError):
    """A message breaks the bridge protocol. ``code`` is its name on the wire."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SettingsError(PairbridgeError, ValueError):
    """Pair settings that cannot work together."""


class NotAllowed(PairbridgeError):
    """Who asks may look, and not change anything."""


class StoreError(PairbridgeError):
    """The file on disk cannot be used."""


class StoreMissing(StoreError):
    """The file is not there, or not whole yet: wait for the process that makes it."""


class FolderMissing(StoreError):
    """The data folder was deleted or renamed while it was in use."""


class NewerSchema(StoreError):
    """The file was written by a newer Pairbridge."""


class DamagedStore(StoreError):
    """The file is not a database, or fails its integrity check."""
