"""The editor: what one does to annotations, step by step, with undo and redo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import find_free_path
from organoid_kit.dashboards.annotation_editing.journal import Journal, describe_step
from organoid_kit.dashboards.annotation_editing.rules import (
    check_family,
    check_free,
    check_inside,
    check_link,
    check_row,
    describe_position,
    find_link,
)
from organoid_kit.dashboards.annotation_editing.tables import (
    AnnotationTables,
    Change,
    Step,
    Value,
    make_id,
)
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import write_annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.checks.problem import describe_place


class AnnotationEditor:
    """Annotations that change step by step. A step that would be wrong raises a UserError and
    changes nothing.

    Positions are named by their row in `annotations`. Rows behind a deleted one move up; `numbers`
    never change.

    Args:
        annotations: to begin with; they stay as they are.
        movie: whose time points and voxels positions must lie in; None: anywhere.
        file: a journal, in which each step is written down; if it is there, its steps are done
            again. None: without.

    Raises:
        UserError: the journal is that of other annotations, damaged, or cannot be written.
    """

    def __init__(
        self,
        annotations: Annotations,
        movie: TimeLapse | None = None,
        file: str | Path | None = None,
    ) -> None:
        self.movie = movie
        self._state = AnnotationTables(annotations)
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._saved: Step | None = None
        self._built: Annotations | None = None
        self._journal = None if file is None else Journal(file, annotations)
        for event in self._journal.events if self._journal else ():
            self._replay(event)

    # ---- what there is

    @property
    def annotations(self) -> Annotations:
        """As they are now."""
        if self._built is None:
            self._built = self._state.build()
        return self._built

    @property
    def numbers(self) -> np.ndarray:
        """The number that each row keeps while others are deleted, (n,) int, rising."""
        return self._state.tables["position"].numbers

    def find_row(self, number: int) -> int | None:
        """The row of a number, or None where it is deleted."""
        place = int(np.searchsorted(self.numbers, number))
        return place if place < len(self.numbers) and self.numbers[place] == number else None

    @property
    def refused(self) -> np.ndarray:
        """Places of candidates that were refused, (n, 4) float: time point, z, y, x."""
        return self._state.tables["refused"].rows

    @property
    def is_saved(self) -> bool:
        """Whether nothing was done since the last time it was saved."""
        return self._saved is (self._done[-1] if self._done else None)

    @property
    def steps(self) -> list[str]:
        """What was done, in words, the last one last."""
        return [step.text for step in self._done]

    @property
    def undone_steps(self) -> list[str]:
        """What can be done again, the next one last."""
        return [step.text for step in self._undone]

    # ---- what one does

    def add(
        self, time_point: int, position: Sequence[float], properties: dict[str, Any] | None = None
    ) -> int:
        """A new position; its row.

        Args:
            time_point: as the movie counts them.
            position: (3,) zyx, voxels.
            properties: name → number or text. An "id" is given by the editor, where the others have
                one.
        """
        place = self._check_place(time_point, position)
        check_free(self.annotations, time_point, place)
        number = len(self._state.tables["position"].values)
        known = _plain((properties or {}) | make_id(self._state.start, number))
        text = f"added the position {describe_place(time_point, place)}"
        self._do(
            text,
            [("position", number, (int(time_point), *place))],
            {number: known} if known else {},
        )
        return len(self.annotations) - 1

    def move(self, row: int, position: Sequence[float]) -> None:
        """A position goes elsewhere, at the same time point. `position`: (3,) zyx, voxels."""
        check_row(self.annotations, row)
        time_point = int(self.annotations.time_points[row])
        place = self._check_place(time_point, position)
        check_free(self.annotations, time_point, place, but=row)
        text = f"moved {describe_position(self.annotations, row)}"
        self._do(text, [("position", self._number(row), (time_point, *place))])

    def delete(self, row: int) -> None:
        """A position goes, with its links."""
        check_row(self.annotations, row)
        links = np.flatnonzero((self.annotations.links == row).any(axis=1))
        changes = [self._without_link(link) for link in links]
        text = f"deleted {describe_position(self.annotations, row)}"
        self._do(text, [*changes, ("position", self._number(row), None)])

    def link(self, earlier: int, later: int) -> None:
        """A link to the next time point; a second one from the same position makes a division."""
        self._check_rows(earlier, later)
        check_link(self.annotations, earlier, later)
        self._do(
            f"linked {describe_position(self.annotations, earlier)}",
            [self._with_link(earlier, later)],
        )

    def unlink(self, one: int, other: int) -> None:
        """The link between two positions goes."""
        self._check_rows(one, other)
        link = find_link(self.annotations, one, other)
        earlier = self.annotations.links[link, 0]
        self._do(
            f"unlinked {describe_position(self.annotations, earlier)}", [self._without_link(link)]
        )

    def mark_dividing(self, mother: int, daughters: tuple[int, int]) -> None:
        """Links a mother to two daughters; one or none of them may be linked to it already."""
        self._check_rows(mother, *daughters)
        check_family(self.annotations, mother, daughters)
        linked = self.annotations.links[self.annotations.links[:, 0] == mother, 1]
        missing = [daughter for daughter in daughters if daughter not in linked]
        if not missing:
            raise UserError(
                f"A division is marked once. Received: {describe_position(self.annotations, mother)}, which divides into "
                "these two already. Leave it as it is."
            )
        for daughter in missing:
            check_link(self.annotations, mother, daughter)
        changes = [
            self._with_link(mother, daughter, later) for later, daughter in enumerate(missing)
        ]
        self._do(f"marked as dividing {describe_position(self.annotations, mother)}", changes)

    def unmark_dividing(self, mother: int, keep: int | None = None) -> None:
        """Links from a mother to its daughters go, but for that to `keep`, which the nucleus then
        becomes.
        """
        self._check_rows(mother, *([] if keep is None else [keep]))
        links = np.flatnonzero(self.annotations.links[:, 0] == mother)
        if len(links) < 2:
            raise UserError(
                f"Only a nucleus that divides can be marked as not dividing. Received: "
                f"{describe_position(self.annotations, mother)}, with {len(links)} links forward. Choose the mother."
            )
        kept = self.annotations.links[links, 1] == (-1 if keep is None else keep)
        if keep is not None and not kept.any():
            raise UserError(
                f"What a nucleus becomes must be one of its daughters. Received: "
                f"{describe_position(self.annotations, keep)}. Choose a daughter, or none."
            )
        text = f"marked as not dividing {describe_position(self.annotations, mother)}"
        self._do(text, [self._without_link(link) for link in links[~kept]])

    def accept(self, candidates: Annotations, row: int) -> int:
        """A candidate becomes a position, with all that is known of it; its row."""
        check_row(candidates, row)
        values = {
            name: values[row] for name, values in candidates.properties.items() if name != "id"
        }
        known = {name: value for name, value in values.items() if value is not None}
        return self.add(int(candidates.time_points[row]), candidates.positions[row], known)

    def refuse(self, candidates: Annotations, row: int) -> None:
        """A candidate is no nucleus."""
        check_row(candidates, row)
        place = (int(candidates.time_points[row]), *candidates.positions[row].tolist())
        number = len(self._state.tables["refused"].values)
        self._do(f"refused {describe_position(candidates, row)}", [("refused", number, place)])

    def undo(self) -> str:
        """Takes the last step back; which one it was. Raises UserError where nothing was done."""
        if not self._done:
            raise UserError(
                "Only what was done can be undone. Received: undo, with nothing done. Change something."
            )
        self._write({"undo": 1})
        return self._undo().text

    def redo(self) -> str:
        """Does again what was undone last; which step it was. Raises UserError where there is none."""
        if not self._undone:
            raise UserError(
                "Only what was undone can be redone. Received: redo, with nothing undone. Undo first."
            )
        self._write({"redo": 1})
        return self._redo().text

    def save(self, path: str | Path, **options: Any) -> Path:
        """Writes the annotations to a new file; which one: where the name is taken, it gets a
        number.

        Args:
            path: its ending decides on the format, see `write_annotations`.
            options: of the format.
        """
        path = Path(path)
        path = find_free_path(path) if path.exists() else path
        write_annotations(self.annotations, path, **options)
        self._write({"saved": path.name})
        self._note_saved()
        return path

    # ---- steps

    def _do(
        self,
        text: str,
        values: Sequence[tuple[str, int, Value]],
        properties: dict[int, dict[str, Any]] | None = None,
    ) -> None:
        """Writes a step down, then does it."""
        step = self._make_step(text, values, properties or {})
        self._write(describe_step(step))
        self._add_step(step)

    def _make_step(
        self,
        text: str,
        values: Sequence[tuple[str, int, Value]],
        properties: dict[int, dict[str, Any]],
    ) -> Step:
        tables = self._state.tables
        changes = [
            Change(
                table,
                int(number),
                tables[table].get(int(number)),
                None if after is None else tuple(after),
            )
            for table, number, after in values
        ]
        return Step(text, tuple(changes), properties)

    def _add_step(self, step: Step) -> None:
        self._state.add_properties(step.properties)
        self._apply(step.changes)
        self._done.append(step)
        self._undone.clear()

    def _undo(self) -> Step:
        step = self._done.pop()
        self._apply([change.turned() for change in reversed(step.changes)])
        self._undone.append(step)
        return step

    def _redo(self) -> Step:
        step = self._undone.pop()
        self._apply(step.changes)
        self._done.append(step)
        return step

    def _note_saved(self) -> None:
        self._saved = self._done[-1] if self._done else None

    def _apply(self, changes: Sequence[Change]) -> None:
        self._state.apply(changes)
        self._built = None

    def _write(self, event: dict[str, Any]) -> None:
        if self._journal:
            self._journal.write(event)

    def _replay(self, event: dict[str, Any]) -> None:
        """Does what a journal says was done."""
        if "step" in event:
            properties = {
                int(number): values for number, values in event.get("properties", {}).items()
            }
            self._add_step(self._make_step(event["step"], event["changes"], properties))
        elif "undo" in event:
            self._undo()
        elif "redo" in event:
            self._redo()
        else:
            self._note_saved()

    # ---- numbers

    def _number(self, row: int) -> int:
        return int(self.numbers[row])

    def _with_link(self, earlier: int, later: int, ahead: int = 0) -> tuple[str, int, Value]:
        """A new link, `ahead` numbers behind the next free one."""
        number = len(self._state.tables["link"].values) + ahead
        return "link", number, (self._number(earlier), self._number(later))

    def _without_link(self, link: int) -> tuple[str, int, Value]:
        return "link", int(self._state.tables["link"].numbers[link]), None

    def _check_place(self, time_point: int, position: Sequence[float]) -> np.ndarray:
        place = np.asarray(position, dtype=float)
        check_inside(self.movie, time_point, place)
        return place

    def _check_rows(self, *rows: int) -> None:
        for row in rows:
            check_row(self.annotations, row)


def open_editor(
    annotations: Annotations,
    movie: TimeLapse | None = None,
    *,
    output: str | Path,
    folder: str | Path | None = None,
) -> AnnotationEditor:
    """An editor with a journal, which goes on where an earlier one of the same annotations ended.

    Args:
        annotations: to begin with; the same as the first time.
        movie: they belong to.
        output: file that they will be saved to; the journal has its name, and `.journal` behind it.
        folder: of the journal, where it is not that of the output.

    Raises:
        UserError: there is a journal of this name that began with other annotations, or is damaged.
    """
    output = Path(output)
    return AnnotationEditor(
        annotations, movie, Path(folder or output.parent) / f"{output.name}.journal"
    )


def _plain(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties as a journal keeps them, so that they are the same after a crash."""
    try:
        return json.loads(json.dumps(properties, default=lambda value: value.tolist()))
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"Properties must be numbers, texts or lists. Received: {properties!r:.80}. Convert or leave them out."
        ) from error
