"""What is well meant is understood, what is nearly right is not, and every odd answer has a word of its own."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from twofold.lessons.judging import Code, Count, Number, Odd, Word, plain

NUMBER, SHARE, EXACT = Number(None, ()), Number(None, (), of="share"), Number(None, (), of="share", exact=True)


@pytest.mark.parametrize(
    ("kind", "answer", "right", "wanted"),
    [
        (NUMBER, 0.331, 0.331, (True, "")),
        (NUMBER, 0.3, 0.331, (True, "with more digits: 0.331")),
        (NUMBER, 0.33, 0.331, (True, "with more digits: 0.331")),
        (NUMBER, 0.4, 0.331, (False, "")),
        (NUMBER, 0, 0.331, (False, "")),  # rounding to nothing is no answer
        (NUMBER, -0.331, 0.331, (False, "its size is right, its sign is not")),
        (NUMBER, 22000, 22026.5, (True, "with more digits: 2.203e+04")),
        (NUMBER, 21000, 22026.5, (False, "")),
        (NUMBER, 20000, 22026.5, (False, "")),  # one digit of five
        (NUMBER, "−1,5 points", -1.5, (True, "")),
        (NUMBER, Fraction(1, 9), 1 / 9, (True, "")),
        (NUMBER, torch.tensor([1.5]), 1.5, (True, "")),
        (NUMBER, 1e-12, 0.0, (True, "")),
        (SHARE, 90, 0.9, (True, "90 percent is the share 0.9")),
        (SHARE, "90%", 0.9, (True, "90 percent is the share 0.9")),
        (SHARE, "0.9 %", 0.9, (False, "0.9 percent is the share 0.009")),
        (SHARE, 33, 1 / 3, (True, "33 percent is the share 0.33; with more digits: 0.3333")),
        (SHARE, 1, 0.6, (False, "")),  # a share of one is everything
        (EXACT, 0.2, 0.25, (False, "")),
        (EXACT, 25, 0.25, (True, "25 percent is the share 0.25")),
        (Count(None, ()), 3.0, 3, (True, "")),
        (Count(None, ()), "6,400", 6400, (True, "")),
        (Count(None, ()), "1,234,567 pictures", 1234567, (True, "")),
        (Count(None, ()), "6,0", 6, (True, "")),
        (NUMBER, "6,400", 6.4, (True, "")),
        (NUMBER, "2/3", 2 / 3, (True, "")),
        (Count(None, ()), 4, 3, (False, "one off: does the border itself count?")),
    ],
)
def test_a_number_is_read_as_it_was_meant(kind, answer, right, wanted):
    assert kind.judge(answer, right) == wanted


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (True, "wanted a number, got True"),
        (len, "got a function; call it"),
        ("about ten", "got the text 'about ten'"),
        ("1/0", "division by zero"),
        ([1, 2], "wanted one number, got 2 in a list; which of them is it?"),
        ({}, "got a dict"),
        (np.nan, "wanted a finite number, got nan"),
        (np.inf, "wanted a finite number, got inf"),
        (10**400, "too large to be held"),
        (Fraction(10**400), "too large to be held"),
        ("12e400", "too large to be held"),
        ("1e999", "too large to be held"),
        ("1e999/2", "too large to be held"),
        ("1e999 %", "too large to be held"),
        ("1e99999999999999999999", "too large to be held"),
        (object(), "got a object"),
    ],
)
def test_an_odd_answer_is_told_what_was_wanted(answer, said):
    with pytest.raises(Odd) as caught:
        NUMBER.judge(answer, 1.0)
    assert said in str(caught.value)


def test_a_count_is_whole():
    with pytest.raises(Odd, match=r"a whole number, got 2\.5"):
        Count(None, ()).judge(2.5, 3)
    for answer in ("3 %", "6,4", "6.400", "6,400.5"):
        with pytest.raises(Odd, match="a whole number"):
            Count(None, ()).judge(answer, 6400)


def test_a_word_that_is_none_of_the_choices_is_guessed():
    word = Word(None, (), {"Sketch": ["photo to sketch"], "Art": []})
    with pytest.raises(Odd, match="wanted one of: Sketch, Art; got 'sketsh'; did you mean 'Sketch'"):
        word.judge("sketsh", "Art")
    assert plain("the encoder’s last-layer") == plain("The encoders  LAST layer")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x[0] / 0 if x.clear() else x[0], "stops with IndexError"),
        (lambda x: print("", end=""), "it returns nothing; does it end in return?"),
        (lambda x: "three", "what is no number"),
        (lambda x: [1.0, 2.0], "wanted the shape (), got (2,)"),
        (lambda x: 10**400, "a number that is too large to be held"),
        (lambda x: float("nan"), "wanted 3, got nan"),
        (lambda x: sum(x) + 1, "wanted 3, got 4"),
        (lambda x: sum(x), "equal to the library on: two numbers"),
    ],
)
def test_a_function_is_told_where_it_differs(function, said):
    judged = Code(None, (), cases=lambda rng: {"two numbers": ([1.0, 2.0],)}).judge(function, sum)
    assert judged == (said.startswith("equal"), judged[1])
    assert said in judged[1]


def test_an_array_is_told_its_worst_place():
    code = Code(None, (), cases=lambda rng: {"three": (np.array([1.0, 2.0, 3.0]),)})
    assert code.judge(lambda x: x * [1, 1, 2], lambda x: x) == (False, "on three wanted 3, got 6")
    assert code.judge(lambda x: x * np.nan, lambda x: x) == (False, "on three wanted 1, got nan")


def test_a_function_that_changes_its_input_harms_nobody():
    inputs = [1.0, 2.0]
    Code(None, (), cases=lambda rng: {"two numbers": (inputs,)}).judge(lambda x: x.clear() or 3.0, sum)
    assert inputs == [1.0, 2.0]
