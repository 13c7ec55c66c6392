"""What a method is: settings in, networks built, fitted on two views, scores out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor, nn
from torch.nn import functional

from twofold.data.domains import View
from twofold.data.held import HeldView
from twofold.errors import InputError
from twofold.methods.training import Inputs, Recipe, fetched
from twofold.networks.backbones import Backbone, Extractor, load_backbone, load_encoder, load_layers
from twofold.networks.cache import EmbeddingCache
from twofold.networks.weights import resolve_weights
from twofold.plots.style import Look

__all__ = ["STRICT", "FrozenMethod", "Method", "Networks", "Role", "Settings", "ShotSettings", "TrainedMethod"]

STRICT = {"strict": True, "extra": "forbid"}
BATCH = 256  # pictures that go through a network at once
ROWS = 1024  # scored at once: memory stays flat however many pictures there are

Role = Literal["backbone", "encoder"]


@checked(frozen=True, config=STRICT)
class Networks:
    """Which networks there are; a method reads those that its settings name, and the others are None."""

    backbone: str | None = Field(
        "tf_efficientnet_lite0", description="timm name of the network that is trained, or looked with"
    )
    backbone_weights: str | None = Field("pretrained", description="pretrained, random, or a file")
    backbone_size_px: int | None = Field(96, ge=8, le=4096, description="side of its pictures")
    frozen_stages: int | None = Field(7, ge=0, le=100, description="first stages of the backbone that never train")
    encoder: str | None = Field("tf_efficientnet_lite2", description="timm or open_clip:ARCH/TAG name of the frozen encoder")
    encoder_weights: str | None = Field("pretrained", description="pretrained, random, or a file")
    encoder_size_px: int | None = Field(128, ge=8, le=4096, description="side of its pictures, and of all layers looked at")


@checked(frozen=True, config=STRICT)
class Settings:
    """What a method can be told: a field is a flag, its help, a part of the name, a part of the hash."""

    trains: ClassVar[bool] = False  # whether it reads a Recipe

    @property
    def networks(self) -> frozenset[Role]:
        """The networks that are loaded and hashed."""
        return frozenset({"encoder"})

    @property
    def told(self) -> Literal["", "labels", "shots"]:
        """What of the target's answers ``fit`` is told: every result says it."""
        return ""

    def unread(self) -> frozenset[str]:
        """Fields, the networks' among them, that the other fields leave unread: they cannot be given."""
        absent = {"backbone", "encoder"} - self.networks
        names = {name for name in Networks.__pydantic_fields__ if name.split("_")[0] in absent}
        return frozenset(names if self.trains else names | {"frozen_stages"})

    def contradictions(self) -> str:
        """One line for a person where fields exclude each other, else nothing."""
        return ""

    def content(self) -> str | None:
        """Digest of what a field names outside of the package, as a part of the hash; None where no field does."""
        return None


@checked(frozen=True, config=STRICT)
class ShotSettings(Settings):
    """Of a method that is told a few normal target pictures, and sees no other of the target."""

    shots: int = Field(10, ge=1, le=10**6, description="labelled normal pictures of the target; no other is seen")

    @property
    def told(self) -> Literal["labels", "shots"]:
        return "shots"


class Method(nn.Module):
    """A way to judge pictures of the target: settings in, networks built, fitted on two views, scores out.

    Parameters
    ----------
    settings : of the class's own ``Settings``.
    networks : those that the settings name.
    recipe : of the training; None where nothing is trained.
    seed : of all that is drawn.
    cache : of frozen features.

    Attributes
    ----------
    selected_ : (n,) bool, rows of the unlabelled target taken for normal, for the report alone; None where none are chosen.
    notes_ : what the method wants in its result.
    seen_ : (n,) contents of the pictures in memory that a scored picture may be one of: no picture judges itself.
    losses_ : every term by step.
    vouched : contents of target pictures that someone has found normal; whoever puts pictures aside keeps these.
    """

    Settings: ClassVar[type[Settings]] = Settings
    looks: ClassVar[dict[str, Look]] = {}  # by the method's name
    published: ClassVar[dict[str, Any]] = {}  # fields of networks and recipe that its paper sets; they go before a preset's
    frozen: ClassVar[tuple[str, ...]] = ()  # beginnings of names in the state that are no part of what was learned
    no_graph: ClassVar[str] = ""  # why it cannot be exported

    def __init__(
        self,
        settings: Settings | None = None,
        networks: Networks | None = None,
        recipe: Recipe | None = None,
        seed: int = 0,
        cache: EmbeddingCache | None = None,
        progress: bool = False,
    ) -> None:
        super().__init__()
        self.settings, self.networks, self.recipe = settings or self.Settings(), networks or Networks(), recipe or Recipe()
        self.seed, self.cache, self.progress = seed, cache or EmbeddingCache(), progress
        self.selected_: np.ndarray | None = None
        self.notes_: dict[str, float] = {}
        self.seen_ = np.empty(0, dtype=str)
        self.losses_: dict[str, np.ndarray] = {}
        self.vouched: frozenset[str] = frozenset()

    # what a method writes -------------------------------------------------------------------------------------------

    def fit(self, source: View, target: View, told: np.ndarray | None = None) -> Self:
        """Learn from normal source pictures and unlabelled target pictures; ``told`` is what ``settings.told`` names."""
        raise NotImplementedError

    def inputs(self, view: View) -> Inputs:
        """What ``features`` reads of a view, by row."""
        raise NotImplementedError

    def features(self, x: Tensor) -> Tensor:
        """What the score looks at, (n, d), of stem features (float) or pictures (uint8, at ``size_px``)."""
        raise NotImplementedError

    def score(self, z: Tensor, own: Tensor | None = None) -> Tensor:
        """(n,) higher is more anomalous; ``own`` (n,) is the row in ``seen_`` that is the same picture, -1 where none is."""
        raise NotImplementedError

    @property
    def size_px(self) -> int:
        """Side of the pictures that ``forward`` wants."""
        raise NotImplementedError

    def leaves(self, z: Tensor) -> dict[str, tuple[torch.dtype, tuple[int | None, ...]]]:
        """What ``fit`` leaves beside trained parts, by name: kind and shape, None for any length; ``z`` are some features."""
        return {}

    # what is written once -------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        return next(self.parameters()).device

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 (n, 3, h, w) -> scores (n,): the exported graph. Pictures of another size are resized here."""
        if pictures.shape[-2:] != (self.size_px, self.size_px):
            resized = functional.interpolate(pictures.float(), (self.size_px,) * 2, mode="bicubic", antialias=True)
            pictures = resized.round().clamp(0, 255).to(torch.uint8)
        return self.score(self.features(pictures))

    def hold(self, view: View) -> View:
        """The same view for many a look: where nothing is trained its features are looked for once."""
        return view

    def embed(self, view: View) -> Tensor:
        """Features (n, d) of all pictures of a view on the CPU, as the score sees them."""
        with torch.random.fork_rng(devices=[]):  # the loader of pictures draws a number
            return self.look(self.inputs(view), self.features)

    @torch.no_grad()
    def look(self, inputs: Inputs, features: Callable[[Tensor], Tensor]) -> Tensor:
        """(n, d) on the CPU: a function of the networks on all rows, in evaluation mode."""
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        plan = [(rows, None) for rows in np.array_split(np.arange(len(inputs)), -(-len(inputs) // BATCH))]
        z = [features(x.to(self.device)).cpu() for x, _ in fetched(inputs, None, plan)]
        for module, training in modes:
            module.training = training
        return torch.cat(z)

    @torch.no_grad()
    def anomaly_score(self, view: View, z: Tensor | None = None) -> np.ndarray:
        """(n,) float64 scores of a view's pictures; higher is more anomalous. ``z`` are its features, where they are there."""
        z, own = self.embed(view) if z is None else z, self._own(view)
        scores = [
            self.score(rows.to(self.device), None if own is None else own[at : at + ROWS].to(self.device)).cpu()
            for at, rows in zip(range(0, len(z), ROWS), z.split(ROWS), strict=True)
        ]
        return torch.cat(scores).numpy()

    def answers(self, told: np.ndarray | None) -> np.ndarray | None:
        """What the settings say that ``fit`` is told, and nothing where they say nothing.

        Raises
        ------
        ValueError : it is wanted and not there.
        """
        if self.settings.told and told is None:
            raise ValueError(
                f"fit wants the target's {self.settings.told} (n,) as told, got None; pass what settings.told names"
            )
        return told if self.settings.told else None

    def shots(self, target: View, told: np.ndarray | None) -> View:
        """The first target pictures that are told to be normal, as many as the settings say; nobody looks at the others."""
        return target.subset(np.flatnonzero(self.answers(told) == 0)[: self.settings.shots])

    def _own(self, view: View) -> Tensor | None:
        if not len(self.seen_):
            return None
        row_of = {content: row for row, content in enumerate(self.seen_)}
        return torch.tensor([row_of.get(content, -1) for content in view.contents])

    def extractor(self, role: Role) -> Extractor:
        """One of the networks, frozen as a whole, at its own size."""
        name, weights, size_px = (getattr(self.networks, f"{role}{field}") for field in ("", "_weights", "_size_px"))
        return load_encoder(name, resolve_weights(name, weights, self.seed), size_px, self.seed)

    def features_of_one(self, picture: Tensor) -> Tensor:
        """Features (1, d) of a uint8 picture (1, 3, size_px, size_px), wherever they are had from."""
        return self.features(picture.to(self.device))

    @torch.no_grad()
    def glance(self) -> Tensor:
        """Features (1, d) of a black picture: how wide they are, and of which kind."""
        black = torch.zeros(1, 3, self.size_px, self.size_px, dtype=torch.uint8, device=self.device)
        return self.eval().features(black)

    def state(self) -> dict[str, Tensor]:
        """What fitting has left, by name: trained parts and buffers, not the frozen networks."""
        kept = {name: value for name, value in self.state_dict().items() if not name.startswith(self.frozen)}
        return {name: value.cpu().contiguous() for name, value in kept.items()}

    @torch.no_grad()
    def restore(self, state: dict[str, Tensor], seen: Sequence[str] = ()) -> Self:
        """Take up what ``state`` gave, without fitting.

        Raises
        ------
        ValueError : a tensor is missing, too many, or of another kind or shape.
        """
        self.seen_ = np.asarray(seen, dtype=str)
        left = self.leaves(self.glance())
        wanted = {name: (value.dtype, tuple(value.shape)) for name, value in self.state().items()} | left
        for name in sorted(wanted.keys() | state.keys()):
            given = (state[name].dtype, tuple(state[name].shape)) if name in state else None
            if given is None or name not in wanted or not _fits(given, wanted[name]):
                raise ValueError(f"state must hold {name!r} as {wanted.get(name)}, got {given}; take that of an equal method")
        for name in left:
            self.register_buffer(name, state[name].to(self.device))
        self.load_state_dict(state, strict=False)
        return self


def _fits(given: tuple, wanted: tuple) -> bool:
    """Whether kind and shape are those that are wanted."""
    (kind, shape), (wanted_kind, wanted_shape) = given, wanted
    lengths = len(shape) == len(wanted_shape) and all(
        want in (None, length) for length, want in zip(shape, wanted_shape, strict=True)
    )
    return kind == wanted_kind and lengths


class FrozenMethod(Method):
    """A method that looks at pictures with networks that nobody trains; all see them at one size."""

    frozen = ("eyes.",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.extractors = self.load_extractors()
        self.eyes = nn.ModuleList(extractor.network for extractor in self.extractors)

    def load_extractors(self) -> list[Extractor]:
        """The networks, in the order in which their features stand beside each other."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        return self.extractors[0].device

    def features_of_one(self, picture: Tensor) -> Tensor:
        return torch.cat([self.cache.embed_once(extractor, picture) for extractor in self.extractors], dim=1)

    def glance(self) -> Tensor:
        widths = [extractor.widths for extractor in self.extractors]
        return torch.zeros(1, sum(map(sum, widths)), device=self.device) if all(widths) else super().glance()

    def twin(self) -> Self:
        """Another method with the same networks, to be fitted otherwise: what it learns is its own."""
        other = copy.copy(self)
        other._buffers = dict(self._buffers)
        return other

    @property
    def size_px(self) -> int:
        return self.extractors[0].size_px

    def hold(self, view: View) -> HeldView:
        if isinstance(view, HeldView):
            return view
        held = HeldView(view, view.contents)
        self.embed(held)
        if (view.contents != held.contents).any():
            raise InputError("wanted pictures that stay as they are, got some that changed; run it again when nothing writes")
        return held

    def named(self, *what: Hashable) -> tuple[Hashable, ...]:
        """The name under which a ``HeldView`` holds something that this method finds: no other finds it in its place."""
        return (*what, type(self), self.settings, self.networks, self.seed)

    def inputs(self, view: View) -> Tensor:
        if isinstance(view, HeldView):
            return view.of_each(self.named("features"), lambda whole: self.inputs(whole.view))
        return torch.cat(self.cache.embed_all(self.extractors, view), dim=1)

    def embed(self, view: View) -> Tensor:
        return self.inputs(view)

    def features(self, x: Tensor) -> Tensor:
        if x.dtype != torch.uint8:
            return x
        return torch.cat([extractor.network(extractor.prepare(x)) for extractor in self.extractors], dim=1).float()

    def layers(self, role: Role, hidden: bool = True) -> tuple[Extractor, tuple[int, ...]]:
        """A network's last layer, with a hidden one before it, seen at the encoder's size, and the widths of the layers."""
        name, weights = getattr(self.networks, role), getattr(self.networks, f"{role}_weights")
        return load_layers(name, resolve_weights(name, weights, self.seed), self.networks.encoder_size_px, hidden, self.seed)


class TrainedMethod(Method):
    """A method that trains the tail of a backbone behind a frozen stem, whose features are kept."""

    frozen = ("backbone.stem",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.backbone: Backbone = self.load_backbone()

    def load_backbone(self) -> Backbone:
        """The network as it is before any training."""
        nets = self.networks
        weights = resolve_weights(nets.backbone, nets.backbone_weights, self.seed)
        return load_backbone(nets.backbone, weights, nets.backbone_size_px, nets.frozen_stages, self.seed)

    @property
    def size_px(self) -> int:
        return self.backbone.stem.size_px

    def inputs(self, view: View) -> Inputs:
        return Inputs(view, self.backbone, self.cache)

    def features(self, x: Tensor) -> Tensor:
        return self.backbone(x).float()
