"""A detector in a page for people: what it was made from, what it promises, and what it cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twofold.deploy.fields import written

if TYPE_CHECKING:
    from twofold.deploy.detector import TwoFoldDetector

__all__ = ["model_card"]

LIMITS = (
    "It looks at whole pictures, shrunk to a square: a fault of a few pixels cannot be seen.",
    "It takes most of the unlabelled pictures for normal; where half of them are anomalous it cannot know which half.",
    "What it calls anomalous is unlike the fitted pictures; that may be a fault, a new product or another light.",
    "Its promise is about pictures like the fitted ones: `twofold check` looks at new ones; fit again when they differ.",
)


def model_card(detector: TwoFoldDetector) -> str:
    """The card of a fitted detector, in Markdown; the same detector gives the same card.

    Raises
    ------
    InputError : not fitted yet.
    """
    method, line, trust, config = detector.fitted(), detector.line_, detector.trust_, detector.config_
    skipped = {domain: len(reasons) for domain, reasons in detector.skipped_.items()}
    networks = [
        f"- {role}: {getattr(config.networks, role)} at {method.size_px} px" for role in sorted(config.settings.networks)
    ]
    lines = [
        "# A detector of anomalies in pictures, fitted without labels",
        "## Data",
        f"- source: {detector.n_source_} pictures, taken for normal, {skipped.get('source', 0)} skipped",
        f"- target: {len(detector.held_out_)} unlabelled pictures, {skipped.get('target', 0)} skipped; "
        f"{trust.kept} of them taken for normal",
        "## Method",
        f"- {config.method}, preset {config.preset}",
        "- " + ", ".join(f"{name} {value}" for name, value in written(config).items()),  # no path, as in the file
        *networks,
        "## Promise",
        f"- rule {line.rule}, threshold {line.threshold:.6g}: {line.promise}",
        "## Trust",
        *(f"- {words}" for words in trust.words()),
        "## Assumptions and limits",
        *(f"- {words}" for words in LIMITS),
    ]
    return "\n".join(lines) + "\n"
