"""An exercise: a checker, hints and a solution. Answers are judged by what they do."""

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.course.lessons.text import Text, Verdict

_STUCK = "Stuck? Write `.hint()` in place of `.check(…)`."


class NoAnswerYet(Exception):
    """There is no answer yet."""


class AnswerFailed(Exception):
    """A learner's function raised an error or gives nothing back; its text says so."""


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One task of a notebook."""

    answer: str  # name of the answer in the notebook: a function or a value
    judge: Callable[[Any], str | None]  # says what is wrong and why; None if it is right
    hints: tuple[str, ...]  # given one by one
    code: str  # the solution, as it stands in the cell
    mistakes: tuple[tuple[str, str], ...]  # typical ones as code; a part of what is said
    others: tuple[str, ...] = ()  # right answers in other forms, as code
    because: str = ""  # said with the solution, and when the answer is right
    given: str = "import numpy as np"  # code that the notebook has run before
    _told: list[int] = field(default_factory=list, init=False, repr=False, compare=False)

    def check(self, answer: Any) -> Verdict:
        """What is right or wrong about an answer. Whatever was written, this does not raise."""
        start = "Write your answer in place of the three dots"
        if answer is None or answer is ...:
            return Verdict("not tried", f"{start}, run that cell, then this one. {_STUCK}")
        try:
            wrong = self.judge(answer)
        except NoAnswerYet:
            nothing = f"Nothing came back. {start}, and hand it back with `return`."
            return Verdict("not tried", f"{nothing} {_STUCK}")
        except AnswerFailed as error:
            wrong = str(error)
        except (Exception, SystemExit) as error:
            other_kind = "Your answer is of another kind than is asked for."
            wrong = f"{other_kind} Python says: {_explain(error)}"
        return Verdict("right", self.because) if wrong is None else Verdict("wrong", wrong)

    def hint(self) -> Text:
        """The next hint; after the last one, the last one again."""
        number = min(len(self._told) + 1, len(self.hints))
        self._told.append(number)
        is_last = number == len(self.hints)
        more = "`.solution()` shows one way." if is_last else "For the next one, run this again."
        return Text(f"Hint {number} of {len(self.hints)}", f"{self.hints[number - 1]}\n{more}")

    def solution(self) -> Text:
        """One way to do it, and why."""
        return Text("One way to do it", self.because, self.code.strip())


def run_answer(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a learner's function gives back; it gets copies of arrays, so it cannot spoil ours.

    Raises:
        NoAnswerYet: it is as it was, and gives back nothing.
        AnswerFailed: it raised an error, or was written and gives back nothing.
    """
    copies = [each.copy() if isinstance(each, np.ndarray) else each for each in arguments]
    try:
        result = function(*copies)
    except (Exception, SystemExit) as error:
        raise AnswerFailed(_describe_error(error)) from error
    if result is not None and result is not ...:
        return result
    if not _is_begun(function):
        raise NoAnswerYet
    last_line = "The last line of your function must hand the answer back: `return …`."
    raise AnswerFailed(f"Nothing came back. {last_line}")


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
    lines = [
        frame.line
        for frame in traceback.extract_tb(error.__traceback__)
        if "ipykernel_" in frame.filename or "ipython-input" in frame.filename
    ]
    where = f" in the line `{lines[-1]}`" if lines and lines[-1] else ""
    return f"Your code stopped{where}. Python says: {_explain(error)}"


def _explain(error: BaseException) -> str:
    """What Python says, and where that is known, what it means."""
    said = f"{type(error).__name__}: {error}"
    meanings = Path(__file__).with_name("python_says.md").read_text(encoding="utf-8")
    known = re.findall(r"^- `([^`]+)`: (.*)$", meanings, re.MULTILINE)
    return next((f"{said}. {meaning}" for part, meaning in known if part in said), said)
