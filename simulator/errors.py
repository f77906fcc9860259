"""The exceptions of the simulated exchange, below those of engine.errors::

    SimulatorError
    ├── SettingsRefused    an invalid setting or unusable state file
    ├── RecordingRefused   a recorded file that cannot be replayed
    ├── FaultRefused       a fault that does not exist or is impossible here
    └── PortTaken          another program listens on the port

Every message says what was found and what was expected.
"""

from __future__ import annotations

from engine.errors import PairbridgeError


class SimulatorError(PairbridgeError):
    """Root of every error that the simulated exchange raises on purpose."""


class SettingsRefused(SimulatorError, ValueError):
    """An invalid setting or unusable state file."""


class RecordingRefused(SimulatorError, ValueError):
    """A recorded file that cannot be replayed."""


class FaultRefused(SimulatorError, ValueError):
    """A fault that does not exist, or is impossible in this market."""


class PortTaken(SimulatorError, OSError):
    """Another program listens on the port."""
