"""Benchmarks: each module has ``run() -> list of rows``; ``python -m bench`` runs all, or the named ones."""
