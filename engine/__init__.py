"""The core of Pairbridge: it takes events and returns values.

Nothing here reads a clock, opens a socket or draws; only ``engine.store`` touches the disk.
The rooms and who may import whom are listed in docs/architecture.md and enforced by
tests/test_architecture.py.
"""
