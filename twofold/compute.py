"""Where to compute: which device, how many threads, and memory that is kept between batches."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import threadpool_limits

from twofold.errors import InputError

__all__ = ["cores", "keep_memory", "pick_device", "single_thread"]

_MALLOC_OPTIONS = {  # glibc's malloc.h
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1),  # give nothing back at the top of the heap
    "M_TOP_PAD": (-2, 256 * 2**20),  # grow in large steps
    "M_MMAP_MAX": (-4, 0),  # no mapping of its own for a large block
    "M_ARENA_MAX": (-8, 1),  # the heaps of other threads end at 64 MB, less than one activation
}


def pick_device(device: str = "auto") -> torch.device:
    """``auto`` is cuda, then mps, then cpu.

    Raises
    ------
    InputError : a device that this machine does not have.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    available = [name for name, count in counts.items() if count]
    if device == "auto":
        return torch.device(available[0])
    try:
        found = torch.device(device)
        known = (found.index or 0) < counts.get(found.type, 0)
    except (RuntimeError, TypeError):  # torch cannot even read it
        known = False
    if not known:
        raise InputError(f"wanted a device of this machine, got {device!r}; choose one of: auto, {', '.join(available)}")
    return found


@contextmanager
def single_thread() -> Iterator[None]:
    """One thread on the CPU: scores do not depend on how many cores or jobs there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def cores() -> int:
    """How many cores this process may use.

    >>> cores() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def keep_memory() -> bool:
    """Have glibc keep freed memory, once for this process; says whether it could, which it cannot elsewhere.

    By default every batch gives its activations back to the kernel and faults them in again, page by page: a third of
    the time of a frozen network on a CPU. What is kept is what the largest batch needed. A thread that took memory before
    the call may have a heap of its own, for which it does not hold: call it early.

    >>> keep_memory() == keep_memory()
    True
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version") or not hasattr(library, "mallopt"):
        return False
    return all([library.mallopt(option, value) == 1 for option, value in _MALLOC_OPTIONS.values()])
