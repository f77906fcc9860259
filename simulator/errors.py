"""What can go wrong in the simulated exchange, as one small tree below engine.errors::

    SimulatorError
    ├── SettingsRefused    a setting or state file that cannot be used
    ├── RecordingRefused   a recorded file that cannot be replayed
    ├── FaultRefused       a fault that does not exist or cannot be done here
    └── PortTaken          another program listens on the port

Every message says what was found and what was expected.
"""

from __future__ import annotations

from engine.errors import PairbridgeError


class SimulatorError(PairbridgeError):
    """Root of every error that the simulated exchange raises on purpose."""


class SettingsRefused(SimulatorError, ValueError):
    """A setting or state file that cannot be used."""


class RecordingRefused(SimulatorError, ValueError):
    """A recorded file that cannot be replayed."""


class FaultRefused(SimulatorError, ValueError):
    """A fault that does not exist, or cannot be done to this market."""


class PortTaken(SimulatorError, OSError):
    """Another program listens on the port."""
