"""A job that a page follows: what is said beside its button, and whether button and timer rest. Pure."""

from __future__ import annotations


def followed(phase: str, said: str, while_running: str) -> tuple[str, bool, bool]:
    """(what is said, whether the button rests, whether the timer rests).

    >>> followed("running", "", "testing …"), followed("failed", "no bars", "testing …")
    (('testing …', True, False), ('no bars', False, True))
    """
    is_running = phase == "running"
    return (while_running if is_running else said), is_running, not is_running
