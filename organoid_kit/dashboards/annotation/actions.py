"""The buttons that change annotations, and which positions they are meant for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ipywidgets import HTML, Button, HBox, Layout, Text, VBox

from organoid_kit.base import files, refuse_if
from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.dashboards.parts import add_controls, common, fit, wrap_row
from organoid_kit.data import Annotations
from organoid_kit.plots.drawing import count

MOST_CHOSEN = 3  # a mother and two daughters
# Name → what stands on a button, its key, what it does, and how many positions must be chosen.
_ACTIONS = files.read_json(Path(__file__).with_name("actions.json"))


class EditActions(VBox):
    """Saving, and which positions are chosen; with buttons over an editor. Errors are raised.

    Attributes:
        chosen: numbers of the chosen positions (`AnnotationEditor.numbers`), the last one last.
        buttons: all that change annotations, a box of its own for a place where nothing moves them.
        actions: the name of each button, also an attribute: `add`, `move`, …, `save`.
    """

    def __init__(self, editor: AnnotationEditor, file_name: str) -> None:
        super().__init__()
        self.editor, self.chosen, auto = editor, [], Layout(width="auto")
        buttons = {
            name: Button(
                description="{text} ({key})".format(**each), tooltip=each["tip"], layout=auto
            )
            for name, each in _ACTIONS.items()
        }
        file_name = Text(file_name, description="Save as", **fit("98%"))
        add_controls(self, **buttons, file_name=file_name)
        self._choice, self._saved = HTML().add_class("ok-choice"), HTML().add_class("ok-saved")
        self.actions, self.buttons = list(buttons), wrap_row(*list(buttons.values())[:-1])
        self.children = [self.file_name, HBox([self.save, self._saved]), self._choice]

    def list_keys(self) -> dict[str, Button]:
        """Key → button."""
        found = {action["key"]: getattr(self, name) for name, action in _ACTIONS.items()}
        return found | {"Delete": self.delete, "Ctrl+Z": self.undo}

    def choose(self, row: int) -> None:
        """Chooses one more, or one less if it was chosen; the last three stay."""
        number = int(self.editor.numbers[row])
        if number in self.chosen:
            self.chosen.remove(number)
        else:
            self.chosen = [*self.chosen, number][-MOST_CHOSEN:]

    def choose_only(self, rows: Sequence[int]) -> None:
        """Chooses these instead of others."""
        self.chosen = [int(self.editor.numbers[row]) for row in rows][-MOST_CHOSEN:]

    def list_chosen(self) -> list[int]:
        """Rows of the chosen positions, the last one last."""
        rows = [self.editor.find_row(number) for number in self.chosen]
        return [row for row in rows if row is not None]

    def act(self, name: str, time_point: int, place: np.ndarray) -> str:
        """Does what a button stands for, with the crosshair at a place; what it did, in words."""
        needed, rows = _ACTIONS[name]["needed"], self.list_chosen()
        refuse_if(len(rows) < needed, f"chosen to {name}", chosen=len(rows))
        editor, rows = self.editor, self._sort(rows[len(rows) - needed :])
        match name:
            case "add":
                self.choose(editor.add(time_point, place))
            case "move":
                own = editor.annotations.time_points[rows[0]]
                refuse_if(own != time_point, "time point of move", own=own, shown=time_point)
                editor.move(*rows, place)
            case "delete" | "unlink":
                getattr(editor, name)(*rows)
            case "link":
                editor.link(*rows)
                self.choose_only(rows[1:])  # to be linked on
            case "divide":
                editor.mark_dividing(rows[0], tuple(rows[1:]))
            case "not_dividing":
                mother, *others = self._sort(self.list_chosen())
                editor.unmark_dividing(mother, keep=others[0] if others else None)
            case "forget":
                self.chosen = []
                return "No position is chosen."
            case "undo":
                return f"Undone: {editor.undo()}."
            case "redo":
                return f"Done again: {editor.redo()}."
            case "save":
                return self._save(self.file_name.value.strip())
        return f"{editor.steps[-1][0].upper()}{editor.steps[-1][1:]}."

    def _save(self, wanted: str) -> str:
        refuse_if(not wanted, "file name")
        path = self.editor.save(wanted)
        taken = "" if str(path) == wanted else f" {wanted} was there already and stays as it is."
        return f"Saved as {path}.{taken}"

    def _sort(self, rows: list[int]) -> list[int]:
        return sorted(rows, key=self.editor.annotations.time_points.__getitem__)

    def show(self) -> None:
        """What is chosen, and whether it is saved."""
        editor = self.editor
        self.undo.disabled, self.redo.disabled = not editor.steps, not editor.undone_steps
        places = [describe_choice(editor.annotations, row) for row in self.list_chosen()]
        self._choice.value = common.render("chosen.html", places=places)
        said = f"{count(len(editor.steps), 'change')}, not saved."
        if editor.is_saved:
            said = "All is saved." if editor.steps else "No change."
        self._saved.value = f'<span style="margin-left:8px">{said}</span>'


def describe_choice(annotations: Annotations, row: int) -> str:
    """A chosen position in words, and whether it is linked."""
    voxel = "z {:.1f}, y {:.1f}, x {:.1f}".format(*annotations.positions[row])
    forward, backward = annotations.links_forward()[row], annotations.links_backward()[row]
    links = ("no link", "linked on one side", "linked")[min(forward + backward, 2)]
    links = "divides" if forward > 1 else links
    return f"time point {annotations.time_points[row]}: {voxel} ({links})"
