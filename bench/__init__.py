"""Measurements: each module has ``run() -> list of rows``; ``python -m bench`` runs all, ``python -m bench stats`` one."""
