"""The core of Pairbridge: it takes events and returns values.

No module here reads a clock, opens a socket or draws; only ``engine.store`` accesses the disk.
The packages and what each may import are listed in docs/architecture.md and enforced by
tests/test_architecture.py.
"""
