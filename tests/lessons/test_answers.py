"""Every printed solution is right, so is what means the same, and what is wrong is not; no notebook holds an answer."""

import ast
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from given import around, runs, together

from twofold.errors import InputError
from twofold.lessons import which_clustering as clusters
from twofold.lessons.alignment_strategies import toy_batch
from twofold.lessons.anomaly_scarcity import first_below
from twofold.lessons.answers import BOOKS, answers
from twofold.lessons.exercises import exercise
from twofold.lessons.judging import Code, Open
from twofold.parts.one_class import dsvdd_loss
from twofold.results.statistics import class_means

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
ALL = {name: kind for book in BOOKS for name, kind in answers(book).items()}

TARGET_ONLY = pd.DataFrame(
    {
        "anomaly_ratio": [0.1, 0.45],
        "method": "target_only",
        "base": "target_only",
        "normal": "2",
        "seed": 0,
        "auroc": [90.0, 80.0],
    }
).assign(collapsed=False, oracle=False, told="", changed="", color="k", marker="o", words="")
CURVES = pd.DataFrame(
    [
        ("coherent", 0.05, "align_all", 0.2, 99.0),
        ("coherent", 0.05, "source_only", 0.3, 98.0),
        ("coherent", 0.1, "align_all", 0.4, 90.0),
        ("coherent", 0.1, "source_only", 0.3, 98.0),
        ("ring", 0.05, "align_all", 0.2, 100.0),
        ("ring", 0.1, "align_all", 0.4, 99.5),
    ],
    columns=["shape", "anomaly_ratio", "rule", "target_error", "auroc"],
)
OFFICE = pd.DataFrame({"source_only": [50.0, 60.0, 70.0], "twofold": [55.0, 58.0, 71.0]})
PACS = pd.DataFrame(
    {
        "block": ["Photo->Art"] * 3 + ["Photo->Sketch"] * 3,
        "method": ["twofold", "gnl", "msra"] * 2,
        "auroc": [70.0, 60.0, 75.0, 80.0, 76.0, 70.0],
    }
)
SCARCE = pd.DataFrame(
    {"method": "twofold", "normal": "3", "seed": 0, "anomaly_ratio": [0.3, 0.5, 0.7], "purity": [0.7, 0.6, 0.4]}
)
DETECTORS = {
    ("dsvdd", "source_only"): 60.0,
    ("dsvdd", "twofold"): 70.0,
    ("dsvdd", "oracle"): 90.0,
    ("msc", "source_only"): 30.0,
    ("msc", "twofold"): 60.0,
    ("msc", "oracle"): 80.0,
}
SPACE = SimpleNamespace(space=np.random.default_rng(0).normal(size=(12, 2)))
GIVEN = {  # notebook -> variables, made by hand, that its exercises read
    "00": {"frame": TARGET_ONLY},
    "01": {"n_clusters": [2, 5], "curves": CURVES},
    "02": {"negatives": np.zeros((4, 2)), "temperatures": [0.02, 1.0], "losses": {"one_class": np.linspace(0.2, 0.3, 40)}},
    "03": {
        "stds": pd.Series({("Clip Art->Product", "twofold"): 12.3}),
        "wide": OFFICE,
        "parts": {"first": together(around("twofold", 70.0), runs("source_only", 67, 70, 69, 72, 71))},
    },
    "04": {
        "view": {"mean": pd.Series({"twofold": 80.0})},
        "floor": 60.0,
        "ceiling": 90.0,
        "printed": pd.DataFrame({"zero_shot": [90, 70, 80], "twofold": [80, 75, 70]}),
        "means": pd.Series({"target_only": 91.0, "twofold": 83.9}),
        "shown": together(
            around("few_shot[shots=10]", 60.0, told="shots", shots=10, base="few_shot"),
            around("few_shot[shots=20]", 70.0, told="shots", shots=20, base="few_shot"),
            around("target_gaussian", 90.0, shots=None),
        ),
    },
    "05": {
        "frame": together(around("twofold", 70.0), around("density", 80.0)),
        "shares": {"normals repelled": pd.Series({"twofold": 0.123})},
        "quoted": {"auroc": pd.Series({"twofold": 77.07, "cluster_backbone": 70.0})},
    },
    "06": {
        "means": pd.DataFrame({"recall": [1.0, 0.6]}, index=[1, 8]),
        "unlabelled": SPACE,
        "seeds": [0],
        "clusters": clusters,
    },
    "07": {
        "dsvdd_loss": dsvdd_loss,
        "center": torch.ones(2),
        "anomaly_ratio": 0.3,
        "frame": together(*(around(name, level, one_class=kind) for (kind, name), level in DETECTORS.items())),
    },
    "08": {
        "batch": toy_batch(),
        "frame": pd.DataFrame({"learning_rate": [0.01, 0.1, 0.1, 0.1], "collapsed": [True, True, False, True]}),
    },
    "09": {"quoted": PACS, "parts": {}, "methods": []},
    "10": {
        "frame": together(SCARCE, around("oracle", 96.0, anomaly_ratio=0.3), around("oracle", 90.0, anomaly_ratio=0.7)),
        "shown": "3",
        "seeds": [0],
        "first_below": first_below,
    },
    "11": {
        "table": pd.DataFrame(
            {"setting": ["learning_rate=10"] * 2, "finite": [True, True], "collapsed": [True, True]}, index=[4, 5]
        )
    },
    "12": {"after": pd.DataFrame({"normal": [1, 2, 1], "anomalous": [2, 5, 3]}, ["source_only", "twofold", "density"])},
    "13": {
        "table": pd.DataFrame(
            {"pair": "a", "told": ["", "", "labels"], "method": ["target_only", "twofold", "oracle"], "mean": [9, 8, 7]}
        ).assign(n_classes=2, n_seeds=2, std_classes=4.5, std_seeds=1.2)
    },
    "14": {"steps": 40, "recipe": SimpleNamespace(batch_size=32), "by_hand": 60.0, "result": {"auroc": 71.0}},
    "15": {
        "means": pd.Series({("all", "in_batch"): 60.0, ("kmeans", "in_batch"): 61.1, ("all", "sparse_tail"): 85.0})
        .reindex([("all", "in_batch"), ("kmeans", "in_batch"), ("all", "sparse_tail"), ("oracle", "in_batch")])
        .fillna(68.0)
    },
    "16": {
        "leads": {"same eyes": pd.DataFrame({"oracle": [98.331], "method": [98.0]})},
        "gains": {"the encoder's last layer alone": {"gain": pd.Series([3.0])}, "its source": {"gain": pd.Series([1.0])}},
        "me": "pooled_gaussian",
        "kinds": {
            "of all other classes": around("pooled_gaussian", 80.0, anomaly_ratio=0.45),
            "of one class": around("pooled_gaussian", 85.0, anomaly_ratio=0.45, anomaly_classes="one"),
        },
    },
    "18": {"fpr": 0.01, "detector": SimpleNamespace(labels_=np.zeros(80, int))},
}
NOT_A_NUMBER = [True, "many", [1, 2], {"a": 1}, float("nan"), len, 10**400, "1e999", "1e999/2"]
TRIED = {  # exercise -> right answers, wrong ones
    "00.1": ([], [lambda t, x, k: np.zeros(len(x)), lambda t, x, k: None, lambda: 1, 3]),
    "00.2": (["falls", "Falls", "FALLS ", "down"], ["rises", "stays", "perhaps", 1]),
    "01.1": ([0.2, "20 %", 20, "1/5", "0,2", np.float64(0.2)], [0.5, 2, *NOT_A_NUMBER]),
    "01.2": ([0.1, 10, "10 %", "10%"], [0.05, 0.12, 0.15, 5, *NOT_A_NUMBER]),
    "01.3": ([], [lambda y, s: 50.0, lambda y, s: s, lambda y, s: 1 / 0, "auroc"]),
    "01.4": (["stays", "Same"], ["falls", "rises"]),
    "02.1": ([np.log(5), 1.61, 1.6, torch.tensor(1.6094)], [1.5, 1.7, 5, -1.61, *NOT_A_NUMBER]),
    "02.2": ([22026, 22000, np.exp(10), "22026.5"], [21000, 20000, 10, *NOT_A_NUMBER]),
    "02.3": ([], [lambda s, p, n, t: s.sum(), lambda s, p, n, t: "x", lambda s, p, n, t: s @ n.T]),
    "02.4": (["rises", "up"], ["falls", "neither"]),
    "03.1": ([12.9653, 12.97, "13 points"], [12.3, 12, 14, *NOT_A_NUMBER]),
    "03.2": ([0, 0.0, "0"], [10, 1, 0.1, *NOT_A_NUMBER]),
    "03.3": ([1, 1.0, "1"], [0, 2, 1.2, "1 %", *NOT_A_NUMBER]),
    "03.4": ([], [lambda b, a: [0, 0], lambda b, a: (a - b).mean(), lambda b, a: [b.min(), a.max()]]),
    "03.6": ([2, "2"], [3, 0, -1, *NOT_A_NUMBER]),
    "04.1": ([2 / 3, 0.67, 67, "66.7 %", "2/3"], [0.5, 0.6, 80, *NOT_A_NUMBER]),
    "04.2": ([2], [1, 3, 2.04, *NOT_A_NUMBER]),
    "04.3": ([7.1, 7, "+7.1"], [-7.1, 7.6, *NOT_A_NUMBER]),
    "04.5": ([], [lambda gains, gaps: (gains / gaps).mean(), lambda gains, gaps: gains.sum() / gaps.sum(), 0.5]),
    "04.6": (["no", "It does not"], ["yes", "perhaps"]),
    "05.1": ([0.9, 90, "90 %"], [0.1, 10, 0.85, *NOT_A_NUMBER]),
    "05.2": ([12.3, 12, "12.3"], [0.123, 13, *NOT_A_NUMBER]),
    "05.3": ([7.07, 7.1, 7, "7.1 points"], [7.3, 8, -7.07, *NOT_A_NUMBER]),
    "05.4": ([], [lambda t, y: [1.0, 1.0], lambda t, y: 0.5, lambda t, y: t]),
    "05.6": (["higher", "Better"], ["lower", "same"]),
    "06.1": ([0.7, 70, "70 %"], [0.9, 63, *NOT_A_NUMBER]),
    "06.2": ([1, "1"], [2, 12, *NOT_A_NUMBER]),
    "06.3": ([0.8, 80, "4/5"], [0.2, 20, *NOT_A_NUMBER]),
    "06.4": ([], [lambda x, k: np.ones(len(x), bool), lambda x, k: np.zeros(len(x), bool), 1]),
    "06.6": (["falls", "down"], ["rises", "stays"]),
    "07.1": (["second", 2, "2", "The second"], ["first", 1, 3, 2.0]),
    "07.2": ([0, 0.0], [1, 2, *NOT_A_NUMBER]),
    "07.3": ([], [lambda z, c: (z - c).sum(), lambda z, c: ((z - c) ** 2).mean() + 1, None.__class__]),
    "07.5": (["MSC", "msc", "the second"], ["DSVDD", "both"]),
    "08.1": ([1, 1.0], [10, 100, 0.1, *NOT_A_NUMBER]),
    "08.2": ([0], [1, 2, *NOT_A_NUMBER]),
    "08.3": ([], [lambda s, t, tau: s.sum() * 0, lambda s, t, tau: torch.zeros(3)]),
    "08.5": ([2, "2"], [3, 1, -1, *NOT_A_NUMBER]),
    "09.1": ([7.0, 7, "7 points"], [10, 4, -7, *NOT_A_NUMBER]),
    "09.2": (["Art", "art", "Photo->Art", "photo→art", "art painting", "Art_Painting"], ["Cartoon", "Sketch", "Photo", 3]),
    "09.3": ([12.0, 12], [-12, 3, *NOT_A_NUMBER]),
    "09.5": ([], [lambda gains, targets: sum(gains) / len(gains), lambda gains, targets: gains]),
    "09.6": (["source_only", "the source alone"], ["target_only", "oracle"]),
    "10.1": ([0.5, 50, "1/2", "50%"], [0.8, 0.6, *NOT_A_NUMBER]),
    "10.2": ([0.9, 90], [0.1, 0, *NOT_A_NUMBER]),
    "10.3": ([0.7, 70, "70 %"], [0.5, 0.72, *NOT_A_NUMBER]),
    "10.4": ([], [lambda t, y: 0.5, lambda t, y: t]),
    "10.6": (["falls", "drops"], ["rises", "stays"]),
    "11.1": ([1 / 9, 0.11, 0.111, "1/9"], [1 / 3, 9, 0.2, *NOT_A_NUMBER]),
    "11.2": ([np.log(8), 2.08, 2.1], [2.01, 7, 1.95, *NOT_A_NUMBER]),
    "11.3": ([450, "450", 450.0], [449, 451, 430, 472, 900, *NOT_A_NUMBER]),
    "11.4": ([], [lambda s, z, b: False, lambda s, z, b: True]),
    "11.6": (["one point", "collapsed"], ["NaN", "healthy", "fine"]),
    "12.1": ([1.5, "3/2"], [0.75, 2, *NOT_A_NUMBER]),
    "12.2": (
        ["twofold", "Twofold", "align the dominant cluster (paper)", "align the dominant cluster"],
        ["source_only", "K-means"],
    ),
    "12.3": ([], [lambda z, c: z.sum(), lambda z, c: (z - c).norm(dim=1) + 1]),
    "12.5": (["narrower", "smaller"], ["wider", "same"]),
    "13.1": ([1, 1.0], [0, 2, *NOT_A_NUMBER]),
    "13.3": ([], [lambda gains: 1, lambda gains: np.sign(gains.mean()), lambda gains: gains > 0]),
    "13.4": (["classes", "Over classes"], ["seeds", "neither"]),
    "14.1": ([2560, "2560"], [1280, 2559, 40, *NOT_A_NUMBER]),
    "14.2": ([], [lambda t, n, rate: rate, lambda t, n, rate: rate * (1 - t / n), 0.01]),
    "14.3": (["lower", "Worse"], ["higher", "same", 60.0]),
    "15.1": ([1.1, "1.1 points", 1.10], [-1.1, 10, 25, *NOT_A_NUMBER]),
    "15.2": ([], [lambda z, share, k: np.zeros(len(z), bool), lambda z, share, k: z]),
    "15.3": (["negatives", "Sparse tail"], ["positives", "oracle", "both"]),
    "16.1": ([0.331, 0.3, 0.33, "0.3 points"], [0.5, 0.4, -0.331, *NOT_A_NUMBER]),
    "16.2": (["the encoder’s last layer alone", "The encoder's last layer alone"], ["its source", "layers"]),
    "16.3": ([], [lambda d, z, pile: np.log1p(d), lambda d, z, pile: d, lambda d, z, pile: np.log1p(d) - len(pile)]),
    "16.5": (["of all other classes", "spread"], ["of one class", "a crowd", "neither"]),
    "18.1": ([], [lambda new, known: [(known >= s).mean() for s in new], lambda new, known: np.zeros(len(new))]),
    "18.2": ([0, "0"], [1, 10, -1, *NOT_A_NUMBER]),
}
PACS_RUNS = pd.DataFrame(
    {
        "method": ["target_only", "source_only"],
        "base": ["target_only", "source_only"],
        "normal": "dog",
        "seed": 0,
        "auroc": [82.0, 70.0],
    }
).assign(collapsed=False, oracle=False, told="", changed="", color="k", marker="o", words="")
GIVEN["09"] |= {"class_means": class_means, "parts": {"first": PACS_RUNS}, "methods": ["target_only", "source_only"], "pd": pd}
GIVEN["09"] |= {"pairs": [["digits", "type", "optdigits"], ["digits", "optdigits", "mnist"]]}
GIVEN["09"]["parts"]["second"] = together(around("source_only", 95.0), around("target_only", 93.0))


def checked(name, answer):
    return exercise(name, GIVEN[name[:2]]).check(answer)


def test_every_exercise_but_an_open_one_is_tried():
    assert set(TRIED) == {name for name, kind in ALL.items() if not isinstance(kind, Open)}
    assert all(right or isinstance(ALL[name], Code) for name, (right, _) in TRIED.items())
    assert all(len(wrong) >= 2 for _, wrong in TRIED.values())


@pytest.mark.parametrize("name", TRIED)
def test_what_is_right_passes_and_what_is_wrong_gets_a_word(name):
    right, wrong = TRIED[name]
    for answer in right:
        assert checked(name, answer).right is True, answer
    for answer in wrong:
        verdict = checked(name, answer)
        assert verdict.right is False, answer
        assert re.match(rf"{re.escape(name)} Not yet: \S.{{8}}", verdict), verdict
    assert checked(name, None).right is None


@pytest.mark.parametrize("name", [name for name, kind in ALL.items() if isinstance(kind, Open)])
def test_a_text_is_answered_with_what_a_full_one_says(name):
    assert checked(name, "too short").right is False
    assert "wanted your text in quotes" in checked(name, 3)
    verdict = checked(name, "These are some twelve words which say something about what was asked here, I hope.")
    assert verdict.right is None
    assert len(verdict) > 200


def printed(path):
    """Exercises asked in a notebook, its cells of checks, and its printed solutions: code by the exercise's name."""
    cells = [(cell, "".join(cell["source"])) for cell in json.loads(path.read_text("utf-8"))["cells"]]
    checks = [(cell, text) for cell, text in cells if cell["cell_type"] == "code" and "twofold.exercise(" in text]
    asked = re.findall(r'twofold\.exercise\("([\d.]+)"\)', "".join(text for _, text in checks))
    solved = {}
    for _, text in cells:
        for block in re.findall(r"<details>.*?</details>", text, re.DOTALL):
            for name, said in re.findall(r"\*\*(\d\d\.\d)\*\*(.*?)(?=\n\*\*\d\d\.\d\*\*|</details>)", block, re.DOTALL):
                solved[name] = said
    return asked, checks, solved


WITH_EXERCISES = [path for path in NOTEBOOKS if printed(path)[0]]


@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_a_notebook_asks_what_its_answers_judge_and_holds_none_of_them(path):
    asked, checks, solved = printed(path)
    assert asked == list(answers(path.stem[:2])) == list(solved)
    text = "".join("".join(c["source"]) for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "markdown")
    for name in asked:
        assert len(re.findall(rf"\*\*{re.escape(name)}[ *]", text)) == 2, f"{name} is asked once and solved once"
    for cell, source in checks:
        assert "exercise" in cell["metadata"]["tags"]
        for line in ast.parse(source).body:  # an answer is None, a function is empty, the rest is a check
            if isinstance(line, ast.Assign):
                assert isinstance(line.value, ast.Constant)
                assert line.value.value is None
            elif isinstance(line, ast.FunctionDef):
                assert [type(inside) for inside in line.body] == [ast.Raise]
            else:
                assert ast.unparse(line).startswith("print(twofold.exercise(")


@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_every_printed_solution_is_right(path):
    for name, said in printed(path)[2].items():
        kind, given = ALL[name], {"np": np, "torch": torch, "twofold": None, **GIVEN[name[:2]]}
        if isinstance(kind, Code):
            code = re.search(r"```python\n(.*?)```", said, re.DOTALL)[1]
            exec(code, given)  # our own notebook
            answer = given[ast.parse(code).body[-1].name]
        elif not isinstance(kind, Open) and name not in COMPUTED_ABOVE:
            answer = eval(re.match(r"\s*`([^`]+)`", said)[1], given)  # our own notebook
        else:
            continue
        assert checked(name, answer).right is True, name


# read off what the notebook prints
COMPUTED_ABOVE = {"00.2", "03.6", "04.6", "05.6", "07.5", "09.6", "10.6", "11.6", "12.5", "13.4", "16.5"}


AS_FIRST_RUN = {  # exercise that changes a parameter -> what its notebook holds before, and every answer one may give
    "03.6": ({"parts": {"first": together(runs("twofold", 70.0), runs("source_only", 60.0))}}, range(-1, 3)),
    "04.6": ({"shown": GIVEN["04"]["shown"].query("shots != 20")}, ["yes", "no"]),
    "07.5": ({"anomaly_ratio": 0.1}, ["DSVDD", "MSC"]),
    "08.5": ({"frame": GIVEN["08"]["frame"].query("learning_rate != 0.1")}, range(-1, 3)),
    "09.6": ({"pairs": [["digits", "type", "optdigits"], ["digits", "type", "mnist"]]}, ["source_only", "target_only"]),
    "11.6": ({"table": GIVEN["11"]["table"].assign(setting="learning_rate=0.1")}, ["NaN", "one point", "healthy"]),
    "13.4": ({"table": GIVEN["13"]["table"].assign(n_seeds=1)}, ["classes", "seeds"]),
    "16.5": (
        {"kinds": {kind: rows.assign(anomaly_ratio=0.3) for kind, rows in GIVEN["16"]["kinds"].items()}},
        GIVEN["16"]["kinds"],
    ),
    "18.2": ({"fpr": 0.05}, range(-1, 3)),
}


@pytest.mark.parametrize("name", AS_FIRST_RUN)
def test_before_its_parameter_is_changed_no_answer_is_right(name):
    before, every = AS_FIRST_RUN[name]
    for answer in every:
        assert exercise(name, GIVEN[name[:2]] | before).check(answer).right is False


def test_the_next_hint_follows_the_next_wrong_answer():
    said = [checked("11.3", answer) for answer in (3, 3, 4, 5)]
    assert ["1 of 2" in words for words in said] == [True, True, False, False]
    assert checked("11.3", 450) == "11.3 Right."
    assert "1 of 2" in checked("11.3", 5)


def test_a_variable_whose_cell_was_not_run_is_named():
    with pytest.raises(InputError, match="wanted n_clusters of this notebook, got none; run the cells above first"):
        exercise("01.1", {})


def test_the_variables_are_those_of_the_cell_that_calls():
    namespace = {"exercise": exercise, "n_clusters": [4]}
    exec('said = exercise("01.1").check(0.25)', namespace)
    assert namespace["said"] == "01.1 Right."


@pytest.mark.parametrize(("name", "said"), [("05.9", "choose one of: 05.1"), ("5", "wanted a notebook's number, got '5'")])
def test_an_exercise_that_is_not_there_is_named(name, said):
    with pytest.raises(InputError, match=said):
        exercise(name)
