"""Checking and mending annotations: problems, candidates, and an editor over the stack browser."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ipywidgets import HTML, HBox, Layout, VBox

from organoid_kit.base.files import make_file_name
from organoid_kit.dashboards.annotation.actions import EditActions
from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.dashboards.annotation.editing.remaining import find_problems
from organoid_kit.dashboards.annotation.keys import KeyboardShortcuts
from organoid_kit.dashboards.annotation.lists import CandidateList, ImageCheck, ProblemList
from organoid_kit.dashboards.parts import Dashboard, common
from organoid_kit.dashboards.stack.browser import Pick, StackBrowser
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation.checks import summary
from organoid_kit.evaluation.checks.problem import select_usable_rows
from organoid_kit.plots import plot_problems
from organoid_kit.plots.drawing import Drawing, Mark, count

LISTS = ("Problems", "Candidates")
_LONGEST = 120  # pixels: longest side of the map
_MOST_DOTS = 400
_GOAL, _MOVIES = summary.POSITIONS_OF_ORGANOIDTRACKER, summary.MOVIES_OF_ORGANOIDTRACKER
_CHOSEN = Mark("chosen", "+", "yellow")


class AnnotationChecker(Dashboard):
    """Shows what is wrong in annotations, and mends it, in a new file.

    Args:
        channels: which show the nuclei, counted from 1; several are summed.
        candidates: proposed by a network, with "probability"; None: found on demand, where one asks.
        network: folder or name of the position network that proposed them, or is to find them; the
            threshold that follows from decisions is kept in a copy of it. None: blobs are found.
        output: file to save to, in the format of its ending; beside it lies a journal, `.journal`,
            from which unsaved changes come back. None: named after the movie, in this folder.

    Attributes:
        editor, browser: `AnnotationEditor`, whose `annotations` are as now, and `StackBrowser`.
        edit: buttons that change annotations, `EditActions`.
        problems, candidates: `ProblemList` and `CandidateList`; `list_shown` is the one seen.
        images: looks at all images when asked, `ImageCheck`.

    Raises UserError where the journal is that of other annotations, or a channel not in the movie.
    """

    kept = ("list_shown",)

    def __init__(
        self,
        annotated_movie: AnnotatedMovie,
        *,
        channels: Sequence[int],
        candidates: Annotations | None = None,
        network: str | Path | None = None,
        output: str | Path | None = None,
        drawn_by: str = "auto",
    ) -> None:
        super().__init__()
        movie = annotated_movie.movie
        annotations = annotated_movie.annotations.with_spacing(movie.spacing_um)
        output = Path(output or f"{make_file_name(annotated_movie.name)}-checked.aut")
        self.movie, self.channels = movie, tuple(channels)
        self._drawn, self._checked = {}, (None, None, None)
        layers = {"annotations": annotations}
        self.browser = StackBrowser(movie, layers, channels=self.channels, drawn_by=drawn_by)
        self.editor = AnnotationEditor(annotations, movie, output=output)
        self.edit = EditActions(self.editor, str(output))
        self.problems = ProblemList(self._go_to_problem)
        self.candidates = CandidateList(self.editor, self.channels, candidates, network)
        self.images = ImageCheck(self.editor, self.channels, self.messages)
        self._arrange()
        self._listen()
        self._show()
        if steps := self.editor.steps:
            changes = f"{count(len(steps), 'change')} of an earlier session came back"
            last = f"the last: {steps[-1]}. Undo takes them back, one by one."
            self.messages.say(f"{changes} from {output.name}.journal; {last}", "warn")

    def plot(self) -> Drawing:
        """The static twin: the problems of the time point that is shown."""
        annotations, time_point = self.editor.annotations, self.browser.time_point.value
        what = (self.problems.problems, time_point, self.browser.channels.value)
        drawing = plot_problems(self.movie, annotations, *what)
        coverage = describe_coverage(self.movie, annotations, time_point)
        return drawing.caption(" ".join([drawing.description, *coverage]))

    @property
    def _kept(self) -> dict[str, Any]:
        return self.browser._kept | super()._kept

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError where they cannot have it."""
        layers = state.get("layers_shown", self.browser.layers_shown.value)
        layers = layers if isinstance(layers, (list, tuple)) else [layers]
        known = [name for name in layers if name in tuple(self.browser.layers)]
        with self.browser.at_once():
            super().restore({**state, "layers_shown": known})
        if lost := [name for name in layers if name not in known]:
            self.messages.say(
                f"Not shown, as there is none here: {', '.join(map(str, lost))}.", "warn"
            )

    def _arrange(self) -> None:
        self._add_controls("checker", list_shown={"options": LISTS})
        wrap = {"flex_flow": "row wrap", "align_items": "flex-start"}
        cards = (
            ("1 1 320px", [self.coverage]),
            ("2 1 370px", [self.list_shown, self.problems, self.candidates]),
            ("1 1 260px", [self.edit]),
        )
        cards = [VBox(card, layout=Layout(flex=at, padding="4px 8px")) for at, card in cards]
        panel = HBox(cards, layout=Layout(flex="1 1 340px", **wrap))
        browser = VBox([self.browser], layout=Layout(flex="0 1 830px", max_width="100%"))
        self.messages.layout.min_height = "48px"  # two lines, so that messages move nothing
        both = HBox([panel, browser], layout=Layout(**wrap))
        tips = HTML(common.render("annotation_help.html"))
        self.children = [self.edit.buttons, self.messages, both, tips]

    def _listen(self) -> None:
        for name in self.edit.actions:
            getattr(self.edit, name).on_click(self._at_crosshair(name))
        for name in ("accept", "refuse", "skip"):
            decide = partial(self.candidates.decide, name)
            getattr(self.candidates, name).on_click(self._guard(decide, self._go_to_candidate))
        self.candidates.find.on_click(self._guard(self._find, self._go_to_candidate))
        self.candidates.keep.on_click(self._guard(self.candidates.keep_threshold))
        self.problems.check.on_click(self._guard(self._check_images))
        self.list_shown.observe(self._guard(lambda: None, self._go_to_candidate), "value")
        self.browser.time_point.observe(self._show_coverage, "value")
        self.browser.on_pick(self._take_pick)
        found = self.candidates
        decide = {"Y": found.accept, "R": found.refuse, "W": found.skip}
        self._keys = KeyboardShortcuts(self, self.edit.list_keys() | decide)
        if "google.colab" in sys.modules:  # which loads nothing that is not shown
            self.children = [*self.children, self._keys]

    def _guard(
        self, action: Callable[..., str | None], then: Callable[[], None] = lambda: None
    ) -> Callable[..., None]:
        """The action as a handler: it says what was done or what went wrong, and shows all anew."""

        def act(_: Any, *values: Any) -> None:
            with self.messages.watch():
                said = action(*values)
                self._show()
                then()
                if said:
                    self.messages.say(said)

        return act

    def _at_crosshair(self, name: str) -> Callable[[Any], None]:
        """A handler that acts where the crosshair is at the click, however long it has to wait."""
        act, browser = self._guard(partial(self.edit.act, name)), self.browser
        return lambda click: act(click, browser.time_point.value, browser.place)

    def _take_pick(self, pick: Pick) -> None:
        with self.messages.watch():
            if pick.layer == "annotations":
                self.edit.choose(pick.row)
            elif pick.layer == "candidates":
                self.candidates.put_first(pick.row)
                self.list_shown.value = "Candidates"
            self._show()

    def _go_to_problem(self) -> None:
        """Shows the place, and chooses the positions concerned; those at that time point last."""
        with self.messages.watch():
            if (problem := self.problems.get_selected()) is None:
                return
            times = self.editor.annotations.time_points
            rows = sorted(problem.rows, key=lambda row: times[row] == problem.time_point)
            self.edit.choose_only(rows if len(rows) <= 3 else ())
            if problem.time_point in self.movie.time_points:
                is_known = problem.position is not None and np.isfinite(problem.position).all()
                self.browser.go_to(problem.time_point, problem.position if is_known else None)
            self._show()

    def _go_to_candidate(self) -> None:
        if self.list_shown.value == "Candidates" and (place := self.candidates.get_place()):
            self.browser.go_to(*place)

    def _find(self) -> str:
        self.messages.say("Looking for nuclei; in a large stack this takes some seconds.")
        return self.candidates.search(self.browser.time_point.value)

    def _check_images(self) -> None:
        """Begins to look; pressed again, ends."""
        if self.images.is_running:
            self.images.stop()
        else:
            self.problems.check.description = "Stop checking"
            self.images.start(self.problems.show_images, self._end_check)

    def _end_check(self) -> None:
        with self.messages.watch(keep=True):
            self.problems.check.description = "Check images"
            self._show()

    def _show(self) -> None:
        self.candidates.show()
        with self.browser.at_once():
            self._show_problems()
            self._show_layer("annotations", self.editor.annotations)
            if (proposed := self.candidates.proposed) is not None:
                self._show_layer("candidates", proposed.select(self.candidates.still_open))
            chosen = self.editor.annotations.select(sorted(self.edit.list_chosen()))
            self._show_layer("chosen", chosen, _CHOSEN)
        self._show_coverage()
        self.edit.show()
        for box, name in zip((self.problems, self.candidates), LISTS):
            box.layout.display = None if self.list_shown.value == name else "none"

    def _show_problems(self) -> None:
        checked = (self.editor.annotations, self.images.found, self.images.text)
        if all(new is old for new, old in zip(checked, self._checked)):
            return
        self._checked = checked
        found = find_problems(self.editor, self.channels, self.images.found)
        self.problems.show(found, self.images.text)
        self.browser.set_problems(found)

    def _show_layer(self, name: str, annotations: Annotations, shape: Mark | None = None) -> None:
        """Where it is another than before."""
        names = ("positions", "time_points", "links")
        key = [getattr(annotations, name).tobytes() for name in names]
        if self._drawn.get(name) != key:
            self._drawn[name] = key
            self.browser.set_layer(name, annotations, shape)

    def _show_coverage(self, _: Any = None) -> None:
        with self.messages.watch(keep=True):
            time_point = self.browser.time_point.value
            self.coverage.value = draw_coverage(self.movie, self.editor.annotations, time_point)


def describe_coverage(movie: TimeLapse, annotations: Annotations, time_point: int) -> list[str]:
    """How much is annotated, and where the cuboid lies, in words."""
    found = summary.summarise_annotations([AnnotatedMovie(movie, annotations)]).movies[0]
    times = f"{found.time_points} of {count(found.movie_time_points, 'time point')}"
    links, divisions = count(found.links, "link"), count(found.divisions, "division")
    amount = f"{count(found.positions, 'position')} at {times}, {links}, {divisions}. For scale: "
    amount += f"OrganoidTracker's author trained on {_GOAL:,} positions from {_MOVIES} time "
    amount += f"lapses; this is {found.positions / _GOAL:.1%}."
    region = _find_region(annotations, time_point)
    if region is None:
        return [amount, f"Nothing is annotated at time point {time_point}."]
    low, high = np.clip(region, 0, np.array(movie.shape_zyx) - 1)
    part = np.prod((high - low + 1) / movie.shape_zyx)
    ends = zip("zyx", low, high, strict=True)
    ranges = ", ".join(f"{axis} {first:.0f} to {last:.0f}" for axis, first, last in ends)
    why = "as stated" if annotations.region is not None else "around its positions"
    cuboid = f"Annotated cuboid at time point {time_point} ({why})"
    return [amount, f"{cuboid}: {ranges}; {part:.0%} of the image."]


def draw_coverage(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    """The same with a map and a strip of time points, as HTML."""
    shape, spacing_um = np.array(movie.shape_zyx), np.array(movie.spacing_um)
    pixels = spacing_um * _LONGEST / max(shape * spacing_um)  # for each voxel
    places = annotations.positions[select_usable_rows(annotations, time_point)][:_MOST_DOTS]
    region = _find_region(annotations, time_point)
    if region is not None:
        region = ((np.clip(region, -0.5, shape - 0.5) + 0.5) * pixels).tolist()
    amount, words = describe_coverage(movie, annotations, time_point)
    return common.render(
        "coverage.html",
        **{"amount": amount, "words": words, "goal": _GOAL, "longest": _LONGEST},
        part=min(len(annotations) / _GOAL, 1),
        size=(shape * pixels).tolist(),
        region=region,
        places=((places + 0.5) * pixels).tolist(),
        numbers=[len(annotations.rows_at(time)) for time in movie.time_points],
        now=movie.time_points.index(time_point),
        time_point=time_point,
    )


def _find_region(annotations: Annotations, time_point: int) -> np.ndarray | None:
    region = annotations.annotated_region(time_point)
    return region if region is not None and np.isfinite(region).all() else None
