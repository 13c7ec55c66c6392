"""Unsupervised domain adaptation for one-class anomaly detection, to read, run and extend.

Read the modules in this order; each imports only those above it.

==============  =========================================================================
errors          the one error a person can act on
presets         methods and presets: the only home of defaults
config          what a run is, resolved and checked
domains         pictures with classes and stable ids
digits, emoji   two data sets that pip alone brings
published_counts  what those data sets must hold
listing         which pictures lie in a folder
folders         PACS, Office-31, Office-Home, VisDA-2017, and any folder tree
datasets        every data set by name
weights         where a network's weights come from, said in the open
backbones       frozen stem and trainable tail; frozen encoders
embeddings      features of frozen networks, computed once
tasks           who is normal, who trains, who is tested; the label firewall
neighbors       distances to nearest neighbours
gaussians       trimmed Gaussians of the target, pooled with the source's spread
selection       which target pictures are taken for normal (Eq. 6, 7)
objectives      DSVDD (Eq. 5) and MSC
alignment       contrastive (Eq. 8, 9), MMD, gradient reversal
training        THE loop (Eq. 10)
metrics         AUROC and its kin, the verdict on collapse
simulation      the curse in a plane, and the terms of its bound (Eq. 2-4); no torch
detectors       a detector fitted to a task, and its scores
deploy          a folder of normal pictures, a folder without labels: fit, score, save, load
experiments     one run from its configuration to its result
store, sweeps   many runs, never computed twice
statistics      means, spreads, and when a method is above another
published       the paper's tables, and its claims held against runs
reports, tables  words, tables as the paper prints them
plots, charts   figures
scenes          the plane drawn, and a slider for a live notebook; no torch
diagrams        the method's boxes and arrows (Figure 3)
curves          a score against a parameter
arrows          what a loss asks of every point
clusters        what each cluster took
margins         a method between its best control and its oracle
anatomy         one run looked at closely, before training and after
gallery         figures and pictures of such a run
autopsy         what broke in a run: the verdict in its parts
studies         a notebook's parameters, runs and files
reproduce       every notebook headless, with its manifest
cli             the command line
==============  =========================================================================
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
    "check_answer": "lessons.study",
}

__all__ = sorted(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str):
    """Import on first use, so that ``twofold --help`` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'twofold' has no attribute {name!r}")
    return getattr(import_module(f"twofold.{_HOMES[name]}"), name)
