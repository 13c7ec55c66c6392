"""The method as boxes and arrows named by their code, and bars over pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle

from twofold.methods import training
from twofold.parts import alignment, one_class, selection
from twofold.plots.style import COLORS, GREY, INK, spread_out

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["ROLES", "diagram", "loss_curves", "loss_words", "method_parts", "picture_bars", "push_words"]

ROLES = {  # kind of box -> face, edge, line of the edge
    "data": ("#FFFFFF", "#555555", "-"),
    "frozen": ("#FFFFFF", INK, "--"),
    "trainable": ("#D0D0D0", "#000000", "-"),
    "computed": ("#F2F2F2", INK, "-"),
}


WAYS = "source>stem target>stem stem>tail tail>sphere tail>alignment sphere>total alignment>total "
WAYS += "target>encoder encoder>largest largest>taken taken>alignment"


def _millions(network: nn.Module) -> str:
    return f"{sum(weight.numel() for weight in network.parameters()) / 1e6:.1f} M weights"


def method_parts(
    stem: nn.Module, tail: nn.Module, encoder: nn.Module, seen: Sequence[np.ndarray]
) -> tuple[dict[str, tuple], list[tuple[str, str]]]:
    """Boxes and arrows of the paper's method, as ``diagram`` takes them (Figure 3).

    Parameters
    ----------
    stem, tail, encoder : the networks, of which the weights are counted.
    seen : a picture (h, w, 3) of the source and one of the target.
    """
    boxes = {
        "source, normal": (0.0, 3.0, seen[0], "data"),
        "target, unlabelled": (0.0, 1.5, seen[1], "data"),
        "stem of f": (2.9, 2.25, f"Backbone.stem\n{_millions(stem)}", "frozen"),
        "tail of f": (5.8, 2.25, f"Backbone.tail\n{_millions(tail)}", "trainable"),
        "encoder φ": (2.9, 0.0, f"backbones.load_encoder\n{_millions(encoder)}", "frozen"),
        "largest cluster, Eq. 6": (5.8, 0.0, selection.dominant_cluster, "computed"),
        "taken for normal, Eq. 7": (8.7, 0.0, selection.select, "computed"),
        "sphere, Eq. 5": (8.7, 3.0, one_class.dsvdd_loss, "computed"),
        "alignment, Eq. 8 and 9": (8.7, 1.5, alignment.contrastive_loss, "computed"),
        "total, Eq. 10": (11.6, 2.25, training.train, "computed"),
    }
    heads = {word.split(",")[0].split(" ")[0]: word for word in boxes}
    return boxes, [tuple(heads[end] for end in way.split(">")) for way in WAYS.split()]


def _words(what: Any) -> str:
    """A function or class by its file and name, text as it is: the drawing cannot outlive the code."""
    if isinstance(what, str):
        return what
    return f"{what.__module__.rpartition('.')[2]}.{what.__qualname__}"


def diagram(boxes: Mapping[str, tuple], arrows: Sequence[tuple[str, str]], ax: Axes, size: tuple = (2.0, 0.62)) -> Axes:
    """Boxes and arrows, the boxes named by the code they stand for.

    Parameters
    ----------
    boxes : heading -> (x, y, what, role): the middle; a function or class, text, or a picture (h, w, 3); a key of ``ROLES``.
    arrows : headings, from and to.
    size : of every box.
    """
    width, height = size
    for heading, (x, y, what, role) in boxes.items():
        face, edge, line = ROLES[role]
        shape = f"round,pad=0,rounding_size={height / 6}"
        corner = (x - width / 2, y - height / 2)
        ax.add_patch(
            FancyBboxPatch(corner, width, height, shape, facecolor=face, edgecolor=edge, linestyle=line, linewidth=1.8)
        )
        if isinstance(what, np.ndarray):
            across = 0.86 * height * what.shape[1] / what.shape[0]
            ax.imshow(what, extent=(x - across / 2, x + across / 2, y - 0.43 * height, y + 0.43 * height), zorder=2)
            ax.text(x, y + 0.6 * height, heading, ha="center", va="bottom", fontsize=10, fontweight="bold")
            continue
        ax.text(x, y + 0.16 * height, heading, ha="center", va="center", fontsize=10, fontweight="bold")
        ax.text(x, y - 0.22 * height, _words(what), ha="center", va="center", fontsize=8.5, family="monospace")
    for start, end in arrows:
        (x0, y0), (x1, y1) = boxes[start][:2], boxes[end][:2]
        beside = abs(x1 - x0) > 0.8 * width
        turn = np.sign(x1 - x0) if beside else np.sign(y1 - y0)
        tail = (x0 + turn * width / 2, y0) if beside else (x0, y0 + turn * height / 2)
        tip = (x1 - turn * width / 2, y1) if beside else (x1, y1 - turn * height / 2)
        ax.annotate(
            "", tip, tail, arrowprops={"arrowstyle": "-|>", "color": "#333333", "linewidth": 1.4, "shrinkA": 1, "shrinkB": 1}
        )
    used = {role: ROLES[role] for role in ROLES if role != "data" and role in {box[3] for box in boxes.values()}}
    keys = [Patch(facecolor=face, edgecolor=edge, linestyle=line, linewidth=1.5) for face, edge, line in used.values()]
    ax.legend(keys, used, loc="lower left", ncols=3, fontsize=10, borderaxespad=0)
    xs, ys = np.array([box[:2] for box in boxes.values()]).T
    ax.set(xlim=(xs.min() - 0.6 * width, xs.max() + 0.6 * width), ylim=(ys.min() - height, ys.max() + 1.2 * height))
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
    return ax


LOSSES = {  # series -> words, colour, line
    "total": ("total (Eq. 10)", "black", "-"),
    "alignment": (r"$\lambda_2 L_\mathrm{UDA}$ (Eq. 9)", INK, "--"),
    "one_class": (r"$\lambda_1 L_\mathrm{AD}$ (Eq. 5)", GREY, ":"),
}


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Means of every value with those at most ``width // 2`` steps away.

    >>> running_mean(np.array([0.0, 3.0, 6.0, 0.0]), 3).tolist()
    [1.5, 3.0, 3.0, 3.0]
    """
    half = width // 2
    return np.array([values[max(0, i - half) : i + half + 1].mean() for i in range(len(values))])


def loss_curves(losses: Mapping[str, np.ndarray], ax: Axes, width: int = 9) -> Axes:
    """The losses of every batch, pale, under their running means, each named at its end.

    Parameters
    ----------
    losses : one_class and alignment, (steps,) each; their sum is drawn too.
    width : steps in a mean.
    """
    series = {"total": losses["one_class"] + losses["alignment"], **losses}
    means = {name: running_mean(series[name], width) for name in LOSSES}
    top = 1.05 * max(values.max() for values in series.values())
    names = spread_out([mean[-1] for mean in means.values()], 0.08 * top)
    for (name, (words, color, line)), height in zip(LOSSES.items(), names, strict=True):
        at = np.arange(1, len(series[name]) + 1)
        ax.plot(at, series[name], color=color, linewidth=0.8, alpha=0.35)
        ax.plot(at, means[name], color=color, linestyle=line, linewidth=2.6, label=words)
        style = {"color": color, "va": "center", "fontweight": "bold", "fontsize": 11}
        ax.text(1.015, height / top, words, transform=ax.transAxes, **style)
    ax.set(xlabel="step", ylabel=f"loss of a batch, bold: mean of {width} steps", ylim=(0, top), xlim=(1, len(at)))
    return ax


def loss_words(losses: Mapping[str, np.ndarray], before: float, after: float, first: int = 5) -> str:
    """What training did to the loss and to the ranking, in one sentence.

    >>> loss_words({"one_class": np.array([2.0, 1.0]), "alignment": np.array([1.0, 1.0])}, 60.0, 70.0, first=1)
    'In 2 steps the loss goes from 3.00 to 2.00, the AUROC from 60 to 70 %'
    """
    total = losses["one_class"] + losses["alignment"]
    start, end = total[:first].mean(), total[-first:].mean()
    return f"In {len(total)} steps the loss goes from {start:.2f} to {end:.2f}, the AUROC from {before:.0f} to {after:.0f} %"


def push_words(shares: Mapping[float, np.ndarray]) -> str:
    """How unevenly the negatives are pushed, by temperature, in one sentence.

    Parameters
    ----------
    shares : temperature -> (n,) shares of the push.

    >>> push_words({0.1: np.array([0.9, 0.1]), 1.0: np.array([0.6, 0.4])})
    'The nearest negative takes 90 % of the push at τ = 0.1, 60 % at τ = 1; evenly it would be 50 %'
    """
    parts = [
        f"{100 * max(share):.0f} % {'of the push ' * (not i)}at τ = {tau:g}" for i, (tau, share) in enumerate(shares.items())
    ]
    even = 100 / len(next(iter(shares.values())))
    return f"The nearest negative takes {', '.join(parts)}; evenly it would be {even:.0f} %"


def picture_bars(shares: np.ndarray, pictures: Tensor, labels: np.ndarray, ax: Axes) -> Axes:
    """A bar over each picture, framed by its label.

    Parameters
    ----------
    shares : (n,) heights, in [0, 1].
    pictures : uint8 (n, 3, h, w)
    labels : (n,) 0 normal, 1 anomalous.
    """
    for i, (share, picture, label) in enumerate(zip(shares, pictures, labels, strict=True)):
        color = COLORS[("normal", "anomalous")[int(label)]]
        ax.bar(i, share, 0.8, color=color, hatch="//" if label else "", edgecolor="white")
        ax.imshow(picture.permute(1, 2, 0).numpy(), extent=(i - 0.4, i + 0.4, -0.22, -0.02), aspect="auto")
        ax.add_patch(Rectangle((i - 0.4, -0.22), 0.8, 0.2, fill=False, edgecolor=color, linewidth=2))
        ax.text(i, share, f"{100 * share:.0f} %", ha="center", va="bottom", fontsize=13, fontweight="bold")
    ax.set(xlim=(-0.7, len(shares) - 0.3), ylim=(-0.24, 1), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax
