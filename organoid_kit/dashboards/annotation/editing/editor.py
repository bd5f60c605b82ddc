"""The editor: what one does to annotations, step by step, with undo and redo.

Positions, links and refused candidates each have a number for ever. A change, (table, number,
values or None where there is nothing), lets a number stand for something else: it can be undone.
"""

import dataclasses
import json
import numbers
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import find_free_path, make_error, refuse_if
from organoid_kit.dashboards.annotation.editing import rules
from organoid_kit.dashboards.annotation.editing.journal import Journal
from organoid_kit.data import Annotations, TimeLapse, write_annotations
from organoid_kit.evaluation.checks.problem import describe_place

Value = Sequence[float] | None
Change = tuple[str, int, Value]
Properties = dict[str, Any]
_MOST_AT_ONCE = 1000  # numbers that a step may use


class Table(list):
    """Values by their number; None where there is nothing, or nothing any more."""

    def put(self, number: int, value: Value) -> Value:
        """Lets a number stand for something else; what it stood for."""
        if not 0 <= number <= len(self) + _MOST_AT_ONCE:
            raise IndexError("no number of a step")
        self.extend([None] * (number + 1 - len(self)))  # numbers in between are taken then, too
        before, self[number] = self[number], value
        return before

    @property
    def there(self) -> np.ndarray:
        """Which numbers stand for something, (n,) bool."""
        return np.array([value is not None for value in self], bool)

    def rows(self, width: int) -> np.ndarray:
        """The values that are there, in the order of their numbers, (n, width) float."""
        there = [value for value in self if value is not None]
        return np.array(there, float).reshape(-1, width)


def _make_id(start: Annotations, number: int) -> Properties:
    """A new "id", where positions have one: links in tables (CSV) refer to it."""
    if "id" not in start.properties:
        return {}
    counted = [int(name) for name in start.properties["id"] if isinstance(name, numbers.Integral)]
    return {"id": max(counted, default=-1) + 1 + number - len(start)}


def _pad(properties: Mapping[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
    """Copies with None at their ends."""
    return {
        name: np.concatenate([values, np.full(length - len(values), None)])
        for name, values in properties.items()
    }


class AnnotationEditor:
    """Annotations that change step by step; a wrong step raises a UserError and changes nothing.

    Positions are named by their row in `annotations`. Rows behind a deleted one move up; `numbers`
    never change, and are `first_number` or more of those added. Positions must lie in the `movie`.
    Each step is written down in a journal, named after the file `output` that they will be saved
    to, with `.journal` behind it; the steps of one that is there are done again. None: in no
    journal. Raises UserError where it is that of other annotations, damaged or unwritable.
    """

    def __init__(
        self, annotations: Annotations, movie: TimeLapse, *, output: str | Path | None = None
    ) -> None:
        self.movie, self._start, self.first_number = movie, annotations, len(annotations)
        # Of a position or a refused candidate: time point, z, y, x; of a link: numbers of its ends.
        positions = Table(np.c_[annotations.time_points, annotations.positions].tolist())
        links = Table(annotations.links.tolist())
        self._tables = {"position": positions, "link": links, "refused": Table()}
        self._properties, self._done, self._undone, self._saved = {}, [], [], None
        self._journal = None if output is None else Journal(f"{output}.journal", annotations)
        number, events = 0, self._journal.events if self._journal else ()
        try:
            for number, event in enumerate(events):  # noqa: B007
                self._apply(event)
            _ = self.annotations  # fails where positions, or ends of links, are none
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise self._journal.make_damage_error(number) from error

    @cached_property
    def annotations(self) -> Annotations:
        """As they are now, in the order of the numbers."""
        table, link_table = self._tables["position"], self._tables["link"]
        there, rows, links = table.there, table.rows(4), link_table.there
        properties = _pad(self._start.properties, len(there))
        for number, known in self._properties.items():
            if number < len(there) and there[number]:
                for name, value in known.items():
                    properties.setdefault(name, np.full(len(there), None))[number] = value
        link_properties = _pad(self._start.link_properties, len(links))
        return dataclasses.replace(
            self._start,
            positions=rows[:, 1:],
            time_points=rows[:, 0].astype(int),
            links=(np.cumsum(there) - 1)[link_table.rows(2).astype(int)],
            properties={name: values[there] for name, values in properties.items()},
            link_properties={name: values[links] for name, values in link_properties.items()},
        )

    @cached_property
    def numbers(self) -> np.ndarray:
        """The number that each row keeps while others are deleted, (n,) int, rising."""
        return np.flatnonzero(self._tables["position"].there)

    def find_row(self, number: int) -> int | None:
        """The row of a number, or None where it is deleted."""
        found = np.flatnonzero(self.numbers == number)
        return int(found[0]) if len(found) else None

    @property
    def refused(self) -> np.ndarray:
        """Places of candidates that were refused, (n, 4) float: time point, z, y, x."""
        return self._tables["refused"].rows(4)

    @property
    def is_saved(self) -> bool:
        """Whether nothing was done since the last time it was saved."""
        return self._saved is (self._done[-1] if self._done else None)

    @property
    def steps(self) -> list[str]:
        """What was done, in words, the last one last."""
        return [step["step"] for step in self._done]

    @property
    def undone_steps(self) -> list[str]:
        """What can be done again, the next one last."""
        return [step["step"] for step in self._undone]

    def add(
        self, time_point: int, position: Sequence[float], properties: Properties | None = None
    ) -> int:
        """A new position, (3,) zyx, voxels; its row. It gets an "id" where the others have one."""
        place = np.asarray(position, dtype=float)
        rules.check_place(self.annotations, self.movie, time_point, place)
        number = len(self._tables["position"])
        known = _make_plain((properties or {}) | _make_id(self._start, number))
        text = f"added the position {describe_place(time_point, place)}"
        self._do(text, [("position", number, (int(time_point), *place))], known)
        return len(self.annotations) - 1

    def move(self, row: int, position: Sequence[float]) -> None:
        """A position goes elsewhere, at the same time point. `position`: (3,) zyx, voxels."""
        rules.check_rows(self.annotations, row)
        time_point, place = int(self.annotations.time_points[row]), np.asarray(position, float)
        rules.check_place(self.annotations, self.movie, time_point, place, but=row)
        change = ("position", int(self.numbers[row]), (time_point, *place))
        self._do(f"moved {self._describe(row)}", [change])

    def delete(self, row: int) -> None:
        """A position goes, with its links."""
        rules.check_rows(self.annotations, row)
        links = np.flatnonzero((self.annotations.links == row).any(axis=1))
        changes = [*self._unlink(links), ("position", int(self.numbers[row]), None)]
        self._do(f"deleted {self._describe(row)}", changes)

    def link(self, earlier: int, later: int) -> None:
        """A link to the next time point; a second one from the same position makes a division."""
        rules.check_rows(self.annotations, earlier, later)
        rules.check_link(self.annotations, earlier, later)
        self._do(f"linked {self._describe(earlier)}", self._link(earlier, [later]))

    def unlink(self, first: int, second: int) -> None:
        """The link between two positions goes."""
        rules.check_rows(self.annotations, first, second)
        link = rules.find_link(self.annotations, first, second)
        earlier = self.annotations.links[link, 0]
        self._do(f"unlinked {self._describe(earlier)}", self._unlink([link]))

    def mark_dividing(self, mother: int, daughters: tuple[int, int]) -> None:
        """Links a mother to two daughters; one or none of them may be linked to it already."""
        rules.check_rows(self.annotations, mother, *daughters)
        rules.check_family(self.annotations, mother, daughters)
        linked = self.annotations.links[self.annotations.links[:, 0] == mother, 1]
        missing = [daughter for daughter in daughters if daughter not in linked]
        for daughter in missing:
            rules.check_link(self.annotations, mother, daughter)
        self._do(f"marked as dividing {self._describe(mother)}", self._link(mother, missing))

    def unmark_dividing(self, mother: int, keep: int | None = None) -> None:
        """Links from a mother to its daughters go; the nucleus becomes `keep`, if that is given."""
        rules.check_rows(self.annotations, mother, mother if keep is None else keep)
        links = np.flatnonzero(self.annotations.links[:, 0] == mother)
        name = self._describe(mother)
        refuse_if(len(links) < 2, "divides", mother=name, links=len(links))
        kept = self.annotations.links[links, 1] == (-1 if keep is None else keep)
        if keep is not None:
            refuse_if(not kept.any(), "daughter", kept=self._describe(keep))
        self._do(f"marked as not dividing {name}", self._unlink(links[~kept]))

    def accept(self, candidates: Annotations, row: int) -> int:
        """A candidate becomes a position, with all that is known of it; its row."""
        rules.check_rows(candidates, row)
        values = ((name, values[row]) for name, values in candidates.properties.items())
        known = {name: value for name, value in values if name != "id" and value is not None}
        return self.add(int(candidates.time_points[row]), candidates.positions[row], known)

    def refuse(self, candidates: Annotations, row: int) -> None:
        """A candidate is no nucleus."""
        rules.check_rows(candidates, row)
        place = (int(candidates.time_points[row]), *candidates.positions[row].tolist())
        change = ("refused", len(self._tables["refused"]), place)
        self._do(f"refused {rules.describe_position(candidates, row)}", [change])

    def undo(self) -> str:
        """Takes the last step back; which one it was. Raises UserError where nothing was done."""
        refuse_if(not self._done, "done")
        self._record({"undo": 1})
        return self._undone[-1]["step"]

    def redo(self) -> str:
        """Does the last undone step again; which one it was. Raises UserError without one."""
        refuse_if(not self._undone, "undone")
        self._record({"redo": 1})
        return self._done[-1]["step"]

    def save(self, path: str | Path) -> Path:
        """Writes a new file with `write_annotations`; a name that is taken gets a number."""
        path = find_free_path(Path(path))
        write_annotations(self.annotations, path)
        self._record({"saved": path.name})
        return path

    def _do(self, text: str, changes: list[Change], properties: Properties | None = None) -> None:
        """A step; `properties` are those of the position that it adds."""
        event = {"step": text, "changes": changes}
        if properties:
            event["properties"] = {str(changes[0][1]): properties}
        self._record(event)

    def _record(self, event: dict[str, Any]) -> None:
        if self._journal:
            self._journal.write(event)
        self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        if "step" in event:
            # What is known of a position stays when it goes: nobody sees it then.
            known = event.get("properties", {}).items()
            self._properties |= {int(number): properties for number, properties in known}
            self._done.append({**event, "undoing": self._change(event["changes"])})
            self._undone.clear()
        elif "undo" in event:
            self._undone.append(self._done.pop())
            self._change(self._undone[-1]["undoing"])
        elif "redo" in event:
            self._done.append(self._undone.pop())
            self._change(self._done[-1]["changes"])
        else:
            self._saved = self._done[-1] if self._done else None
            return
        for outdated in ("annotations", "numbers"):
            self.__dict__.pop(outdated, None)

    def _change(self, changes: list[Change]) -> list[Change]:
        """Makes these changes, one after the other; those that take them back."""
        undoing = [(name, n, self._tables[name].put(n, value)) for name, n, value in changes]
        return undoing[::-1]

    def _describe(self, row: int) -> str:
        return rules.describe_position(self.annotations, row)

    def _link(self, earlier: int, later: Sequence[int]) -> list[Change]:
        """New links from one position, with the next free numbers."""
        numbers, links = self.numbers.tolist(), enumerate(later, start=len(self._tables["link"]))
        return [("link", free, (numbers[earlier], numbers[row])) for free, row in links]

    def _unlink(self, links: Sequence[int]) -> list[Change]:
        numbers = np.flatnonzero(self._tables["link"].there)[links]
        return [("link", number, None) for number in numbers.tolist()]


def _make_plain(properties: Properties) -> Properties:
    """Properties as a journal keeps them, so that they are the same after a crash."""
    try:
        return json.loads(json.dumps(properties, default=lambda value: value.tolist()))
    except (TypeError, ValueError, AttributeError) as error:
        raise make_error("properties", properties=properties) from error
