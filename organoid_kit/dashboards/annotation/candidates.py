"""Candidates beside a movie, to be accepted or refused one by one, the most doubtful first."""

from collections.abc import Sequence

import numpy as np
from ipywidgets import HTML, VBox

from organoid_kit.base import UserError
from organoid_kit.dashboards.annotation import editing
from organoid_kit.dashboards.parts.common import (
    add_controls,
    make_button,
    make_live_text,
    mark,
    wrap_row,
)
from organoid_kit.data import Annotations
from organoid_kit.evaluation import find_blobs
from organoid_kit.plots.drawing import count


class CandidateList(VBox):
    """Candidates that wait for a decision. Buttons act on the editor; errors are raised.

    Args:
        channels: where blobs are found, counted from 1; several are summed.
        proposed: candidates of a network; None: blobs become candidates, where and when one asks.

    Attributes:
        proposed: all candidates, or None.
        still_open: rows of those nobody has decided on, (n,) int.
        row: of the one in question, or None.
        accept, refuse, skip, find: buttons.
    """

    def __init__(
        self,
        editor: editing.AnnotationEditor,
        channels: Sequence[int],
        proposed: Annotations | None,
    ) -> None:
        super().__init__()
        self._editor, self._channels, self._searched = editor, tuple(channels), set()
        self.proposed, self.still_open, self.row = proposed, np.zeros(0, int), None
        self._first: int | None = None
        self._postponed: list[int] = []
        self._summary = mark(HTML(), "ok-candidate-summary")
        self._question = mark(HTML(), "ok-candidate")
        blobs = "Bright blobs of about the size of a nucleus become candidates"
        add_controls(
            self,
            accept=make_button("Accept (Y)", "It is a nucleus: it becomes a position"),
            refuse=make_button("Refuse (R)", "It is no nucleus: do not ask again"),
            skip=make_button("Decide later (W)", "The next one; this one comes last"),
            find=make_button("Find blobs at this time point", blobs),
        )
        decide = wrap_row(self.accept, self.refuse, self.skip)
        find = [self.find] if proposed is None else []
        self.children = [*find, decide, self._question, self._summary]

    def list_open(self) -> Annotations | None:
        """Those nobody has decided on."""
        return None if self.proposed is None else self.proposed.select(self.still_open)

    def get_place(self) -> tuple[int, np.ndarray] | None:
        """Time point and position, zyx, voxels, of the one in question."""
        if self.row is None:
            return None
        return int(self.proposed.time_points[self.row]), self.proposed.positions[self.row]

    def put_first(self, number: int) -> None:
        """The question is next about the one with this number among the open ones."""
        self._first = int(self.still_open[number])

    # ---- acting

    def decide(self, name: str) -> str:
        """Does what "accept", "refuse" or "skip" stands for; what it did, in words."""
        if self.row is None:
            raise UserError(
                "One can decide on a candidate that is waiting. Received: none. "
                "Find blobs at another time point."
            )
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
            where = {"channels": self._channels, "time_points": [time_point]}
            found = find_blobs(self._editor.movie, **where)
            self.proposed = editing.join_candidates(self.proposed, found)
            self._searched.add(time_point)
        blobs = count(len(self.proposed.rows_at(time_point)), "blob")
        return (
            f"{blobs} at time point {time_point}; those without a position of their own are "
            "candidates."
        )

    # ---- showing

    def show(self) -> None:
        """Asks about the first that is still open; those that were put off come last."""
        self.row, question = None, ""
        order = "No candidate is waiting. Find blobs, or open the checker with a prediction."
        if self.proposed is not None:
            decided = self._editor.annotations, self._editor.refused
            self.still_open = editing.find_open_candidates(self.proposed, *decided)
            order = "Every candidate is decided on."
            if len(self.still_open):
                order, question = self._choose_next(), make_live_text(self._ask())
        for button in (self.accept, self.refuse, self.skip):
            button.disabled = self.row is None
        waiting = count(len(self.still_open), "candidate")
        self._summary.value = make_live_text(f"{waiting} to decide on. {order}")
        self._question.value = question

    def _choose_next(self) -> str:
        """Which one the question is about; the order in words."""
        rows, order = editing.sort_by_doubt(self.proposed, self.still_open)
        self._postponed = [row for row in self._postponed if row in rows]
        first = [self._first] if self._first in rows else []
        rest = [row for row in rows.tolist() if row not in self._postponed]
        self.row = [*first, *rest, *self._postponed][0]
        return order

    def _ask(self) -> str:
        time_point, position = self.get_place()
        place = ", ".join(f"{axis} {value:.1f}" for axis, value in zip("zyx", position))
        question = f"Is this a nucleus? Time point {time_point}, {place}"
        for name in ("probability", "response"):
            value = self.proposed.properties.get(name, {self.row: None})[self.row]
            question += "" if value is None else f"; {name} {value:.3g}"
        return f"{question}."
