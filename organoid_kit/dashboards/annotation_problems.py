"""Problems beside a movie, to go to and to mend."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from ipywidgets import HTML, Layout, Select, VBox

from organoid_kit.dashboards.common import WIDE, make_button, make_live_text, mark
from organoid_kit.evaluation.checks import Problem
from organoid_kit.plots.drawing import count

MOST_LISTED = 300
_LEAST_ROWS, _MOST_ROWS = 2, 6  # with one row, a page makes a list to fold out


class ProblemList(VBox):
    """Problems, one of which is chosen.

    Attributes:
        problems: all there are.
        chosen: list, one line for each of the first problems.
        check: button.
        summary, remedy: what is shown below.
    """

    def __init__(self, go_to: Callable[[], None]) -> None:
        super().__init__()
        self._go_to, self._showing, self._said = go_to, False, ""
        self.problems: list[Problem] = []
        self.summary, self.remedy = mark(HTML(), "ok-problem-summary"), mark(HTML(), "ok-remedy")
        tip = "Looks for positions beside their nucleus, and for nuclei without one, in all images"
        self.check = mark(make_button("Check images", tip), "ok-check")
        look = {"rows": _MOST_ROWS, "style": WIDE, "layout": Layout(width="98%")}
        self.chosen = mark(Select(options=(), description="Problems", **look), "ok-problems")
        self.chosen.observe(self._choose, "index")
        # Texts of any length are below what is pressed.
        self.children = [self.check, self.chosen, self.remedy, self.summary]

    def show(self, problems: Sequence[Problem], images: str) -> None:
        """Lists these; errors first. `images`: in words, whether images were looked at."""
        self.problems = sorted(problems, key=lambda problem: problem.severity != "error")
        errors = sum(problem.severity == "error" for problem in problems)
        warnings = count(len(problems) - errors, "warning")
        few = f" The first {MOST_LISTED} are listed." if len(problems) > MOST_LISTED else ""
        self._said = f"{count(errors, 'error')}, {warnings}.{few}"
        self.show_images(images)
        lines = tuple(_write_line(problem) for problem in self.problems[:MOST_LISTED])
        if lines != self.chosen.options or not self.remedy.value:
            self._show_lines(lines)

    def show_images(self, images: str) -> None:
        """Whether images were looked at, in words."""
        text = f"<b>{self._said}</b> {html.escape(images)}"
        self.summary.value = f'<div style="line-height:1.4">{text}</div>'

    def _show_lines(self, lines: tuple[str, ...]) -> None:
        """Other lines, of which none is chosen: nobody clicked on one."""
        self._showing = True
        self.chosen.options, self.chosen.index = lines, None
        self._showing = False
        self.chosen.rows = max(_LEAST_ROWS, min(len(lines), _MOST_ROWS))
        self.chosen.layout.display = None if lines else "none"
        text = "Click on a problem to go there." if lines else "Nothing to mend here."
        self.remedy.value = make_live_text(text)

    def _choose(self, change: dict) -> None:
        if not self._showing and change["new"] is not None:
            self._go_to()

    def get_selected(self) -> Problem | None:
        """The problem that is chosen now, if one is; its remedy is shown from now on."""
        if self.chosen.index is None:
            return None
        problem = self.problems[self.chosen.index]
        self.remedy.value = make_live_text(str(problem))
        return problem


def _write_line(problem: Problem) -> str:
    """A problem in one line: how bad, what, and where."""
    words = [f"{problem.severity}: {problem.rule.replace('_', ' ')}"]
    if problem.time_point is not None:
        words.append(f"time point {problem.time_point}")
    if problem.position is not None:
        place = zip("zyx", problem.position)
        words.append(", ".join(f"{axis} {value:.0f}" for axis, value in place))
    return " · ".join(words)
