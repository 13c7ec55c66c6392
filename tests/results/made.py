"""Results made by hand, in the shape in which runs store them."""

from twofold.runs.presets import RECIPE_VERSION

SETTINGS = {"selection": "kmeans", "alignment": "contrastive", "n_clusters": 2}


def result(
    normal="0", seed=0, auroc=80.0, method="twofold", collapsed=False, pair=("digits", "type", "optdigits"), told="", **fields
):
    """A finished run; ``fields`` go where they belong: protocol, recipe, quality of the selection, notes, else settings."""
    protocol = {"preset": "embedded", "anomaly_classes": None, "transductive": False, "paired": False, "anomaly_ratio": 0.1}
    protocol |= {key: fields.pop(key) for key in list(fields) if key in protocol}
    quality = {key: fields.pop(key, None) for key in ("size", "purity", "recall", "accuracy")}
    notes = fields.pop("notes", {})
    recipe = {"steps": 100, "learning_rate": 0.01}
    name = method + (f"[{','.join(f'{k}={v}' for k, v in fields.items())}]" if fields else "")
    dataset, source, target = pair
    task = {"dataset": dataset, "source": source, "target": target, "normal": normal, "seed": seed}
    return {
        "method": name + (" (oracle)" if told == "labels" and "oracle" not in name else ""),
        "base": method,
        "changed": fields,
        "oracle": told == "labels",
        "told": told,
        "shots": 10 if told == "shots" else None,
        **task,
        "anomaly_ratio": protocol["anomaly_ratio"],
        "auroc": auroc,
        "average_precision": 60.0,
        "fpr_at_95_tpr": 40.0,
        "dominant": quality,
        "collapsed": collapsed,
        "notes": notes,
        "seconds": {"total": 3.0, "encode": 1.0, "train": 2.0, "score": 0.0},
        "config": {
            "task": {**task, **{k: v for k, v in protocol.items() if k != "preset"}},
            "method": method,
            "preset": protocol["preset"],
            "settings": {**SETTINGS, **{k: v for k, v in fields.items() if k not in recipe}},
            "networks": {"encoder": "tf_efficientnet_lite2"},
            "recipe": {**recipe, **{k: v for k, v in fields.items() if k in recipe}},
        },
        "config_hash": f"{name}-{normal}-{seed}-{protocol['anomaly_ratio']}",
        "split_hash": "0",
        "weights": {"backbone": None, "encoder": None},
        "versions": {"recipe": RECIPE_VERSION},
        "device": "cpu",
        "error": None,
    }


def grid(values, **shared):
    """One result a cell of {class: [auroc of seed 0, of seed 1, ...]}."""
    return [result(n, seed, v, **shared) for n, row in values.items() for seed, v in enumerate(row)]


def classes(*values, **shared):
    """One result of seed 0 a class."""
    return grid({str(i): [value] for i, value in enumerate(values)}, **shared)
