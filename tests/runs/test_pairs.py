"""What a pair of domains may be used for: one thing, and never a confirmation that was seen."""

import twofold
from twofold.data import DATASETS
from twofold.runs.presets import PAIRS


def test_every_pair_has_one_use_and_domains_that_exist():
    pairs = [pair for group in PAIRS.values() for pair in group]
    assert len(set(pairs)) == len(pairs)
    for dataset, source, target in pairs:
        assert {source, target} <= set(DATASETS[dataset])
        assert source != target
    assert twofold.PAIRS is PAIRS


def test_papers_are_seen_but_for_the_target_of_the_confirmation():
    seen = {pair for pair in PAIRS["seen"] if pair[0] == "piped"}
    assert len(seen) == 25
    assert {target for _, _, target in seen} == set(DATASETS["piped"]) - {"BDP01_TL"}
    assert ("piped", "FVN02_RL", "BDP01_TL") in PAIRS["confirmation"]


def test_an_earlier_confirmation_is_seen():
    earlier = {("pacs", "sketch", "photo"), ("emoji", "samsung", "joypixels"), ("digits", "optdigits", "mnist")}
    assert earlier <= set(PAIRS["seen"])
    assert [len(group) for group in PAIRS.values()] == [3, 35, 4]
