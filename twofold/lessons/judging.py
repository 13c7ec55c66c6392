"""Kinds of answers: number, count, word, function, text; what is well meant is understood, what is odd gets a hint."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["Code", "Count", "Kind", "Number", "Odd", "Open", "Word", "plain"]

WRITTEN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?:/(\d+))?\s*(%|percent)?\s*[a-z ]*", re.IGNORECASE)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")
SMALLEST_WORDS = 12  # of an open answer
ROUGHEST = 0.2  # half a unit of the last written digit, beside the number itself
TOO_LARGE = "wanted a finite number, got one that is too large to be held; is its exponent right?"
Found = tuple[bool, str]  # right or not, and what is to be said about it


class Odd(Exception):
    """An answer of a kind that cannot be judged; its text says what was wanted and what came."""


def plain(word: str) -> str:
    """A word without case, accents of typing and signs.

    >>> plain("Photo→Art "), plain("the encoder’s last_layer")
    ('photo art', 'the encoders last layer')
    """
    return " ".join(re.sub(r"[^\w]|_", " ", re.sub(r"['’`]", "", word.casefold())).split())


@dataclass(frozen=True)
class Figure:
    """A number as it was written: its value, the size of its last digit, whether a percent sign stood behind it."""

    value: float
    unit: float
    percent: bool = False


def _figure(answer: Any, count: bool = False) -> Figure:
    """What number somebody meant, ``6,400`` as a count or else with a decimal comma; ``Odd`` where none can be meant."""
    if isinstance(answer, bool) or callable(answer):
        raise Odd(f"wanted a number, got {'a function; call it' if callable(answer) else answer}")
    if isinstance(answer, str):
        written = answer.strip().replace("−", "-")
        if count and (whole := THOUSANDS.match(written)):
            written = whole[0].replace(",", "") + written[whole.end() :]
        match = WRITTEN.fullmatch(written.replace(",", "."))
        if not match:
            raise Odd(f"wanted a number, got the text {answer!r}")
        try:
            digits, divisor = Decimal(match[1]), Decimal(match[2] or 1)
        except InvalidOperation:  # an exponent that Decimal does not hold
            raise Odd(TOO_LARGE) from None
        if divisor == 0:
            raise Odd("wanted a number, got a division by zero")
        if not np.isfinite(float(digits)):
            raise Odd(TOO_LARGE)
        return Figure(float(digits / divisor), 0.0 if match[2] else _last_digit(digits), bool(match[3]))
    try:
        values = np.asarray(answer, dtype=float)
    except OverflowError:
        raise Odd(TOO_LARGE) from None
    except (TypeError, ValueError, RuntimeError):
        raise Odd(f"wanted a number, got a {type(answer).__name__}") from None
    if values.size != 1:
        raise Odd(f"wanted one number, got {values.size} in a {type(answer).__name__}; which of them is it?")
    value = float(values.ravel()[0])
    if not np.isfinite(value):
        raise Odd(f"wanted a finite number, got {value}; was something divided by zero?")
    return Figure(value, 0.0 if isinstance(answer, Fraction) else _last_digit(Decimal(repr(value))))


def _last_digit(number: Decimal) -> float:
    """Size of the last digit that is not a trailing zero; no digit but the first two is taken for one."""
    _, digits, exponent = number.normalize().as_tuple()
    return 10.0 ** (min(exponent, 0) if len(digits) < 2 else exponent)


@dataclass(frozen=True)
class Kind:
    """What every kind has.

    Attributes
    ----------
    right : of the notebook's variables, the answer.
    hints : from a first push to all but the answer.
    """

    right: Callable[[Any], Any]
    hints: Sequence[str]

    def judge(self, answer: Any, right: Any) -> Found:
        """Whether an answer is right, and a word about how it was read."""
        raise NotImplementedError


@dataclass(frozen=True)
class Number(Kind):
    """A number; rounding is understood, and so is a percentage for a share.

    Attributes
    ----------
    of : "share" in [0, 1], which may be given in percent, or "" for any other.
    exact : whether it is one of a list of values, which nobody rounds.
    within : relative error that passes without a word.
    """

    of: str = ""
    exact: bool = False
    within: float = 0.001

    def judge(self, answer: Any, right: float) -> Found:
        """
        >>> Number(None, (), of="share").judge("20 %", 0.2)
        (True, '20 percent is the share 0.2')
        >>> Number(None, ()).judge(7.1, 7.07)
        (True, 'with more digits: 7.07')
        """
        given, words = _figure(answer), []
        if given.percent or (self.of == "share" and abs(given.value) > 1):
            words.append(f"{given.value:g} percent is the share {given.value / 100:g}")
            given = Figure(given.value / 100, given.unit / 100)
        away, size = abs(given.value - right), abs(right)
        if away <= (1e-9 if self.exact else self.within) * size or away <= 1e-9:
            return True, "; ".join(words)
        if not self.exact and away <= given.unit / 2 * (1 + 1e-9) <= ROUGHEST * size:
            return True, "; ".join([*words, f"with more digits: {right:.4g}"])
        if size > 0 and abs(given.value + right) <= self.within * size:
            words.append("its size is right, its sign is not")
        return False, "; ".join(words)


@dataclass(frozen=True)
class Count(Kind):
    """A whole number, which nobody rounds; its thousands may be set apart by commas."""

    def judge(self, answer: Any, right: int) -> Found:
        """
        >>> Count(None, ()).judge(449, 450)
        (False, 'one off: does the border itself count?')
        """
        given = _figure(answer, count=True)
        if given.percent or given.value != round(given.value):
            raise Odd(f"wanted a count, a whole number, got {answer!r}")
        return given.value == right, "one off: does the border itself count?" if abs(given.value - right) == 1 else ""


@dataclass(frozen=True)
class Word(Kind):
    """One of some words.

    Attributes
    ----------
    choices : word -> other ways to say it; None where the notebook prints the words.
    """

    choices: Mapping[str, Sequence[str]] | None

    def judge(self, answer: Any, right: str) -> Found:
        """
        >>> Word(None, (), {"art": ["art painting"], "sketch": []}).judge("Art_Painting", "art")
        (True, '')
        """
        choices = {right: ()} if self.choices is None else self.choices
        meant = {plain(said): word for word, others in choices.items() for said in (word, *others)}
        if not isinstance(answer, str | int) or isinstance(answer, bool):
            raise Odd(f"wanted a word in quotes, got a {type(answer).__name__}")
        said = plain(str(answer))
        if self.choices is None:
            return said in meant, ""
        if said not in meant:
            close = difflib.get_close_matches(said, list(meant), n=1)
            guess = f"; did you mean {meant[close[0]]!r}?" if close else ""
            raise Odd(f"wanted one of: {', '.join(self.choices)}; got {answer!r}{guess}")
        return meant[said] == right, ""


@dataclass(frozen=True)
class Code(Kind):
    """A function, compared with the library's on inputs that are drawn anew at every check.

    Attributes
    ----------
    right : of the notebook's variables, the library's function.
    cases : of a generator, name -> arguments.
    """

    cases: Callable[[np.random.Generator], Mapping[str, tuple]]
    tolerance: float = 1e-4

    def judge(self, answer: Any, right: Callable[..., Any]) -> Found:
        """
        >>> double = Code(None, (), lambda rng: {"one number": (rng.normal(),)})
        >>> double.judge(lambda x: x + x, lambda x: 2 * x)
        (True, 'equal to the library on: one number')
        """
        if not callable(answer):
            raise Odd(f"wanted a function, got a {type(answer).__name__}; leave off the brackets behind its name")
        cases = self.cases(np.random.default_rng())
        for name, arguments in cases.items():
            wanted = np.asarray(right(*copy.deepcopy(arguments)), dtype=float)
            try:
                got = answer(*copy.deepcopy(arguments))
            except NotImplementedError:
                raise
            except Exception as error:
                return False, f"on {name} it stops with {type(error).__name__}: {error}"
            if got is None:
                return False, "it returns nothing; does it end in return?"
            try:
                got = np.asarray(got.detach() if hasattr(got, "detach") else got, dtype=float)
            except OverflowError:
                return False, f"on {name} it returns a number that is too large to be held"
            except (TypeError, ValueError):
                return False, f"on {name} it returns what is no number and no array of numbers"
            if got.shape != wanted.shape:
                return False, f"on {name} wanted the shape {wanted.shape}, got {got.shape}"
            if not np.allclose(got, wanted, rtol=self.tolerance, atol=self.tolerance, equal_nan=True):
                where = (
                    np.unravel_index(np.nan_to_num(np.abs(got - wanted), nan=np.inf).argmax(), got.shape) if got.shape else ()
                )
                return False, f"on {name} wanted {wanted[where]:.4g}, got {got[where]:.4g}"
        return True, f"equal to the library on: {', '.join(cases)}"


@dataclass(frozen=True)
class Open(Kind):
    """A text that no machine judges: it is answered with what a full answer says."""

    def judge(self, answer: Any, right: str) -> Found:
        if not isinstance(answer, str):
            raise Odd(f"wanted your text in quotes, got a {type(answer).__name__}")
        if len(answer.split()) < SMALLEST_WORDS:
            raise Odd(f"wanted at least {SMALLEST_WORDS} words, got {len(answer.split())}; two sentences will do")
        return True, f"compare it yourself. A full answer says: {right}"
