"""Exercises: an answer is checked outside the notebook, understood where it is well meant, and helped on in steps."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from twofold.errors import InputError
from twofold.lessons.answers import answers
from twofold.lessons.judging import Kind, Odd, Open

__all__ = ["Exercise", "Verdict", "exercise"]

_WRONG: dict[str, list[str]] = {}  # exercise -> wrong answers so far, each once: the next hint follows from their number


class Verdict(str):
    """What is said about an answer, shown without quotes; ``right`` is True, False, or None where nothing was judged."""

    right: bool | None

    def __new__(cls, name: str, words: str, right: bool | None = None) -> Verdict:
        made = super().__new__(cls, f"{name} {words}")
        made.right = right
        return made

    __repr__ = str.__str__


class _Variables:
    """A notebook's variables by attribute; one that is missing says that its cell was not run."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        if name not in self._given:
            raise InputError(f"wanted {name} of this notebook, got none; run the cells above first")
        return self._given[name]


class Exercise:
    """One exercise of a notebook.

    Parameters
    ----------
    name : such as ``05.2``.
    kind : how it is judged.
    given : the notebook's variables, of which the right answer is computed.
    """

    def __init__(self, name: str, kind: Kind, given: Mapping[str, Any]) -> None:
        self.name, self.kind = name, kind
        self._right = kind.right(_Variables(given))  # before any answer: an exercise that cannot be checked says so at once

    def check(self, answer: Any) -> Verdict:
        """What is said about an answer; every wrong one that is new brings the next hint.

        Parameters
        ----------
        answer : the reader's; None, or a function that raises NotImplementedError, is not answered yet.
        """
        if answer is None:
            return Verdict(self.name, "Not answered yet.")
        try:
            right, words = self.kind.judge(answer, self._right)
        except NotImplementedError:
            return Verdict(self.name, "Not answered yet.")
        except Odd as odd:
            return Verdict(self.name, f"Not yet: {odd}.", False)
        if isinstance(self.kind, Open):
            return Verdict(self.name, f"Written: {words}")
        if right:
            _WRONG.pop(self.name, None)
            return Verdict(self.name, f"Right{': ' + words if words else ''}.", True)
        return Verdict(self.name, f"Not yet: {words + '. ' if words else ''}{self._hint(answer)}", False)

    def _hint(self, answer: Any) -> str:
        """The hint that this wrong answer brings."""
        wrong, hints = _WRONG.setdefault(self.name, []), self.kind.hints
        if (said := repr(answer)) not in wrong:
            wrong.append(said)
        step = min(wrong.index(said) + 1, len(hints))
        return f"Hint {step} of {len(hints)}: {hints[step - 1]}"


def exercise(name: str, given: Mapping[str, Any] | None = None) -> Exercise:
    """An exercise of a notebook by its name.

    Parameters
    ----------
    name : number of the notebook and of the exercise.
    given : the notebook's variables; None takes those of the cell that calls.

    Raises
    ------
    InputError : no such exercise, or a variable whose cell was not run.

    >>> exercise("10.1").check(0.5)
    10.1 Right.
    >>> exercise("10.1").check("fifty")
    10.1 Not yet: wanted a number, got the text 'fifty'.
    """
    known = answers(name.partition(".")[0])
    if name not in known:
        raise InputError(f"wanted an exercise, got {name!r}; choose one of: {', '.join(known)}")
    return Exercise(name, known[name], sys._getframe(1).f_globals if given is None else given)
