"""Networks as a frozen stem and a trainable tail, and the frozen encoders beside them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import chain
from threading import Lock

import torch
from torch import Tensor, nn

from twofold.compute import keep_memory
from twofold.errors import InputError
from twofold.networks.torchscript import is_torchscript
from twofold.networks.weights import Weights, split_open_clip

__all__ = ["Backbone", "Extractor", "load_backbone", "load_encoder", "load_layers"]

# widths of the layers, mean and std of the networks that pip brings: they need not be built to be told apart
KNOWN = {
    "tf_efficientnet_lite0": ((192, 1280), (0.5,) * 3, (0.5,) * 3),
    "tf_efficientnet_lite2": ((208, 1280), (0.5,) * 3, (0.5,) * 3),
}


@dataclass(frozen=True, eq=False)
class Extractor:
    """A frozen map from uint8 pictures to features: equal ``key`` means equal features.

    Parameters
    ----------
    key : names the network, its weights, the layer and the preprocessing.
    network : images (n, 3, h, w) -> (n, ...).
    size_px : side of the pictures it wants.
    mean, std : of its normalisation, per colour, on [0, 1].
    center_crop : whether it wants the middle square of a picture, as the presets of CLIP models ask for; all others see
        the whole picture, resized to a square.
    widths : of the layers that stand beside each other in the features, where there are several or they are known.
    """

    key: str
    network: nn.Module
    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    center_crop: bool = False
    widths: tuple[int, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the network lives; one without a tensor is taken to live on the CPU."""
        tensors = chain(self.network.parameters(), self.network.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))

    def prepare(self, pictures: Tensor, device: torch.device | None = None) -> Tensor:
        """uint8 (n, 3, h, w) -> normalised float images on the network's device unless told another, channels last."""
        images = pictures.to(device or self.device, memory_format=torch.channels_last).float().div_(255)
        return (images - images.new_tensor(self.mean).view(3, 1, 1)) / images.new_tensor(self.std).view(3, 1, 1)

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features of uint8 pictures (n, 3, h, w), float32 on the CPU."""
        return self.network(self.prepare(pictures)).float().cpu().contiguous()


class Backbone(nn.Module):
    """A trainable feature extractor ``f``: a frozen ``stem`` whose outputs can be kept, and a ``tail`` that learns.

    Parameters
    ----------
    stem : Extractor of the first stages; an empty network when nothing is frozen.
    tail : stem features (n, c, h, w) -> features (n, d).
    """

    def __init__(self, stem: Extractor, tail: nn.Module) -> None:
        super().__init__()
        self.stem, self.stem_network, self.tail = stem, stem.network, tail

    @property
    def has_stem(self) -> bool:
        """Whether any stage is frozen."""
        return len(self.stem_network) > 0

    @property
    def device(self) -> torch.device:
        """Where both parts live."""
        return next(self.parameters()).device

    def forward(self, inputs: Tensor) -> Tensor:
        """Features (n, d) of stem features (float) or of pictures (uint8)."""
        return self.tail(self.stemmed(inputs))

    def stemmed(self, inputs: Tensor) -> Tensor:
        """Stem features of pictures (uint8); stem features (float) stay as they are."""
        if inputs.dtype != torch.uint8:
            return inputs
        with torch.no_grad():
            return self.stem_network(self.stem.prepare(inputs, self.device))

    def map(self, inputs: Tensor) -> Tensor:
        """Last map (n, c, h, w) before pooling, of what ``forward`` takes.

        Raises
        ------
        InputError : a family of networks whose stages are not known.
        """
        *stages, last = self.tail
        z = self.stemmed(inputs)
        for stage in [*stages, *(last[:-1] if isinstance(last, nn.Sequential) else [])]:
            z = stage(z)
        if z.ndim != 4 or not len(self.tail) + len(self.stem_network) > 1:
            raise InputError(
                f"wanted a backbone whose last map can be read, got {self.stem.key.split(':')[0]}; take an "
                "EfficientNet or a ResNet of timm"
            )
        return z


def _stages(model: nn.Module) -> list[nn.Module]:
    """A timm model as consecutive stages whose composition is the model; one stage where its family is unknown."""
    if all(hasattr(model, name) for name in ("conv_stem", "bn1", "blocks", "conv_head", "bn2", "global_pool")):
        return [
            nn.Sequential(model.conv_stem, model.bn1),
            *model.blocks,
            nn.Sequential(model.conv_head, model.bn2, model.global_pool),
        ]
    if all(hasattr(model, name) for name in ("conv1", "bn1", "act1", "maxpool", "layer4", "global_pool")):
        first = nn.Sequential(model.conv1, model.bn1, model.act1, model.maxpool)
        return [first, model.layer1, model.layer2, model.layer3, model.layer4, model.global_pool]
    return [model]


def _timm_model(name: str, weights: Weights, size_px: int, seed: int) -> tuple[nn.Module, tuple, tuple]:
    """timm model without classifier, with its mean and std: a copy of its own for everyone who asks."""
    model = copy.deepcopy(_untouched(name, weights, size_px, seed))
    return model, tuple(model.pretrained_cfg["mean"]), tuple(model.pretrained_cfg["std"])


@lru_cache(maxsize=2)  # a backbone and an encoder
def _untouched(name: str, weights: Weights, size_px: int, seed: int) -> nn.Module:
    """timm model without classifier, kept for the next method of this process: its weights are known by their bytes."""
    import timm

    if not timm.is_model(name):
        close = ", ".join(timm.list_models(f"*{name.split('.')[0].split('_')[-1]}*")[:5]) or "see timm.list_models()"
        raise InputError(f"wanted a timm model, got {name!r}; close names: {close}")
    flexible = {"img_size": size_px} if timm.models.is_model_in_modules(name.split(".")[0], {"vision_transformer"}) else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if weights.origin in ("random", "wheel"):
            model = timm.create_model(name, pretrained=False, num_classes=0, **flexible)
        else:
            # without a classifier on either side timm loads strictly; else weights that fit nowhere pass in silence
            classifiers = (timm.get_pretrained_cfg(name) or timm.models.PretrainedCfg()).classifier or ()
            heads = tuple(f"{head}." for head in ((classifiers,) if isinstance(classifiers, str) else classifiers))
            state = {key: value for key, value in weights.state_dict().items() if not key.startswith(heads)}
            if not state:  # timm would turn to the hub
                raise _unfit(weights, ValueError("it holds no tensor of the network"))
            overlay = {"state_dict": state, "num_classes": 0, "label_offset": 0}
            try:
                model = timm.create_model(name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay, **flexible)
            except (RuntimeError, KeyError, ValueError) as error:
                raise _unfit(weights, error) from error
    if weights.origin == "wheel":
        _load_in_order(model, weights)
    return model.eval()


def _unfit(weights: Weights, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(
        f"wanted weights that fit {weights.model}, got {weights.path} ({reason}); give the file of this very architecture"
    )


def _load_in_order(model: nn.Module, weights: Weights) -> None:
    """The wheels name the same tensors otherwise, in the same order; the classifier comes last and is dropped."""
    own, given = model.state_dict(), list(weights.state_dict().values())
    for (name, tensor), value in zip(own.items(), given, strict=False):
        if tensor.shape != value.shape:
            raise _unfit(weights, ValueError(f"{name} has shape {tuple(tensor.shape)}, the file {tuple(value.shape)}"))
    model.load_state_dict(dict(zip(own, given, strict=False)))


def load_backbone(name: str, weights: Weights, size_px: int, frozen_stages: int = 0, seed: int = 0) -> Backbone:
    """A timm network cut after its first stages, which stay frozen.

    Parameters
    ----------
    name : timm name.
    weights : from ``resolve_weights``.
    size_px : side of the pictures.
    frozen_stages : stages in the stem; EfficientNets have 9 (stem, 7 blocks, head), ResNets 6 (stem, 4 layers, pooling).
    seed : of random weights.

    Returns
    -------
    Backbone in eval mode on the CPU.

    Raises
    ------
    InputError : unknown name, weights that do not fit, more frozen stages than the network can have.

    >>> from twofold.networks.weights import resolve_weights
    >>> name = "tf_efficientnet_lite0"
    >>> backbone = load_backbone(name, resolve_weights(name, "random"), size_px=32, frozen_stages=3)
    >>> tuple(backbone(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape)
    (2, 1280)
    """
    keep_memory()  # before the first thread of torch's own takes memory
    model, mean, std = _timm_model(name, weights, size_px, seed)
    stages = _stages(model)
    if not 0 <= frozen_stages < len(stages):
        raise InputError(
            f"wanted frozen_stages from 0 to {len(stages) - 1} for {name}, got {frozen_stages}; "
            "at least the last stage has to learn"
        )
    stem = nn.Sequential(*stages[:frozen_stages]).requires_grad_(False).eval()
    tail = nn.Sequential(*stages[frozen_stages:]).to(memory_format=torch.channels_last)
    key = f"{name}:stem{frozen_stages}:{weights.key}:{size_px}px"
    stem = Extractor(key, stem.to(memory_format=torch.channels_last), size_px, mean, std)
    return Backbone(stem, tail).eval()


class _ClipImages(nn.Module):
    """The picture half of a CLIP model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.visual = model.visual

    def forward(self, images: Tensor) -> Tensor:
        return self.visual(images)


def load_encoder(name: str, weights: Weights, size_px: int, seed: int = 0) -> Extractor:
    """A frozen encoder ``phi``: open_clip's picture half, DINOv2 through timm, or any timm network.

    Parameters
    ----------
    name : ``open_clip:ARCH/TAG`` or a timm name.
    weights : from ``resolve_weights``.
    size_px : side of the pictures; CLIP models take their own size alone.
    seed : of random weights.

    Returns
    -------
    Extractor of features (n, d), not normalised. A CLIP model asks for a centre crop where its own preset does.

    Raises
    ------
    InputError : unknown name, weights that do not fit, or a size the model cannot take.
    """
    keep_memory()
    clip = split_open_clip(name)
    if clip is None:
        model, mean, std = _timm_model(name, weights, size_px, seed)
        network, center_crop = model, False
    else:
        model, mean, std, center_crop = _clip_model(clip, weights, size_px, seed)
        network = _ClipImages(model)
    network = network.requires_grad_(False).eval().to(memory_format=torch.channels_last)
    key = f"{name}:features:{weights.key}:{size_px}px" + (":center crop" if center_crop else "")
    return Extractor(key, network, size_px, mean, std, center_crop)


class _Layers(nn.Module):
    """The pooled output of a hidden stage beside the network's own features."""

    def __init__(self, stages: list[nn.Module]) -> None:
        super().__init__()
        self.lower, self.upper = nn.Sequential(*stages[:-2]), nn.Sequential(*stages[-2:])

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.lower(images)
        return torch.cat([hidden.mean(dim=(2, 3)), self.upper(hidden).flatten(1)], dim=1)


_BUILDING = Lock()  # no part of a network, which can be copied and pickled


class _Late(nn.Module):
    """A network that is built when something first looks through it: where all is cached nothing does, and timm is not loaded.

    Parameters
    ----------
    build : makes its extractor, on the CPU.
    """

    def __init__(self, build: Callable[[], Extractor]) -> None:
        super().__init__()
        self._build = build
        self.register_buffer("_place", torch.empty(0), persistent=False)  # where it will live

    def forward(self, images: Tensor) -> Tensor:
        with _BUILDING:
            if not hasattr(self, "built"):
                self.built = self._build().network.to(self._place).train(self.training)
        return self.built(images)


def load_layers(
    name: str, weights: Weights, size_px: int, hidden: bool = True, seed: int = 0
) -> tuple[Extractor, tuple[int, ...]]:
    """A frozen network's features, with those of its third stage from the end before them where its family is known.

    Parameters
    ----------
    name, weights, size_px, seed : as in ``load_encoder``.
    hidden : whether to look at the hidden stage at all.

    Returns
    -------
    Extractor of features (n, d), and the widths of the layers that make up d.

    Raises
    ------
    InputError : as in ``load_encoder``.

    >>> from twofold.networks.weights import resolve_weights
    >>> name = "tf_efficientnet_lite0"
    >>> load_layers(name, resolve_weights(name, "random"), size_px=32)[1]
    (192, 1280)
    """
    if name in KNOWN and weights.origin in ("wheel", "random"):  # a file may not fit, which is said at once
        widths, mean, std = KNOWN[name]
        network = _Late(partial(_layers, name, weights, size_px, hidden, seed))
        kind, widths = ("layers", widths) if hidden else ("features", widths[1:])
        extractor = Extractor(f"{name}:{kind}:{weights.key}:{size_px}px", network.eval(), size_px, mean, std, widths=widths)
    else:
        extractor = _layers(name, weights, size_px, hidden, seed)
    return extractor, extractor.widths


def _layers(name: str, weights: Weights, size_px: int, hidden: bool, seed: int) -> Extractor:
    encoder = load_encoder(name, weights, size_px, seed)
    stages = _stages(encoder.network) if hidden and split_open_clip(name) is None else []
    with torch.no_grad():
        width = encoder(torch.zeros(1, 3, size_px, size_px, dtype=torch.uint8)).shape[1]
        if len(stages) < 4:
            return replace(encoder, widths=(width,))
        layers = replace(encoder, network=_Layers(stages).eval(), key=encoder.key.replace(":features:", ":layers:"))
        total = layers(torch.zeros(1, 3, size_px, size_px, dtype=torch.uint8)).shape[1]
    return replace(layers, widths=(total - width, width))


def _clip_model(clip: tuple[str, str], weights: Weights, size_px: int, seed: int) -> tuple[nn.Module, tuple, tuple, bool]:
    """open_clip model with its mean and std, and whether its preset wants a picture's middle square."""
    import open_clip

    architecture, tag = clip
    if architecture not in open_clip.list_models():
        raise InputError(f"wanted an open_clip architecture, got {architecture!r}; see open_clip.list_models()")
    wanted_px = open_clip.get_model_config(architecture)["vision_cfg"]["image_size"]
    if size_px != wanted_px:
        raise InputError(f"wanted encoder_size_px {wanted_px} for {architecture}, got {size_px}; pass {wanted_px}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            if weights.path and is_torchscript(weights.path):
                model = _clip_of_openai(architecture, weights)
            else:
                path = str(weights.path) if weights.path else None
                model = open_clip.create_model(architecture, pretrained=path, weights_only=True)
        except Exception as error:  # open_clip passes on whatever its readers raise
            raise _unfit(weights, error) from error
    # a local file carries no preprocessing of its own: the tag decides, and OpenAI's constants are the default
    cfg = open_clip.get_pretrained_cfg(architecture, tag) or {}
    mean = cfg.get("mean") or open_clip.OPENAI_DATASET_MEAN
    std = cfg.get("std") or open_clip.OPENAI_DATASET_STD
    center_crop = cfg.get("resize_mode", "shortest") == "shortest"  # open_clip's own default
    return model, tuple(mean), tuple(std), center_crop


def _clip_of_openai(architecture: str, weights: Weights) -> nn.Module:
    """A CLIP model of OpenAI's TorchScript archive, which holds three numbers and the tensors' names as they are here."""
    import open_clip

    model = open_clip.CLIP(**open_clip.get_model_config(architecture))
    known, given = model.state_dict().keys(), weights.state_dict()
    model.load_state_dict({name: given[name] for name in known if name in given})  # one that is missing is refused
    return model
