"""Bars of two legs become snapshots and decisions: the one path of live, replay and backtest.

In a notebook: ``run_pair`` gives a frame of a pair's whole history, ``PairModel`` takes bars one by one, and
``evidence_of`` says what the numbers of a model are worth. All three are what runs live. ``utc_index`` reads times with
any offsets, ``interval_of`` tells the width of bars from their index.
"""

from engine.pairs.enums import Action, Flag, Reason
from engine.pairs.evidence import PairEvidence, evidence_of
from engine.pairs.leg_features import PairBar
from engine.pairs.model import PairModel, Snapshot
from engine.pairs.pandas_api import frame_of, interval_of, pair_model, run_pair, utc_index
from engine.pairs.settings import PairSettings, classic, defended

__all__ = [
    "PairSettings", "classic", "defended",
    "PairModel", "PairBar", "Snapshot", "Action", "Reason", "Flag",
    "run_pair", "pair_model", "frame_of", "interval_of", "utc_index", "evidence_of", "PairEvidence",
]  # fmt: skip
