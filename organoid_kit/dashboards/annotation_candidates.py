"""Candidates beside a movie, to be accepted or refused one by one, the most doubtful first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ipywidgets import HTML, Button, HBox, Layout, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.annotation_editing import (
    AnnotationEditor,
    find_open_candidates,
    join_candidates,
    sort_by_doubt,
)
from organoid_kit.dashboards.annotation_problems import make_live_text
from organoid_kit.dashboards.common import mark
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.blobs import find_blobs
from organoid_kit.plots.drawing import count

_BUTTONS = (
    ("accept", "Accept (Y)", "It is a nucleus: it becomes a position"),
    ("refuse", "Refuse (R)", "It is no nucleus: do not ask again"),
    ("skip", "Decide later (W)", "The next one; this one comes last"),
    (
        "find",
        "Find blobs at this time point",
        "Bright blobs of about the size of a nucleus become candidates",
    ),
)


class CandidateList(VBox):
    """Candidates that wait for a decision. Buttons act on the editor; errors are raised.

    Args:
        editor: what changes.
        channels: where blobs are found, counted from 1; several are summed.
        proposed: candidates of a network; None: blobs become candidates, where and when one asks.

    Attributes:
        proposed: all candidates, or None.
        still_open: rows of those nobody has decided on, (n,) int.
        row: of the one that is asked about, or None.
        accept, refuse, skip, find: buttons.
    """

    def __init__(
        self, editor: AnnotationEditor, channels: Sequence[int], proposed: Annotations | None
    ) -> None:
        super().__init__()
        self._editor, self._channels, self._looked_at = editor, tuple(channels), set()
        self.proposed, self.still_open, self.row = proposed, np.zeros(0, int), None
        self._first: int | None = None
        self._later: list[int] = []
        self._summary, self._question = (
            mark(HTML(), "ok-candidate-summary"),
            mark(HTML(), "ok-candidate"),
        )
        for name, text, tip in _BUTTONS:
            button = Button(description=text, tooltip=tip, layout=Layout(width="auto"))
            setattr(self, name, mark(button, f"ok-{name}"))
        decide = HBox([self.accept, self.refuse, self.skip], layout=Layout(flex_flow="row wrap"))
        self.children = [
            *([self.find] if proposed is None else []),
            decide,
            self._question,
            self._summary,
        ]

    def list_open(self) -> Annotations | None:
        """Those nobody has decided on."""
        return None if self.proposed is None else self.proposed.select(self.still_open)

    def get_place(self) -> tuple[int, np.ndarray] | None:
        """Time point and position, zyx, voxels, of the one that is asked about."""
        if self.row is None:
            return None
        return int(self.proposed.time_points[self.row]), self.proposed.positions[self.row]

    def put_first(self, number: int) -> None:
        """That with this number among the open ones is asked about next."""
        self._first = int(self.still_open[number])

    # ---- acting; each says what it did

    def do_accept(self) -> str:
        """The candidate becomes a position."""
        self._editor.accept(self.proposed, self._need())
        return "Accepted: it is a position now."

    def do_refuse(self) -> str:
        """The candidate is not asked about again."""
        self._editor.refuse(self.proposed, self._need())
        return "Refused: it is not asked about again."

    def do_skip(self) -> str:
        """The candidate comes last."""
        row = self._need()
        self._first, self._later = None, [each for each in self._later if each != row] + [row]
        return "Put off: it comes last."

    def do_find(self, time_point: int) -> str:
        """Blobs at a time point become candidates."""
        if time_point not in self._looked_at:
            found = find_blobs(
                self._editor.movie, channels=self._channels, time_points=[time_point]
            )
            self.proposed = join_candidates(self.proposed, found)
            self._looked_at.add(time_point)
        here = count(len(self.proposed.rows_at(time_point)), "blob")
        return f"{here} at time point {time_point}; those without a position of their own are candidates."

    def _need(self) -> int:
        if self.row is None:
            raise UserError(
                "One can decide on a candidate that is waiting. Received: none. Find blobs at another time point."
            )
        return self.row

    # ---- showing

    def show(self) -> None:
        """Asks about the first that is still open; those that were put off come last."""
        order = "No candidate is waiting. Find blobs, or open the checker with the prediction of a network."
        self.row = None
        if self.proposed is not None:
            self.still_open = find_open_candidates(
                self.proposed, self._editor.annotations, self._editor.refused
            )
            order = (
                self._choose_next() if len(self.still_open) else "Every candidate is decided on."
            )
        for button in (self.accept, self.refuse, self.skip):
            button.disabled = self.row is None
        self._summary.value = make_live_text(
            f"{count(len(self.still_open), 'candidate')} to decide on. {order}"
        )
        self._question.value = "" if self.row is None else make_live_text(self._ask())

    def _choose_next(self) -> str:
        """Which one is asked about; the order in words."""
        order = sort_by_doubt(self.proposed, self.still_open)
        waiting = order.rows.tolist()
        self._later = [row for row in self._later if row in waiting]
        first = [row for row in [self._first] if row in waiting]
        self.row = [*first, *(row for row in waiting if row not in self._later), *self._later][0]
        return order.text

    def _ask(self) -> str:
        place = ", ".join(
            f"{axis} {value:.1f}" for axis, value in zip("zyx", self.proposed.positions[self.row])
        )
        known = [
            f"; {name} {values[self.row]:.3g}"
            for name, values in self.proposed.properties.items()
            if name in ("probability", "response") and values[self.row] is not None
        ]
        return f"Is this a nucleus? Time point {self.proposed.time_points[self.row]}, {place}{''.join(known)}."
