"""The class board: guesses that travel as strings, and the class's curve."""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import traitlets
from ipywidgets import HTML, HBox
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from organoid_kit.base import UserError, make_error, refuse_if
from organoid_kit.dashboards.parts import Dashboard, common
from organoid_kit.dashboards.parts.dashboard import decode_state, encode_state, shorten
from organoid_kit.evaluation.positions import format_score
from organoid_kit.plots.drawing import COLOURS, Drawing, draw_panels, tidy, write_png

_MOST = 1e12  # larger numbers are no guesses, nor can they be drawn
_MOST_NAMES = 12  # more are not written beside their points


@dataclass(frozen=True)
class Guess:
    """What a person or group committed to, with the state of the dashboard it was made in."""

    name: str
    guess: float
    score: float | None = None
    state: dict[str, Any] = field(default_factory=dict)


def format_guess(question: str, guess: Guess) -> str:
    """A guess as one string. Raises UserError where it has no name."""
    refuse_if(not guess.name.strip(), "guess name")
    return encode_state(question, asdict(guess))


def parse_guesses(text: str, question: str) -> tuple[list[Guess], list[str]]:
    """The guesses that answer a question among pasted lines, the last of each name.

    Around each string may stand whatever the chat writes. Of each line that holds none and is not
    empty, a complaint says what is wrong.
    """
    guesses, complaints = {}, []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                guess = _parse_guess(line, question)
                guesses.pop(guess.name, None)
                guesses[guess.name] = guess
            except UserError as error:
                complaints.append(f"Line {number}: {error}")
    return list(guesses.values()), complaints


def _parse_guess(line: str, question: str) -> Guess:
    asked, state = decode_state(line)
    refuse_if(asked != question, "question", question=question, asked=shorten(asked))
    try:
        name, guess = shorten(str(state["name"])), float(state["guess"])
        score = None if state["score"] is None else float(state["score"])
        if not max(abs(guess), abs(score or 0)) < _MOST:  # numbers that are none, too
            raise ValueError("numbers too large")
        return Guess(name, guess, score, dict(state["state"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise make_error("guess") from error


def plot_guesses(
    guesses: Sequence[Guess], question: str, labels: tuple[str, str] = ("guess", "score")
) -> Drawing:
    """Guesses with their scores, joined from the lowest to the highest; dots without scores."""
    figure, axes = draw_panels(7, 3.6)
    in_order = sorted(guesses, key=lambda guess: guess.guess)
    scored = [guess for guess in in_order if guess.score is not None]
    best = max(scored, key=lambda guess: guess.score, default=None)
    if best:
        _draw_curve(axes, scored, best)
    else:
        _draw_dots(axes, [guess.guess for guess in guesses])
    axes.set(xlabel=labels[0], ylabel=labels[1] if scored else "guesses")
    axes.set_title(question)
    tidy(axes)
    text = f"{question} No guesses yet."
    if numbers := [guess.guess for guess in in_order]:
        middle = f"the middle one {np.median(numbers):g}"
        text = f"{question} {_count(guesses)}, from {numbers[0]:g} to {numbers[-1]:g}, {middle}."
    if best:
        who = f"has {best.name} with {labels[0]} {best.guess:g}"
        text += f" The best {labels[1]}, {format_score(best.score, digits=2)}, {who}."
    return figure.caption(text)


def _draw_curve(axes: Axes, scored: Sequence[Guess], best: Guess) -> None:
    points = [(guess.guess, guess.score) for guess in scored]
    axes.plot(*zip(*points), "o-", color=COLOURS["blue"], lw=1)
    axes.plot(best.guess, best.score, "*", color=COLOURS["vermillion"], markersize=16)
    axes.margins(0.08, 0.2)
    above = {"xytext": (0, 9), "textcoords": "offset points", "ha": "center", "fontsize": 9}
    for guess in scored if len(scored) <= _MOST_NAMES else [best]:
        axes.annotate(guess.name, (guess.guess, guess.score), **above)


def _draw_dots(axes: Axes, numbers: Sequence[float]) -> None:
    """A dot for each guess, equal ones on top of each other."""
    values, heights = np.unique(np.asarray(numbers, float), return_counts=True)
    for value, height in zip(values, heights, strict=True):
        axes.plot([value] * height, range(1, height + 1), "o", color=COLOURS["blue"])
    axes.set_ylim(0, max([2, *heights]) + 1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(integer=bool((values == values.round()).all())))


def _count(guesses: Sequence[Guess]) -> str:
    return f"{len(guesses)} guess{'es' * (len(guesses) != 1)}"


class ClassBoard(Dashboard):
    """Registers a guess, and draws the curve of a class.

    Args:
        question: what is guessed; strings for other questions are refused.
        score: what comes of a guess, learned after it is registered; None: guesses are counted.
        limits, step: the lowest and highest guess, and from one to the next.
        dashboard: the one that the guess is made in; its state travels with the guess.
        control: the name of its control that holds the guess, such as "threshold".

    Attributes:
        name, guess, register, string: who guesses what, finally; the string to copy.
        strings, show, guesses: what the class sent, one string in each line; what it guessed.
        write, go: the dashboard's state as a string, and back from the first line of `strings`.
    """

    kept = ("name", "guess", "string", "strings")

    def __init__(
        self,
        question: str,
        score: Callable[[float], float] | None = None,
        *,
        limits: tuple[float, float] = (0.0, 1.0),
        step: float = 0.01,
        labels: tuple[str, str] = ("guess", "score"),
        dashboard: Any = None,
        control: str | None = None,
    ) -> None:
        self.question, self.score, self.labels, self.dashboard = question, score, labels, dashboard
        self.guesses: list[Guess] = []
        self.picture = HTML().add_class("ok-class-curve")
        self.limits = limits
        actions = {name: getattr(self, f"_{name}") for name in ("register", "write", "show", "go")}
        self._add_controls("class board", guess={"value": limits[0], "step": step}, **actions)
        self._links = []
        if dashboard is not None and control is not None:
            self._control = getattr(dashboard, control)
            self._links = [traitlets.dlink((self._control, "value"), (self.guess, "value"))]
            self._connect(self._set_control, self.guess)
        writes, goes = ([], []) if dashboard is None else ([self.write], [self.go])
        guessing = common.wrap_row(self.name, self.guess, self.register, *writes)
        sent = [HTML("<b>The class</b>"), self.strings, HBox([self.show, *goes])]
        title = HTML(f"<b>{html.escape(question)}</b>")
        super().__init__([title, guessing, self.string, *sent, self.messages, self.picture])

    def _set_control(self) -> None:
        if self._links:
            self._control.value = self.guess.value

    def _register(self) -> None:
        self._set_control()
        state = {} if self.dashboard is None else self.dashboard.state()
        guess, score, told = self.guess.value, None, ""
        low, high = self.limits
        refuse_if(not low <= guess <= high, "guess limits", guess=guess, low=low, high=high)
        if self.score is not None:
            score = round(float(self.score(guess)), 4)
            told = f" Its {self.labels[1]}: {format_score(score, digits=2)}."
        self.string.value = format_guess(self.question, Guess(self.name.value, guess, score, state))
        self._close()
        self.messages.say(f"Registered: {guess:g}.{told} Send the string to your teacher.")

    def _close(self) -> None:
        """A guess is made once."""
        for widget in (self.name, self.guess, self.register):
            widget.disabled = True
        for link in self._links:
            link.unlink()
        self._links = []

    def _write(self) -> None:
        self.string.value = encode_state(type(self.dashboard).__name__, self.dashboard.state())
        self.messages.say("Whoever pastes this string sees what you see.")

    def _go(self) -> None:
        name, state = decode_state(self.strings.value)
        wanted = type(self.dashboard).__name__
        if name == self.question:
            name, state = f"{state.get('name')}'s guess", state.get("state", {})
        else:
            refuse_if(name != wanted, "state of", wanted=wanted, name=shorten(name))
        self.dashboard.restore(state)
        self.messages.say(f"The dashboard shows the state of {shorten(name)}.")

    def _show(self) -> None:
        self.guesses, complaints = parse_guesses(self.strings.value, self.question)
        refuse_if(not self.guesses and not complaints, "strings")
        drawing = self.plot()
        picture = f"data:image/png;base64,{base64.b64encode(write_png(drawing)).decode()}"
        words = html.escape(drawing.description)
        self.picture.value = f'<img alt="{words}" src="{picture}"><p>{words}</p>'
        if complaints:
            self.messages.say(" ".join(complaints), "warn")
        else:
            self.messages.say(f"Every line was read: {_count(self.guesses)}.")

    def plot(self) -> Drawing:
        """The class's curve."""
        return plot_guesses(self.guesses, self.question, self.labels)

    def state(self) -> dict[str, Any]:
        """What stands in the fields, and whether the guess was registered."""
        return super().state() | {"registered": self.register.disabled}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Fills the fields from what `state` gave."""
        super().restore({name: state[name] for name in self.kept})
        if state["registered"]:
            self._close()
        if self.strings.value:
            self.show.click()
