"""What the kernel knows of the host's clock at the moment of sealing."""

import ctypes
from collections.abc import Callable

from traffic_ai.evidence.seal import Json

_NOT_SYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` of adjtimex(2), with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def host_clock() -> dict[str, Json]:
    """Whether a time service keeps the host's clock, and how far off it may be by its account.

    Both null where the system does not tell (only Linux does).
    """
    told = _adjtimex()
    if told is None:
        return {"max_error_us": None, "synchronised": None}
    state, max_error_us = told
    return {"max_error_us": max_error_us, "synchronised": state != _NOT_SYNCHRONISED}


def _adjtimex() -> tuple[int, int] | None:
    try:
        call: Callable[..., int] = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError, TypeError):
        return None
    told = _Timex()
    state = call(ctypes.byref(told))  # modes 0: asks, sets nothing, needs no privilege
    return (state, int(told.maxerror)) if state >= 0 else None
