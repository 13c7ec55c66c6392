"""The check of every baseline: where there is no shift at all it must be well above chance, else it is broken."""

from twofold.runs.config import configure
from twofold.runs.run import prepare, run


def in_domain_auroc(method, normal="3", **fields):
    """AUROC in percent with the target's own train pool as the source: digits optdigits->optdigits."""
    result, _ = run(prepare(configure("digits", "optdigits", "optdigits", normal, method, **fields)))
    assert not result["collapsed"]
    return result["auroc"]
