"""Lists beside a movie: problems to mend, and candidates to decide on one by one."""

import dataclasses
import html
import itertools
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np

from organoid_kit import networks, prediction
from organoid_kit.base import refuse_if
from organoid_kit.base.files import make_file_name
from organoid_kit.base.settings import make_settings
from organoid_kit.dashboards.annotation.editing import remaining
from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.dashboards.parts import Dashboard, common
from organoid_kit.data import AnnotatedMovie, Annotations, timelapse
from organoid_kit.evaluation import checks, find_blobs
from organoid_kit.examples.sizes import state_size
from organoid_kit.networks.folders import copy_network
from organoid_kit.plots.drawing import count

MOST_LISTED = 300
_LEAST_PROBABILITY = 0.05  # of candidates: a threshold may be lower than the network's own
_LEAST_JUDGED = 5  # candidates, before a threshold is proposed
_LEAST_ROWS, _MOST_ROWS = 2, 6  # with one row, a page makes a list to fold out


class ProblemList(Dashboard):
    """All `problems`, the first of them in the list `chosen`; `check` is a button for images."""

    def __init__(self, go_to: Callable[[], None]) -> None:
        super().__init__()
        self._go_to, self._showing, self._said = go_to, False, ""
        self.problems: list[checks.Problem] = []
        self._add_controls("problems", chosen={"rows": _MOST_ROWS})
        self.chosen.observe(self._choose, "index")
        # Texts of any length are below what is pressed.
        self.children = [self.check, self.chosen, self.remedy, self.problem_summary]

    def show(self, problems: Sequence[checks.Problem], images: str) -> None:
        """Lists these; errors first. `images`: in words, whether images were looked at."""
        self.problems = sorted(problems, key=lambda problem: problem.severity != "error")
        errors = sum(problem.severity == "error" for problem in problems)
        warnings = count(len(problems) - errors, "warning")
        few = f" The first {MOST_LISTED} are listed." if len(problems) > MOST_LISTED else ""
        self._said = f"{count(errors, 'error')}, {warnings}.{few}"
        self.show_images(images)
        lines = tuple(map(_write_line, self.problems[:MOST_LISTED]))
        if lines == self.chosen.options and self.remedy.value:
            return
        self._showing = True  # of other lines none is chosen: nobody clicked on one
        self.chosen.options, self.chosen.index = lines, None
        self._showing = False
        self.chosen.rows = max(_LEAST_ROWS, min(len(lines), _MOST_ROWS))
        self.chosen.layout.display = None if lines else "none"
        text = "Click on a problem to go there." if lines else "Nothing to mend here."
        self.remedy.value = common.make_live_text(text)

    def show_images(self, images: str) -> None:
        """Whether images were looked at, in words."""
        text = f"<b>{self._said}</b> {html.escape(images)}"
        self.problem_summary.value = f'<div style="line-height:1.4">{text}</div>'

    def _choose(self, change: dict) -> None:
        if not self._showing and change["new"] is not None:
            self._go_to()

    def get_selected(self) -> checks.Problem | None:
        """The problem that is chosen now, if one is; its remedy is shown from now on."""
        if self.chosen.index is None:
            return None
        problem = self.problems[self.chosen.index]
        self.remedy.value = common.make_live_text(str(problem))
        return problem


def _write_line(problem: checks.Problem) -> str:
    words = [f"{problem.severity}: {problem.rule.replace('_', ' ')}"]
    if problem.time_point is not None:
        words.append(f"time point {problem.time_point}")
    if problem.position is not None:
        words.append("z {:.0f}, y {:.0f}, x {:.0f}".format(*problem.position))
    return " · ".join(words)


class ImageCheck:
    """Looks through all images: `found` is what was found last, `text` says how far it is."""

    def __init__(
        self, editor: AnnotationEditor, channels: Sequence[int], messages: common.Messages
    ) -> None:
        self._editor, self._channels, self._messages = editor, tuple(channels), messages
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.found, said = [], "Images were not looked at yet."
        self.text = f"Positions and links are checked after each change. {said}"

    @property
    def is_running(self) -> bool:
        """Whether it looks now."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, tell: Callable[[str], None], ended: Callable[[], None]) -> None:
        """Begins; a thread calls `tell` with `text` when that changes, and `ended` at the end."""
        self._stopping.clear()
        what = (self._editor.annotations, self._editor.numbers, tell, ended)
        self._thread = threading.Thread(target=self._work, args=what, daemon=True)
        # On Colab, threads cannot show anything.
        self._thread.run() if "google.colab" in sys.modules else self._thread.start()

    def stop(self) -> None:
        """Ends before the next image."""
        self._stopping.set()

    def _work(
        self, annotations: Annotations, numbers: np.ndarray, tell: Callable, ended: Callable
    ) -> None:
        original = self._editor.movie
        times = np.intersect1d(annotations.annotated_time_points, original.time_points)
        seen = itertools.count()  # stacks, one for each channel of a time point

        def read_stack(time_point: int, channel: int) -> np.ndarray:
            if self._stopping.is_set():
                raise CancelledError
            number = min(next(seen) // len(self._channels) + 1, len(times))
            self.text = f"Looking at image {number} of {len(times)} …"
            tell(self.text)
            return original.read_stack(time_point, channel)

        movie = dataclasses.replace(original, read_stack=read_stack)
        what = (annotations, numbers, movie, self._channels)
        with self._messages.catch():
            try:
                self.found = remaining.find_image_problems(*what)
                self.text = f"The images of {count(len(times), 'time point')} were looked at."
            except CancelledError:
                self.text = "Looking at the images was stopped."
        ended()


class CandidateList(Dashboard):
    """Candidates that wait for a decision. Buttons act on the editor; errors are raised.

    They are `proposed` by a `network`; None: peaks of the network, or without one blobs, become
    candidates, where and when one asks. `still_open`, (n,) int, are the rows of those nobody has
    decided on, `row` the one in question, `choice` the threshold that follows from decisions.
    """

    def __init__(
        self,
        editor: AnnotationEditor,
        channels: Sequence[int],
        proposed: Annotations | None,
        network: str | Path | None,
    ) -> None:
        super().__init__()
        self._network, self._settings = network, network and networks.load_settings(network)
        self._editor, self._channels, self._searched = editor, tuple(channels), set()
        self.proposed, self.still_open, self.row = proposed, np.zeros(0, int), None
        self._first, self._postponed = None, []  # rows: what is asked about next, and at last
        what = "nuclei" if network else "blobs"
        self._add_controls("candidates", find={"description": f"Find {what} at this time point"})
        decide = common.wrap_row(self.accept, self.refuse, self.skip)
        find = [self.find] if proposed is None else []
        keep = [self.keep] if network else []
        shown = [self.candidate, self.candidate_threshold, *keep, self.candidate_summary]
        self.children = [*find, decide, *shown]

    def get_place(self) -> tuple[int, np.ndarray] | None:
        """Time point and position, zyx, voxels, of the one in question."""
        if self.row is not None:
            return int(self.proposed.time_points[self.row]), self.proposed.positions[self.row]

    def put_first(self, number: int) -> None:
        """The question is next about the one with this number among the open ones."""
        self._first = int(self.still_open[number])

    def decide(self, name: str) -> str:
        """Does what "accept", "refuse" or "skip" stands for; what it did, in words."""
        refuse_if(self.row is None, "candidate")
        if name == "accept":
            self._editor.accept(self.proposed, self.row)
            return "Accepted: it is a position now."
        if name == "refuse":
            self._editor.refuse(self.proposed, self.row)
            return "Refused: it does not come again."
        self._postponed = [row for row in self._postponed if row != self.row] + [self.row]
        self._first = None
        return "Put off: it comes last."

    def search(self, time_point: int) -> str:
        """Makes blobs at a time point candidates; how many there are, in words."""
        if time_point not in self._searched:
            self.proposed = remaining.join_candidates(self.proposed, self._find(time_point))
            self._searched.add(time_point)
        found = len(self.proposed.rows_at(time_point))
        some = "those without a position of their own are candidates"
        return f"{found} found at time point {time_point}; {some}."

    def _find(self, time_point: int) -> Annotations:
        movie, times = self._editor.movie, [time_point]
        if not self._network:
            size = {"nucleus_diameter_um": timelapse.USUAL_DIAMETER_UM}
            usual = make_settings("position", channels=self._channels, **size)
            sized = state_size(AnnotatedMovie(movie), usual)
            return find_blobs(sized, channels=self._channels, time_points=times)
        settings = self._settings.changed(channels=self._channels)
        options = {"threshold": _LEAST_PROBABILITY, "show_progress": False, "time_points": times}
        network, _ = networks.load_network(self._network)  # Keras, which takes seconds
        return prediction.predict_positions(network, movie, settings, **options)

    def keep_threshold(self) -> str:
        """Saves a copy of the network with threshold and calibration; where it is, in words."""
        refuse_if(self.choice is None, "judged")
        settings = self.choice.apply_to(self._settings.changed(channels=self._channels))
        name = f"{make_file_name(self._editor.movie.name)}-network"
        copy = copy_network(self._network, name, settings)
        own = f"of its corrected probabilities it is {settings.threshold:.2f}"
        return f"{str(self.choice).capitalize()}: kept in {copy}, a copy of the network; {own}."

    def show(self) -> None:
        """Asks about the first that is still open; those that were put off come last."""
        self.row, self.choice, question = None, None, ""
        order = "No candidate is waiting. Find blobs, or open the checker with a prediction."
        if self.proposed is not None:
            self.choice = remaining.choose_by_decisions(self.proposed, self._editor)
            decided = self._editor.annotations, self._editor.refused
            self.still_open = remaining.find_open_candidates(self.proposed, *decided)
            order = "Every candidate is decided on."
            if len(self.still_open):
                line = [self.choice.calibration] if self.choice else []
                rows, order = remaining.sort_by_doubt(self.proposed, self.still_open, *line)
                # the one that was asked for comes first, those that were put off last
                self._postponed = [row for row in self._postponed if row in rows]
                first = [row for row in rows if row == self._first]
                others = [row for row in rows if row not in self._postponed]
                self.row = int([*first, *others, *self._postponed][0])
                question = common.make_live_text(self._ask())
        for button in (self.accept, self.refuse, self.skip):
            button.disabled = self.row is None
        self.keep.disabled = not self.choice or self.choice.judged < _LEAST_JUDGED
        advice = "" if self.keep.disabled else common.make_live_text(f"{self.choice}.")
        self.candidate_threshold.value = advice
        waiting = count(len(self.still_open), "candidate")
        self.candidate_summary.value = common.make_live_text(f"{waiting} to decide on. {order}")
        self.candidate.value = question

    def _ask(self) -> str:
        time_point, position = self.get_place()
        place = "z {:.1f}, y {:.1f}, x {:.1f}".format(*position)
        question = f"Is this a nucleus? Time point {time_point}, {place}"
        for name in ("probability", "response"):
            value = self.proposed.properties.get(name, {self.row: None})[self.row]
            question += "" if value is None else f"; {name} {value:.3g}"
        return f"{question}."
