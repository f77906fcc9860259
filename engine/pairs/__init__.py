"""Turns bars of two legs into snapshots and decisions: the code path of live, replay and backtest.

In a notebook: ``run_pair`` gives a frame of a pair's whole history, ``PairModel`` takes bars one by one, and
``evidence_of`` gives the evidence for and against a model's numbers, and ``executable_now`` the z at which both legs
could be filled. Live trading runs the same code.
``utc_index`` reads times with any offsets, ``interval_of`` gives the width of bars from their index.
"""

from engine.pairs.bar_grid import interval_of, utc_index
from engine.pairs.enums import Action, Flag, Reason
from engine.pairs.evidence import PairEvidence, evidence_of
from engine.pairs.executable import ExecutableZ, executable_now, executable_z
from engine.pairs.leg_features import PairBar
from engine.pairs.model import PairModel
from engine.pairs.pandas_api import frame_of, pair_model, run_pair
from engine.pairs.settings import PairSettings, classic, defended
from engine.pairs.snapshot import Snapshot

__all__ = [
    "PairSettings", "classic", "defended",
    "PairModel", "PairBar", "Snapshot", "Action", "Reason", "Flag",
    "run_pair", "pair_model", "frame_of", "interval_of", "utc_index", "evidence_of", "PairEvidence",
    "ExecutableZ", "executable_now", "executable_z",
]  # fmt: skip
