"""An exercise: a checker, hints and a solution. An answer is judged by what it does, not by its
text.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from organoid_kit.course.lessons.text import Text, Verdict

_NOTHING = "Write your answer in place of the three dots, run that cell, then this one."
_NOTHING_BACK = "Nothing came back. Write your answer in place of the three dots, and hand it back with `return`."
_STUCK = "Stuck? Write `.hint()` in place of `.check(…)`."


_NO_RETURN = (
    "Nothing came back. The last line of your function must hand the answer back: `return …`."
)
_OTHER_KIND = "Your answer is of another kind than is asked for. Python says:"
_EXPLAINED = {  # a part of what Python says, and what a beginner may make of it
    "truth value of an array": "`if`, `and`, `min` and `max` want one value, and an array has many. For arrays there "
    "are `np.where`, masks such as `array > 3`, and `array.min(axis=0)`.",
    "can't multiply sequence": "A tuple or list cannot be multiplied number by number. Make it an array first: "
    "`np.array(…)`.",
    "unsupported operand type": "Tuples and lists cannot be computed with number by number. Make them arrays first: "
    "`np.array(…)`.",
    "inhomogeneous shape": "Its parts are not equally long. Is each of them one number, or one row?",
    "required positional argument": "Something is missing between the brackets; Python names it.",
    "positional argument": "There is more between the brackets than fits. What stands behind a `*` in the help "
    "must be named, as in `name=value`.",
    "KeyError": "This name is not there. Ask first: `if name in …`.",
    "NameError": "Python does not know this name. Functions of NumPy begin with np, as in `np.log`.",
    "to Python scalars": "Somewhere one number is wanted, and there are several.",
}


class NoAnswerYet(Exception):
    """There is no answer yet."""


class NothingReturned(Exception):
    """A learner's function did something, but gives nothing back."""


class AnswerFailed(Exception):
    """A learner's function raised the error that is this one's cause."""


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One task of a notebook.

    Attributes:
        answer: name of the answer in the notebook: a function or a value.
        judge: takes the answer; gives None if it is right, otherwise what is wrong and why, in
            words.
        hints: given one by one.
        code: the solution, as it stands in the cell.
        because: said with the solution, and when the answer is right.
        others: right answers in other forms, as code; tests show that they count.
        mistakes: typical wrong answers as code, each with a part of what the checker says to it.
        given: code that `code`, `others` and `mistakes` need, which the notebook has run before.
    """

    answer: str
    judge: Callable[[Any], str | None]
    hints: tuple[str, ...]
    code: str
    mistakes: tuple[tuple[str, str], ...]
    others: tuple[str, ...] = ()
    because: str = ""
    given: str = "import numpy as np"
    _told: list[int] = field(default_factory=list, init=False, repr=False, compare=False)

    def check(self, answer: Any) -> Verdict:
        """What is right or wrong about an answer. Whatever was written, this does not raise."""
        if answer is None or answer is ...:
            return Verdict("not tried", f"{_NOTHING} {_STUCK}")
        try:
            wrong = self.judge(answer)
        except NoAnswerYet:
            return Verdict("not tried", f"{_NOTHING_BACK} {_STUCK}")
        except NothingReturned:
            wrong = _NO_RETURN
        except AnswerFailed as error:
            wrong = _describe_error(error.__cause__)
        except (Exception, SystemExit) as error:
            wrong = f"{_OTHER_KIND} {_explain(error)}"
        return Verdict("right", self.because) if wrong is None else Verdict("wrong", wrong)

    def hint(self) -> Text:
        """The next hint; after the last one, the last one again."""
        number = min(len(self._told) + 1, len(self.hints))
        self._told.append(number)
        more = (
            "For the next one, run this again."
            if number < len(self.hints)
            else "`.solution()` shows one way."
        )
        return Text(f"Hint {number} of {len(self.hints)}", f"{self.hints[number - 1]}\n{more}")

    def solution(self) -> Text:
        """One way to do it, and why."""
        return Text("One way to do it", self.because, self.code.strip())


def run_answer(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a learner's function gives back. It gets copies of arrays, so that it cannot spoil those
    of the checker.

    Raises:
        NoAnswerYet: it is as it was, and gives back nothing.
        NothingReturned: it was written, and gives back nothing.
        AnswerFailed: it raised an error.
    """
    copies = [each.copy() if isinstance(each, np.ndarray) else each for each in arguments]
    try:
        result = function(*copies)
    except (Exception, SystemExit) as error:
        raise AnswerFailed from error
    if result is None or result is ...:
        raise NothingReturned if _is_begun(function) else NoAnswerYet
    return result


def _is_begun(function: Callable[..., Any]) -> bool:
    """Whether there is more in a function than three dots: a name of its own, or one it uses."""
    code = getattr(function, "__code__", None)
    return code is not None and (
        code.co_nlocals > code.co_argcount + code.co_kwonlyargcount or bool(code.co_names)
    )


def match_numbers(answer: Any, truth: Any, tolerance: float = 1e-6) -> bool:
    """Whether an answer is a number, or numbers of the same shape, as they should be.

    Args:
        answer: number, list, tuple, array or tensor; whatever else it is, it does not match.
        truth: number or array.
        tolerance: largest difference that counts as none.
    """
    try:
        numbers = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        return False
    truth = np.asarray(truth, dtype=float)
    return numbers.shape == truth.shape and bool(np.all(np.abs(numbers - truth) <= tolerance))


def _describe_error(error: BaseException) -> str:
    """The error, with the line of the notebook in which it came up, if that can be found."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        frame.line
        for frame in frames
        if "ipykernel_" in frame.filename or "ipython-input" in frame.filename
    ]
    where = f" in the line `{lines[-1]}`" if lines and lines[-1] else ""
    return f"Your code stopped{where}. Python says: {_explain(error)}"


def _explain(error: BaseException) -> str:
    """What Python says, and where that is known, what it means."""
    said = f"{type(error).__name__}: {error}"
    meant = next((text for part, text in _EXPLAINED.items() if part in said), "")
    return f"{said}. {meant}" if meant else said
