"""The command ``twofold`` as a process of its own, also ``python -m twofold``."""

from __future__ import annotations

import gc
import sys

from twofold.cli import main

__all__ = ["process"]


def process() -> int:
    """``cli.main`` on the process's arguments; returns the exit code.

    Importing torch and timm makes a million objects that live to the end. Looking for garbage among them, while they are made
    and once more when Python exits, takes 1.5 s of the 4 s of an import: the collector comes seldom, and not at the end.
    """
    gc.set_threshold(50_000, 20, 20)
    code = main()
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(process())
