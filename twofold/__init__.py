"""Unsupervised domain adaptation for one-class anomaly detection, to read, run and extend.

A room imports only from those above it.

=========  ==============================================================================
errors     the one error a person can act on
files      a file is written whole or not at all
compute    which device, one thread on a CPU, memory that is kept
progress   the time left, on a terminal
data       pictures, and who may see which of their labels: data sets, folders, the task
parts      pure functions that methods are made of: Eq. 5 to 9, neighbours, Gaussians
plots      draws what it is given
networks   where features come from: weights, stem and tail, encoders, the cache
methods    one file a method, what all of them are (base), and THE loop (training, Eq. 10)
runs       from a configuration to a stored result, one or many
results    what runs say: the only home of a mean, tables, sentences, the paper's numbers
deploy     pictures of one's own: fit, score, save, load, report, export
doctor     what this machine has
lessons    one file a notebook, of its name; nothing imports them
flags      the flags of every command, made from the fields of a run
commands   what a command does with pictures of one's own, and how it speaks
cli        the command line
=========  ==============================================================================
"""

from importlib import import_module

_HOMES = {
    "InputError": "errors",
    "RunConfig": "runs.config",
    "configure": "runs.config",
    "load_domain": "data",
    "build_task": "data.tasks",
    "run_one": "runs.sweeps",
    "expand": "runs.sweeps",
    "sweep": "runs.sweeps",
    "RunStore": "runs.store",
    "TwoFoldDetector": "deploy.detector",
    "collect": "results.statistics",
    "as_frame": "results.statistics",
    "above": "results.statistics",
    "check_claims": "results.published",
    "PAIRS": "runs.presets",
    "Study": "lessons.study",
    "exercise": "lessons.exercises",
}

__all__ = sorted(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str):
    """Import on first use, so that ``twofold --help`` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'twofold' has no attribute {name!r}")
    return getattr(import_module(f"twofold.{_HOMES[name]}"), name)
