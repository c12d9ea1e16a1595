"""Keeping other processes of the same user out of this one."""

from __future__ import annotations

import ctypes

_PR_SET_DUMPABLE = 4  # prctl(2)


def hide_process() -> None:
    """Make /proc/PID/environ and memory of this process unreadable for others (SPEC R3).

    The commands that a model runs belong to the same user; without this they could read
    the API key from the environment of their ancestors. Children that exec another
    program are not affected. Nothing happens where the kernel does not know it.
    """
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
