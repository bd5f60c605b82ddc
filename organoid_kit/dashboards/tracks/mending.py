"""Tracks that a person corrects: each correction is fixed, what is near is solved again."""

import time
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from ipywidgets import HTML, Layout

from organoid_kit import dashboards
from organoid_kit.base import files, refuse_if
from organoid_kit.dashboards.annotation import actions
from organoid_kit.dashboards.annotation.editing import journal, rules
from organoid_kit.dashboards.parts import Dashboard, common
from organoid_kit.dashboards.tracks import pins
from organoid_kit.dashboards.tracks.pins import Pin
from organoid_kit.data import Annotations, TimeLapse, write_annotations
from organoid_kit.evaluation.checks.problem import describe_place
from organoid_kit.plots.drawing import Mark, count
from organoid_kit.tracking import Doubt, costs, errors

_MOST_CHOSEN = 3  # a mother and two daughters
_CHOSEN = Mark("chosen", "+", "yellow")
# Name of a button → what is said of it afterwards.
_CORRECTIONS = files.read_json(Path(__file__).with_name("corrections.json"))


class TrackEditor:
    """Tracks that are corrected step by step, with undo and redo, and solved again around each.

    Args:
        candidates: of which the tracks were chosen; None: distance says what else could be.
        output: file to save to. Beside it lies a journal, from the first correction on, by which
            corrections are made again. None: named after the movie and the tracks, in this folder.

    Attributes:
        done, undone: what was said, in words and as pins that hold now, and the tracks; the last
            one last; the first of `done` is the beginning.
    """

    def __init__(
        self,
        tracks: Annotations,
        movie: TimeLapse,
        candidates: Annotations | None = None,
        output: str | Path | None = None,
    ) -> None:
        tracks = tracks.with_spacing(movie.spacing_um)
        self.movie, self._given, self._journal = movie, candidates, None
        self.done, self.undone = [("", (), tracks)], []
        name, checksum = files.make_file_name(movie.name), journal.compute_checksum(tracks)[:8]
        self.output = Path(output or f"{name}-mended-{checksum}.aut")
        self._path = Path(f"{self.output}.journal")
        if self._path.exists():
            self._open_journal()

    @property
    def tracks(self) -> Annotations:
        """As they are now, with error probabilities where they changed."""
        return self.done[-1][2]

    @property
    def pins(self) -> tuple[Pin, ...]:
        """What was said; it holds whatever is said later, but for its contrary."""
        return self.done[-1][1]

    def correct(self, text: str, said: Sequence[Pin]) -> str:
        """Fixes what was said, and solves again around it; what changed, in words. Raises UserError
        where it cannot be, together with what was said before.
        """
        begin, before, own = time.perf_counter(), self.tracks, {pin.places for pin in said}
        step = self._solve(text, said)
        self._write({"said": text, "pins": list(said)})
        self.done, self.undone = [*self.done, step], []
        old, new = (set(pins.list_links(each)) - own for each in (before, self.tracks))
        times, changes = [int(earlier[0]) for earlier, _ in old ^ new], "nothing changed"
        if times:
            changes = f"{count(len(old - new), 'link')} went and {len(new - old)} came"
            changes += f", between time points {min(times)} and {max(times) + 1}"
        seconds = time.perf_counter() - begin
        return f"{text.capitalize()}. Solved again in {seconds:.1f} s: elsewhere {changes}."

    def undo(self) -> str:
        """Takes the last correction back, with all that it changed; which one it was."""
        refuse_if(len(self.done) < 2, "done")
        self._write({"undo": 1})
        self.undone.append(self.done.pop())
        return f"Undone: {self.undone[-1][0]}."

    def redo(self) -> str:
        """Makes a correction again that was undone; which one it was."""
        refuse_if(not self.undone, "undone")
        self._write({"redo": 1})
        self.done.append(self.undone.pop())
        return f"Done again: {self.done[-1][0]}."

    def save(self) -> str:
        """Writes a new file; where it is, in words."""
        path = files.find_free_path(self.output)
        write_annotations(self.tracks, path)
        return f"Saved as {path}."

    @cached_property
    def _candidates(self) -> Annotations:
        start, given = self.done[0][2], self._given
        if given is None or not costs.has_link_probabilities(given):
            return pins.propose_candidates(start)
        filled_in = start.properties.get("interpolated", np.full(len(start), None))
        others = (errors.find_positions(given, start) < 0) & ~np.equal(filled_in, True).astype(bool)
        refuse_if(others.any(), "mended candidates", name=start.name, others=others.sum())
        return given

    def _solve(self, text: str, said: Sequence[Pin]) -> tuple[str, tuple[Pin, ...], Annotations]:
        kept = [old for old in self.pins if not any(new.contradicts(old) for new in said)]
        kept = tuple(old for old in kept if old not in said) + tuple(said)
        changed = set(self.pins) ^ set(kept) | set(said)
        region = np.stack([np.zeros(3), np.array(self.movie.shape_zyx) - 1])
        known = self._candidates
        solved = pins.solve_again(known, self.tracks, kept, sorted(changed), region)
        if known is self._given:  # otherwise nobody knows what is doubtful where something changed
            solved = errors.add_error_probabilities(pins.pin(known, kept), solved, region=region)
        broken = pins.find_broken(solved, kept)
        refuse_if(broken, "pin", text=text, broken=broken and broken[0].what)
        return text, kept, solved

    def _write(self, event: dict[str, Any]) -> None:
        """Each event is in the journal before it counts."""
        self._journal = self._journal or journal.Journal(self._path, self.done[0][2])
        self._journal.write(event)

    def _open_journal(self) -> None:
        self._journal = journal.Journal(self._path, self.tracks)
        for number, event in enumerate(self._journal.events):
            try:
                if "undo" in event:
                    self.undone.append(self.done.pop() if self.done[1] else None)
                elif "redo" in event:
                    self.done.append(self.undone.pop())
                else:
                    said = [Pin(a, tuple(map(tuple, b)), c) for a, b, c in event["pins"]]
                    self.done, self.undone = [*self.done, self._solve(event["said"], said)], []
            except (LookupError, TypeError, ValueError) as error:
                raise self._journal.make_damage_error(number) from error


class Corrections(Dashboard):
    """Buttons that correct tracks: the doubt that is looked at, or the positions chosen last, rows
    of the editor's tracks. The explorer shows what came of it.
    """

    def __init__(self, explorer: "dashboards.TrackExplorer", editor: TrackEditor) -> None:
        super().__init__()
        self.editor, self._explorer, self.chosen = editor, explorer, []
        names = [*_CORRECTIONS, "undo", "redo", "save"]
        self._add_controls("corrections", **{name: partial(self._act, name) for name in names})
        # Room for all that can be chosen, so that nothing below moves.
        self._choice = HTML(layout=Layout(min_height="88px")).add_class("ok-choice")
        self.children = [common.wrap_row(*(getattr(self, name) for name in names)), self._choice]
        self.messages = explorer.messages

    def choose(self, rows: Sequence[int]) -> None:
        """The next correction is about these, the last one last."""
        last, editor = list(dict.fromkeys(reversed(rows)))[:_MOST_CHOSEN], self.editor
        self.chosen = last[::-1]
        places = [actions.describe_choice(editor.tracks, row) for row in self.chosen]
        self._choice.value = common.render("chosen.html", places=places)
        self.undo.disabled = self.save.disabled = len(editor.done) == 1
        self.redo.disabled = not editor.undone
        shown = editor.tracks.select(sorted(self.chosen))
        self._explorer.browser.set_layer("chosen", shown, _CHOSEN)

    def choose_doubt(self, doubt: Doubt) -> None:
        """What a doubt is about: the ends of a link, a mother with her daughters, an end."""
        links, row = self.editor.tracks.links, doubt.row
        before, after = links[links[:, 1] == row, 0], links[links[:, 0] == row, 1]
        sources = before.tolist() if doubt.what == "link" else []
        self.choose([*sources, row, *(after.tolist() if doubt.what == "division" else ())])

    def _act(self, name: str) -> None:
        act = getattr(self.editor, name, None)
        said = act() if act else self.editor.correct(*self._say(name))
        if name != "save":
            self._explorer.take_tracks()
        self.messages.say(said)

    def _say(self, name: str) -> tuple[str, list[Pin]]:
        """What a button says: in words, and as pins."""
        tracks, browser, doubt = self.editor.tracks, self._explorer.browser, self._explorer.doubt
        words, needed = _CORRECTIONS[name], 1 + (name == "join")
        if name == "add":
            time_point = browser.time_point.value
            rules.check_place(tracks, self.editor.movie, time_point, browser.place)
            said = [Pin("nucleus", ((float(time_point), *browser.place.tolist()),))]
            return words.format(describe_place(time_point, browser.place)), said
        if name == "confirm":
            refuse_if(doubt is None, "doubt")
            self.choose_doubt(doubt)
            name = {"link": "join", "division": "divide"}.get(doubt.what, doubt.what)
        refuse_if(len(self.chosen) < needed, f"chosen to {name}", chosen=len(self.chosen))
        rows = sorted(self.chosen, key=tracks.time_points.__getitem__)
        row = rows[0 if name in ("divide", "not_dividing") else -1]
        chosen = tuple(pins.list_places(tracks)[row] for row in rows)
        is_next = chosen[-1][0] == chosen[-needed][0] + needed - 1
        first = rules.describe_position(tracks, rows[-needed])
        refuse_if(not is_next, "next", first=first, time_point=int(chosen[-1][0]))
        into = [ends for ends in pins.list_links(tracks) if ends[1] == chosen[-1]]
        refuse_if(name == "cut" and not into, "chosen to cut", chosen="a position without a link")
        near = [place for place in chosen if place[0] == chosen[0][0] + 1]
        daughters = [Pin("link", (chosen[0], place)) for place in near]
        said = {
            "cut": [Pin("link", ends, False) for ends in into],
            "join": [Pin("link", chosen[-2:])],
            "divide": [Pin("division", chosen[:1]), *daughters],  # or the solver finds them
            "not_dividing": [Pin("division", chosen[:1], False)],
            "remove": [Pin("nucleus", chosen[-1:], False)],
        }.get(name, [Pin(name, chosen[-1:])])
        return words.format(rules.describe_position(tracks, row)), said
