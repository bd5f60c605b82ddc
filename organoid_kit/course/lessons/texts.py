"""Texts of exercises and questions: each notebook has a Markdown file beside its module.

    ## before each exercise   code that the notebook has run before
    ## exercise NAME          ### Answer, Hints, Solution, Also right, Mistakes, Before, Slips: what
                              is said to each, below it a formula of what comes out by it
    ## question NAME          its text, and below each choice what is said to it; `*`: the right one

The module of a notebook adds what judges the answers. A teacher can change or translate the texts
without touching Python; tests run all code that stands in them.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import NetworkSettings, make_settings
from organoid_kit.course.lessons.exercise import Exercise, Question, choose_answer, match_numbers

_CODE = re.compile(r"```python\n(.*?)\n```\n*(.*?)\s*(?=```python|\Z)", re.DOTALL)
_CHOICE = re.compile(r"^- (\*?)(\w+)\) (.*)\n  (.*)$", re.MULTILINE)


class LessonTexts:
    """The texts of one notebook, in the file beside a module: `LessonTexts(__file__)`."""

    def __init__(self, module_file: str) -> None:
        text = Path(module_file).with_suffix(".md").read_text(encoding="utf-8")
        heading = re.compile(r"^## (before each|exercise|question) (\w+)\n", re.MULTILINE)
        _, *parts = heading.split(text)
        self._texts = dict(zip(zip(parts[::3], parts[1::3]), parts[2::3]))
        self._module: dict[str, Any] = {}  # names that formulas may use

    def exercise(self, judge: Callable[[Any], str | None]) -> Exercise:
        """The exercise with the name of a function, which says what is wrong with an answer."""
        text, self._module = self._texts["exercise", judge.__name__], judge.__globals__
        _, *parts = re.split(r"^### (.+)\n", text, flags=re.MULTILINE)
        part = dict(zip(parts[::2], parts[1::2]))
        [(code, because)] = _CODE.findall(part["Solution"])
        before = part.get("Before") or self._texts.get(("before each", "exercise"), "")
        return Exercise(
            answer=part["Answer"].strip(),
            judge=judge,
            hints=tuple(re.findall(r"^- (.*)$", part["Hints"], re.MULTILINE)),
            code=code,
            because=because,
            others=tuple(other for other, _ in _CODE.findall(part.get("Also right", ""))),
            mistakes=tuple(_CODE.findall(part["Mistakes"])),
            more="\n".join(more for more, _ in _CODE.findall(part.get("Other cases", ""))),
            given="\n".join(given for given, _ in _CODE.findall(before)) or Exercise.given,
        )

    def settings_exercise(self, network: str) -> tuple[Exercise, Callable[..., NetworkSettings]]:
        """The exercise "settings"; and what chooses the learner's if right, else the kit's."""

        def settings(answer: Any) -> str | None:
            if not isinstance(answer, NetworkSettings):
                received = f"Received: {type(answer).__name__}."
                return f"Settings are what `make_settings` gives. {received}"
            if answer.network != network:
                where = "Its name is the first thing in the brackets."
                return f"These are settings of a {answer.network} network. {where}"
            unset = "The channels were left at (1,). In the bundled movies nuclei shine in 2 and 3"
            return f"{unset}: pass `channels`." if answer.channels == (1,) else None

        def choose(answer: Any, **usual: Any) -> NetworkSettings:
            return choose_answer(exercise, answer, lambda: make_settings(network, **usual))

        exercise = self.exercise(settings)
        return exercise, choose

    def question(self, name: str) -> Question:
        """The question of this name, or AttributeError; modules hand theirs out as attributes."""
        if ("question", name) not in self._texts:
            raise AttributeError(f"There is no question {name!r}.")
        text = self._texts["question", name]
        choices = _CHOICE.findall(text)
        return Question(
            text=text.partition("\n- ")[0].strip(),
            choices={key: choice for _, key, choice, _ in choices},
            right=next(key for star, key, _, _ in choices if star),
            because={key: reason for _, key, _, reason in choices},
        )

    def say(self, exercise: str, slip: str, **values: Any) -> str:
        """What is said to a slip of an exercise, with these values put into its text."""
        return self._list_slips(exercise)[slip][0].format(**values)

    def say_first(self, task: str, holds: Mapping[str | None, bool], **values: Any) -> str | None:
        """What is said to the first slip that holds, else to "otherwise"; nothing to None."""
        slip = next((slip for slip, is_so in holds.items() if is_so), "otherwise")
        return None if slip is None else self.say(task, slip, **values)

    def judge(
        self, exercise: str, known: dict, answer: Any, right: Any, tolerance: float = 1e-6
    ) -> str | None:
        """What is said to numbers, None if they are right: their shape, a slip, or "otherwise".

        The texts stand below the heading "Slips" of the exercise, and name `answer`, `right`,
        `shape` and what else is `known`. Below a text stands, in terms of these, what comes out by
        the slip; the first that matches counts.
        """
        known = known | {"answer": answer, "right": right, "shape": np.shape(answer)}
        slips, holds = self._list_slips(exercise), {None: match_numbers(answer, right, tolerance)}
        if "shape" in slips:
            holds["shape"] = np.shape(answer) != np.shape(right)
        for slip, (_, formula) in slips.items():
            with suppress(Exception):  # no formula, or one that an answer of another kind breaks
                wrong = eval(formula, self._module, known)
                holds[slip] = match_numbers(answer, wrong, tolerance)
        return self.say_first(exercise, holds, **known)

    def _list_slips(self, exercise: str) -> dict[str, tuple[str, str]]:
        """By name: what is said to it, and a formula, empty where there is none."""
        slips = self._texts["exercise", exercise].partition("### Slips\n")[2]
        found = re.findall(r"^- (\w+): (.*)(?:\n  `(.*)`$)?", slips, re.MULTILINE)
        return {name: (text, formula) for name, text, formula in found}
