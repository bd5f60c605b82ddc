"""Two lists beside a movie: problems to mend, and candidates to decide on."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from ipywidgets import HTML, Button, HBox, Layout, Select, VBox

from organoid_kit.annotation_editing import CandidateOrder
from organoid_kit.annotations import Annotations
from organoid_kit.checks import Problem
from organoid_kit.dashboards.common import mark
from organoid_kit.plots.drawing import count

MOST_LISTED = 300
_WRAP = Layout(flex_flow="row wrap")


class ProblemList(VBox):
    """Problems, one of which is chosen.

    Attributes:
        problems: all there are.
        chosen: list, one line for each of the first problems.
        check: button.
        summary, remedy: what is shown above and below.
    """

    def __init__(self, go_to: Callable[[Problem], None]) -> None:
        super().__init__()
        self._go_to, self._showing = go_to, False
        self.problems: list[Problem] = []
        self._said = ""
        self.summary, self.remedy = mark(HTML(), "ok-problem-summary"), mark(HTML(), "ok-remedy")
        self.chosen = mark(Select(options=(), rows=6, layout=Layout(width="98%")), "ok-problems")
        tip = "Looks for positions beside their nucleus, and for nuclei without one, in all images"
        self.check = mark(Button(description="Check images", tooltip=tip), "ok-check")
        self.chosen.observe(self._choose, "index")
        self.children = [self.summary, self.chosen, self.remedy, self.check]

    def show(self, problems: Sequence[Problem], images: str) -> None:
        """Lists these; errors first. `images`: in words, whether images were looked at."""
        self.problems = sorted(problems, key=lambda each: each.severity != "error")
        errors = sum(each.severity == "error" for each in self.problems)
        few = f" The first {MOST_LISTED} are listed." if len(self.problems) > MOST_LISTED else ""
        self._said = f"{count(errors, 'error')}, {count(len(self.problems) - errors, 'warning')}.{few}"
        self.show_images(images)
        lines = tuple(_write_line(each) for each in self.problems[:MOST_LISTED])
        if lines != self.chosen.options:
            self._show_lines(lines)

    def show_images(self, images: str) -> None:
        """Whether images were looked at, in words."""
        self.summary.value = f'<div style="line-height:1.4"><b>{self._said}</b> {html.escape(images)}</div>'

    def _show_lines(self, lines: tuple[str, ...]) -> None:
        """Other lines, of which none is chosen: nobody clicked on one."""
        self._showing = True
        self.chosen.options = lines
        self.chosen.index = None
        self._showing = False
        self.remedy.value = _write_words("Click on a problem to go there." if lines else "Nothing to mend here.")

    def _choose(self, change: dict) -> None:
        if not self._showing and change["new"] is not None:
            problem = self.problems[change["new"]]
            self.remedy.value = _write_words(str(problem))
            self._go_to(problem)


class CandidateList(VBox):
    """Candidates one by one, the most doubtful first.

    Attributes:
        row: of the candidate that is asked about, or None.
        accept, refuse, skip, find: buttons.
        summary, question: what is shown.
    """

    def __init__(self, *, can_find: bool) -> None:
        """`can_find`: whether blobs can become candidates; not beside those of a network."""
        super().__init__()
        self.row: int | None = None
        self._first: int | None = None
        self._skipped: list[int] = []
        self.summary, self.question = mark(HTML(), "ok-candidate-summary"), mark(HTML(), "ok-candidate")
        buttons = (
            ("accept", "Accept (Y)", "It is a nucleus: it becomes a position"),
            ("refuse", "Refuse (R)", "It is no nucleus: do not ask again"),
            ("skip", "Decide later (W)", "The next one; this one comes last"),
            ("find", "Find blobs at this time point", "Bright blobs of about the size of a nucleus become candidates"),
        )
        for name, text, tip in buttons:
            wide = Layout(width="auto")
            setattr(self, name, mark(Button(description=text, tooltip=tip, layout=wide), f"ok-{name}"))
        decide = HBox([self.accept, self.refuse, self.skip], layout=_WRAP)
        self.children = [self.summary, self.question, decide, *([self.find] if can_find else [])]

    def show(self, candidates: Annotations | None, order: CandidateOrder) -> None:
        """Asks about the first that is still open; those that were skipped come last."""
        still = order.rows.tolist()
        self._skipped = [row for row in self._skipped if row in still]
        waiting = [row for row in [self._first] if row in still]
        waiting += [row for row in still if row not in self._skipped] + self._skipped
        self.row = waiting[0] if waiting else None
        for button in (self.accept, self.refuse, self.skip):
            button.disabled = self.row is None
        self.summary.value = _write_words(
            f"{count(len(still), 'candidate')} to decide on. {order.text if still else ''}"
        )
        self.question.value = _write_words(self._ask(candidates))

    def ask_first(self, row: int) -> None:
        """This one is asked about next."""
        self._first = row

    def put_off(self) -> None:
        """The one that is asked about comes last."""
        self._first = None
        self._skipped = [row for row in self._skipped if row != self.row] + [self.row]

    def _ask(self, candidates: Annotations | None) -> str:
        if self.row is None:
            return "No candidate is waiting. Find blobs, or open the checker with the prediction of a network."
        place = ", ".join(f"{axis} {value:.1f}" for axis, value in zip("zyx", candidates.positions[self.row]))
        known = [
            f"{name} {values[self.row]:.3g}"
            for name, values in candidates.properties.items()
            if name in ("probability", "response") and values[self.row] is not None
        ]
        where = f"time point {candidates.time_points[self.row]}, {place}"
        return f"Is this a nucleus? {where}{''.join(f'; {each}' for each in known)}."


def _write_line(problem: Problem) -> str:
    """A problem in one line: how bad, what, and where."""
    where = [] if problem.time_point is None else [f"time point {problem.time_point}"]
    if problem.position is not None:
        where.append(", ".join(f"{axis} {value:.0f}" for axis, value in zip("zyx", problem.position)))
    return " · ".join([f"{problem.severity}: {problem.rule.replace('_', ' ')}", *where])


def _write_words(text: str) -> str:
    return f'<div aria-live="polite" style="line-height:1.4;overflow-wrap:anywhere">{html.escape(text)}</div>'
