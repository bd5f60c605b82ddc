"""Exercises, judged by what answers do, with hints and a solution; questions with reasons."""

import html
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from organoid_kit.plots.drawing import COLOURS

KINDS = {"right": "✓ Right.", "wrong": "✗ Not yet.", "not tried": "○ Not tried yet."}
_WRITE = "Write your answer in place of the three dots"
_BY_CHANCE = (
    "Right in one case, but not in another: does each argument count, and is none written in?"
)
_STUCK = "Stuck? In place of `.check(…)` write `.puzzle()`: lines to put in order. Or `.hint()`."
_ORDER = "Not all are needed. Which, in which order? Write their numbers: `.puzzle(2, 1)`, say."


def _set_code(text: str) -> str:
    """Plain text as HTML: all is escaped, `code` is set as code, lines stay lines."""
    escaped = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))
    return escaped.replace("\n", "<br>")


_TEMPLATES = jinja2.Environment(autoescape=True, trim_blocks=True)
_TEMPLATES.filters["code"] = _set_code
_TEMPLATES.globals |= {"kinds": KINDS, "colours": COLOURS}
_HTML = _TEMPLATES.from_string(Path(__file__).with_suffix(".html").read_text("utf-8")).module
_NO_ANSWER = str(_HTML.no_answer())


@dataclass(frozen=True)
class Verdict:
    """What a checker says about an answer: "right", "wrong" or "not tried", and why, in words."""

    kind: str
    text: str

    def __repr__(self) -> str:
        return f"{KINDS[self.kind]} {self.text}".rstrip()

    def _repr_html_(self) -> str:
        return str(_HTML.verdict(self))


@dataclass(frozen=True)
class Text:
    """A hint or a solution: a title such as "Hint 1 of 3", words, and code above the words."""

    title: str
    text: str
    code: str = ""

    def __repr__(self) -> str:
        return "\n".join(part for part in (f"{self.title}.", self.code, self.text) if part)

    def _repr_html_(self) -> str:
        return str(_HTML.text(self))


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
    more: str = ""  # code: `cases` for which the solution says what is right, see `_try_more`
    _told: list[int] = field(default_factory=list, init=False, repr=False, compare=False)

    def check(self, answer: Any) -> Verdict:
        """What is right or wrong about an answer. Whatever was written, this does not raise."""
        if answer is None or answer is ...:
            return Verdict("not tried", f"{_WRITE}, run that cell, then this one. {_STUCK}")
        try:
            wrong = self.judge(answer) or (self._try_more(answer) if self.more else None)
        except NoAnswerYet:
            nothing = f"Nothing came back. {_WRITE}, and hand it back with `return`."
            return Verdict("not tried", f"{nothing} {_STUCK}")
        except AnswerFailed as error:
            wrong = str(error)
        except (Exception, SystemExit) as error:
            other_kind = "Your answer is of another kind than is asked for."
            wrong = f"{other_kind} Python says: {_explain(error)}"
        return Verdict("right", self.because) if wrong is None else Verdict("wrong", wrong)

    def _try_more(self, answer: Any) -> str | None:
        """What is wrong in further cases: numbers written in, say, or a rule that holds by chance."""
        known = {"cases": (), "order": lambda result: result, "tolerance": 1e-4}
        known |= self.run(self.code, self.more)
        for case in known["cases"]:
            functions = answer, known[self.answer]
            got, right = (known["order"](run_answer(each, *case)) for each in functions)
            if not match_numbers(got, right, known["tolerance"]):
                return f"{_BY_CHANCE} There it gives {got!s:.300}, and {right!s:.300} is right."
        return None

    def run(self, *code: str) -> dict[str, Any]:
        """What stands there after this code, such as the solution, was run in the notebook."""
        exec("\n".join((self.given, *code)), known := {})
        return known

    def hint(self) -> Text:
        """The next hint; after the last one, the last one again."""
        number = min(len(self._told) + 1, len(self.hints))
        self._told.append(number)
        is_last = number == len(self.hints)
        more = "`.solution()` shows one way." if is_last else "For the next one, run this again."
        return Text(f"Hint {number} of {len(self.hints)}", f"{self.hints[number - 1]}\n{more}")

    def puzzle(self, *order: int) -> Text | Verdict:
        """Lines of the solution, shuffled among wrong ones; or what is right about an `order`."""
        lines = self._shuffle_lines()
        if not order:
            numbered = (f"{number:2}: {line}" for number, line in enumerate(lines, 1))
            return Text("Put these lines in order", _ORDER, "\n".join(numbered))
        try:
            chosen = [lines[int(number) - 1] for number in np.ravel(order)]
            return self.check(self.run(*chosen).get(self.answer))
        except Exception as error:
            return Verdict(
                "wrong", f"In this order they do not run. Python says: {_explain(error)}"
            )

    def _shuffle_lines(self) -> list[str]:
        """Lines of the solution, and of the typical mistake with the fewest others."""
        codes = [self.code, *(code for code, _ in self.mistakes)]
        right, *wrong = ([line for line in code.splitlines() if line.strip()] for code in codes)
        others = filter(None, ([line for line in lines if line not in right] for lines in wrong))
        lines = right + min(others, key=len, default=[])
        np.random.default_rng(list(self.answer.encode())).shuffle(lines)
        return lines

    def solution(self) -> Text:
        """One way to do it, and why."""
        return Text("One way to do it", self.because, self.code.strip())


def run_answer(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a learner's function gives for copies. Raises NoAnswerYet, or AnswerFailed."""
    copies = [each.copy() if isinstance(each, np.ndarray) else each for each in arguments]
    try:
        result = function(*copies)
    except (Exception, SystemExit) as error:
        cells = ("ipykernel_", "ipython-input")  # files in which the notebook's lines stand
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f.line for f in frames if any(cell in f.filename for cell in cells)]
        where = f" in the line `{lines[-1]}`" if lines and lines[-1] else ""
        raise AnswerFailed(f"Your code stopped{where}. Python says: {_explain(error)}") from error
    if result is not None and result is not ...:
        return result
    code = getattr(function, "__code__", None)
    # more than three dots: a name of its own, or one that it uses
    if code and (code.co_nlocals > code.co_argcount + code.co_kwonlyargcount or code.co_names):
        last_line = "The last line of your function must hand the answer back: `return …`."
        raise AnswerFailed(f"Nothing came back. {last_line}")
    raise NoAnswerYet


def _explain(error: BaseException) -> str:
    """What Python says, and where that is known, what it means."""
    said = f"{type(error).__name__}: {error}"
    meanings = Path(__file__).with_name("python_says.md").read_text(encoding="utf-8")
    known = re.findall(r"^- `([^`]+)`: (.*)$", meanings, re.MULTILINE)
    return next((f"{said}. {meaning}" for part, meaning in known if part in said), said)


def match_numbers(answer: Any, truth: Any, tolerance: float = 1e-6) -> bool:
    """Whether an answer, of whatever kind, is numbers of the same shape, within `tolerance`."""
    try:
        if isinstance(answer, str):  # "9 / 12", "0,75", "75 %"
            text = re.sub(r"\s", "", answer.lower().replace(",", ".").replace("%", "/100"))
            answer = (float if "e" in text else Fraction)(text)  # not all digits of 1e999
        numbers = np.asarray(answer, dtype=float)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return False
    truth = np.asarray(truth, dtype=float)
    if numbers.size == truth.size == 1:  # one number, or a list of one
        numbers = numbers.reshape(truth.shape)
    return numbers.shape == truth.shape and bool(np.all(np.abs(numbers - truth) <= tolerance))


def choose_answer(exercise: Exercise, answer: Any, otherwise: Callable | None = None) -> Any:
    """The answer if it is right, else what `otherwise` makes, or the solution, to go on with."""
    is_right = exercise.check(answer).kind == "right"
    print(f"The notebook goes on with {'yours' if is_right else 'that of the kit'}.")
    if is_right:
        return answer
    return otherwise() if otherwise else exercise.run(exercise.code)[exercise.answer]


@dataclass(frozen=True, repr=False)
class Question:
    """A knowledge check, or a guess before a cell is run."""

    text: str  # the question
    choices: dict[str, str]  # what can be answered, by key: {"a": "…", "b": "…"}
    right: str  # the key of what is right
    because: dict[str, str]  # what is said to each choice, by key

    def check(self, choice: str) -> Verdict:
        """What is right or wrong about a choice."""
        key = str(choice).strip().lower()
        if key not in self.choices:
            ask = f"Choose one of {', '.join(self.choices)}. Received: {choice!r}."
            return Verdict("not tried", ask)
        return Verdict("right" if key == self.right else "wrong", self.because[key])

    def __repr__(self) -> str:
        choices = (f"  {key}) {choice}" for key, choice in self.choices.items())
        calls = " or ".join(f'.check("{key}")' for key in self.choices)
        to_answer = f"To answer, write behind the question: {calls}"
        return "\n".join([f"Question: {self.text}", *choices, to_answer])

    def _repr_html_(self) -> str:
        return str(_HTML.question(self))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Radio buttons where widgets are shown, otherwise HTML or text."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        shown = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return {**shown, "application/vnd.jupyter.widget-view+json": view}

    def widget(self) -> Any:
        """A box of question, radio buttons and feedback, in this order; nothing is chosen yet."""
        from ipywidgets import HTML, Layout, RadioButtons, VBox, dlink

        labels = [(f"{key}) {said.replace('`', '')}", key) for key, said in self.choices.items()]
        buttons = RadioButtons(options=labels, value=None, layout=Layout(width="auto"))
        feedback = HTML().add_class("ok-feedback")

        def judge(key: str | None) -> str:
            return self.check(key)._repr_html_() if key else _NO_ANSWER

        dlink((buttons, "value"), (feedback, "value"), judge)
        heading = HTML(str(_HTML.heading(self)))
        return VBox([heading, buttons.add_class("ok-choices"), feedback]).add_class("ok-question")
