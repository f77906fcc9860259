"""Measurements: each module has ``run() -> list of rows``; ``python -m bench`` runs all, or those it names."""
