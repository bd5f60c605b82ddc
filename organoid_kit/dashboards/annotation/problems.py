"""Problems beside a movie, to go to and to mend, and a look at all images for more of them."""

import dataclasses
import html
import itertools
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np
from ipywidgets import HTML, Layout, Select, VBox

from organoid_kit.dashboards.annotation import editing
from organoid_kit.dashboards.parts import common
from organoid_kit.dashboards.parts.common import make_live_text, mark
from organoid_kit.data import Annotations
from organoid_kit.evaluation.checks import Problem
from organoid_kit.plots.drawing import count

MOST_LISTED = 300
_LEAST_ROWS, _MOST_ROWS = 2, 6  # with one row, a page makes a list to fold out


class ProblemList(VBox):
    """Problems, one of which is chosen.

    Attributes:
        problems: all there are.
        chosen: list, one line for each of the first problems.
        check: button that begins and ends a look at all images.
    """

    def __init__(self, go_to: Callable[[], None]) -> None:
        super().__init__()
        self._go_to, self._showing, self._said = go_to, False, ""
        self.problems: list[Problem] = []
        self.summary, self.remedy = mark(HTML(), "ok-problem-summary"), mark(HTML(), "ok-remedy")
        tip = "Looks for positions beside their nucleus, and for nuclei without one, in all images"
        self.check = mark(common.make_button("Check images", tip), "ok-check")
        look = {"rows": _MOST_ROWS, "style": common.WIDE, "layout": Layout(width="98%")}
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


class ImageCheck:
    """Looks for positions beside their nucleus, nuclei without one, images that show nothing.

    Attributes:
        found: what was found last.
        text: how far it is, in words.
    """

    def __init__(
        self, editor: editing.AnnotationEditor, channels: Sequence[int], messages: common.Messages
    ) -> None:
        self._editor, self._channels, self._messages = editor, tuple(channels), messages
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.found = editing.ImageProblems()
        self.text = "Positions and links are checked after each change. "
        self.text += "Images were not looked at yet."

    @property
    def is_running(self) -> bool:
        """Whether it looks now."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, tell: Callable[[str], None], ended: Callable[[], None]) -> None:
        """Begins. On Colab, where threads cannot show anything, it is waited for.

        Args:
            tell: called from the thread with `text` when that changes.
            ended: called from the thread at the end.
        """
        self._stopping.clear()
        what = (self._editor.annotations, self._editor.numbers, tell, ended)
        self._thread = threading.Thread(target=self._work, args=what, daemon=True)
        self._thread.run() if "google.colab" in sys.modules else self._thread.start()

    def stop(self) -> None:
        """Ends before the next image."""
        self._stopping.set()

    def wait(self, seconds: float = 60) -> bool:
        """Waits for the end; whether it came."""
        if self.is_running:
            self._thread.join(seconds)
        return not self.is_running

    def _work(
        self, annotations: Annotations, numbers: np.ndarray, tell: Callable, ended: Callable
    ) -> None:
        original = self._editor.movie
        times = np.intersect1d(annotations.annotated_time_points, original.time_points)
        seen = itertools.count()  # stacks, one for each channel of a time point

        def read_stack(time_point: int, channel: int) -> np.ndarray:
            if self._stopping.is_set():
                raise _Stopped
            number = min(next(seen) // len(self._channels) + 1, len(times))
            self.text = f"Looking at image {number} of {len(times)} …"
            tell(self.text)
            return original.read_stack(time_point, channel)

        movie = dataclasses.replace(original, read_stack=read_stack)
        with self._messages.catch():
            try:
                self.found = editing.find_image_problems(
                    annotations, numbers, movie, self._channels
                )
                self.text = f"The images of {count(len(times), 'time point')} were looked at."
            except _Stopped:
                self.text = "Looking at the images was stopped."
        ended()


class _Stopped(Exception):
    """The user no longer waits."""
