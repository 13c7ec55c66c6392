"""Piles of generic pictures as networks see them: features that are shipped, since embedding a pile takes as long as a fit.

``python -m twofold.networks.piles FOLDER`` writes ``piles.safetensors`` anew: half-precision features of every pile as the
embedded preset's networks see it at 128 px, hidden and last layer. For another network or size drawings and letters are
embedded here; of photographs, which may not be handed on, there are only these features.

FOLDER holds one photograph of each ImageNet class as ``<WordNet id>_<name>.jpg``
(github.com/EliSchwartz/imagenet-sample-images). Pictures of a class that one of the photographic data sets has too are left
out, ``SHOWN``, as a pile shows no class of a task; of the others every third is kept. Any network or size of which no
features are here is refused: a folder of photographs does the same there.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from twofold.data.background import BACKGROUNDS, load_background
from twofold.data.domains import View
from twofold.data.folders import load_pictures
from twofold.errors import InputError
from twofold.files import whole
from twofold.networks.backbones import Extractor, load_layers
from twofold.networks.cache import EmbeddingCache
from twofold.networks.weights import WHEELS, resolve_weights

__all__ = ["piles", "write_piles"]

SHIPPED = Path(__file__).with_name("piles.safetensors")
SIZE_PX = 128  # of the embedded preset's encoder on photographs
EVERY = 3  # of the photographs is kept: neighbours in 250 tell what those in 750 tell

DOGS = ("n02085620", "n02116738")  # from the first dog to the last wild one, as WordNet numbers them

# class of PACS, Office, Office-Home or VisDA -> ImageNet classes that show it, or something that may be taken for it
SHOWN = {
    "aeroplane": "n02690373 n04552348 n04592741",
    "backpack": "n02769748",
    "bicycle": "n02835271 n03792972 n04482393 n04509417",
    "bookcase": "n02870880 n02871525 n03661043",
    "bottle": "n02823428 n03937543 n03983396 n04557648 n04579145 n04591713",
    "bus": "n03769881 n04146614 n04487081",
    "calculator": "n03485407",
    "car": (
        "n02701002 n02814533 n02930766 n02965783 n02974003 n03100240 n03444034 n03445924 n03594945 n03670208 n03770679 "
        "n03777568 n03977966 n04037443 n04285008"
    ),
    "desk_chair": "n02791124 n03179701 n03376595 n04099969",
    "desk_lamp": "n03637318 n04380533",
    "drill": "n03995372",
    "elephant": "n01871265 n02504013 n02504458",
    "guitar": "n02676566 n02787622 n02992211 n03272010 n04536866",
    "hammer": "n03481172",
    "headphones": "n03584254",
    "horse": "n02389026 n02391049 n03538406",
    "house": "n02793495 n02843684 n02859443 n03042490 n03457902 n03776460 n04417672 n04435653",
    "kettle": "n03063689 n04398044",
    "keyboard": "n03085013 n04264628 n04505470",
    "knife": "n03041632 n03658185",
    "laptop": "n03180011 n03642806 n03832673",
    "monitor": "n03529860 n03782006 n04152593 n04404412",
    "motorcycle": "n03127747 n03785016 n03791053",
    "mouse": "n03793489",
    "mug": "n03063599 n07920052 n07930864",
    "pan": "n03400231 n04596742",
    "pen": "n02783161 n03388183 n04033901",
    "person": "n09835506 n10148035 n10565667",
    "plant": "n03991062 n11879895 n11939491 n12057211",
    "projector": "n04009552",
    "solar cell": "n04258138",
    "train": "n02917067 n03272562 n03393912 n03895866 n04310018 n04335435",
    "truck": "n03345487 n03417042 n03796401 n03930630 n04065272 n04252225 n04461696 n04465501 n04467665",
}


def piles(name: str, extractors: Sequence[Extractor], embedded: EmbeddingCache) -> dict[str, Tensor]:
    """Features (m, d) of generic pictures, those of several extractors beside each other, by the pile's name.

    Parameters
    ----------
    name : ``"none"``; ``"auto"``, every pile that these extractors can see; one of ``BACKGROUNDS``; or a folder of pictures.
    extractors : of the features.
    embedded : cache of features.

    Raises
    ------
    InputError : no such pile, or photographs as a network sees them of which nothing is shipped.

    >>> piles("none", [], EmbeddingCache())
    {}
    """
    wanted = {"none": (), "auto": BACKGROUNDS}.get(name, (name,))
    shipped = _shipped(SHIPPED) if wanted else {}
    found = {}
    for pile in wanted:
        keys = [f"{pile} {extractor.key}" for extractor in extractors]
        if shipped.keys() >= set(keys):
            seen = [shipped[key] for key in keys]
        elif pile != "photos":
            domain = load_background(pile)
            seen = [embedded.embed(extractor, View(domain, np.arange(len(domain)))) for extractor in extractors]
        elif name == "auto":
            continue
        else:
            here = ", ".join(sorted(key.removeprefix("photos ") for key in shipped if key.startswith("photos ")))
            raise InputError(
                f"wanted photographs as {' and '.join(extractor.key for extractor in extractors)} sees them, got features "
                f"for {here} alone; name a folder of photographs as background"
            )
        found[pile] = torch.cat(seen, dim=1)
    return found


@cache
def _shipped(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}
            digest = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError) as error:
        raise InputError(f"wanted the features of piles in {path.name}, got: {error}; install twofold again") from error
    if digest != _digest(tensors):
        raise InputError(f"wanted the features of piles in {path.name}, got other numbers; install twofold again")
    return {key: rows.float() for key, rows in tensors.items()}


def _digest(tensors: dict[str, Tensor]) -> str:
    return hashlib.sha256(b"".join(key.encode() + tensors[key].numpy().tobytes() for key in sorted(tensors))).hexdigest()


def generic(names: Sequence[str]) -> list[int]:
    """Rows of the photographs that are kept, by the WordNet id that their names begin with.

    >>> generic(["n02105855_Shetland_sheepdog.jpg", "n01440764_tench.jpg"])
    [1]
    """
    shown = {number for several in SHOWN.values() for number in several.split()}
    numbers = [name.rpartition("/")[2].partition("_")[0] for name in names]
    return [row for row, number in enumerate(numbers) if number not in shown and not DOGS[0] <= number <= DOGS[1]][::EVERY]


def write_piles(folder: str | Path, path: Path = SHIPPED) -> None:
    """Write the features of every pile, photographs from a folder, as the networks whose weights pip brings see them.

    Raises
    ------
    InputError : no pictures, or weights out of reach.
    """
    photographs = load_pictures(folder)
    views = {"photos": View(photographs, np.array(generic(photographs.ids.tolist())))}
    views |= {pile: View(domain, np.arange(len(domain))) for pile in ("emoji", "letters") for domain in [load_background(pile)]}
    tensors = {}
    for name in WHEELS:
        extractor, _ = load_layers(name, resolve_weights(name), SIZE_PX)
        tensors |= {f"{pile} {extractor.key}": EmbeddingCache().embed(extractor, view).half() for pile, view in views.items()}
    with whole(path) as aside:
        save_file(tensors, aside, {"sha256": _digest(tensors)})


if __name__ == "__main__":
    write_piles(sys.argv[1])
