"""Steps that can be undone, a journal that survives a crash, and what may not be done."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.dashboards.annotation.editing.remaining import (
    find_image_problems,
    find_open_candidates,
    find_problems,
    sort_by_doubt,
)
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import read_annotations, write_annotations
from organoid_kit.data.timelapse import make_timelapse

MOVIE = make_timelapse(np.zeros((4, 1, 8, 40, 40), np.uint8), (2.0, 0.5, 0.5), first_time_point=1)


@pytest.fixture
def told(lineage):
    """The shared lineage, with values of all kinds."""
    return dataclasses.replace(
        lineage,
        properties={
            "id": np.array(["a", "b", 3, np.float64(0.1), 4, np.int64(7), "g"], object),
            "starting": np.array([None, None, None, True, "EDGE", None, None], object),
        },
        link_properties={"link_penalty": np.array([0.1, None, 2, "x", 4.5], object)},
        region=[[0, 0, 0], [7, 30, 30]],
        extra={"color": [1, 2, 3]},
    )


def freeze(annotations):
    """All that annotations say, to compare."""
    return (
        annotations.positions.tolist(),
        annotations.time_points.tolist(),
        annotations.links.tolist(),
        {name: list(values) for name, values in annotations.properties.items()},
        {name: list(values) for name, values in annotations.link_properties.items()},
        (annotations.name, annotations.spacing_um, annotations.region.tolist(), annotations.extra),
    )


# ---- each operation


def test_nothing_done(told):
    editor = AnnotationEditor(told, MOVIE)
    assert freeze(editor.annotations) == freeze(told) and editor.is_saved and editor.steps == []


def test_add_keeps_rows_and_fills_properties(told):
    editor = AnnotationEditor(told, MOVIE)
    assert editor.add(2, (1, 2.5, 3), {"probability": np.float32(0.5)}) == 7
    assert (
        editor.annotations.positions[7].tolist() == [1, 2.5, 3]
        and editor.annotations.time_points[7] == 2
    )
    assert editor.annotations.properties["id"].tolist() == ["a", "b", 3, 0.1, 4, 7, "g", 8]
    assert editor.annotations.properties["probability"].tolist() == [None] * 7 + [0.5]
    assert np.array_equal(editor.annotations.positions[:7], told.positions)
    assert (
        editor.steps == ["added the position at time point 2, z 1.0, y 2.5, x 3.0"]
        and not editor.is_saved
    )


def test_move_changes_one_place(told):
    editor = AnnotationEditor(told, MOVIE)
    editor.move(3, (4, 11, 12))
    expected = told.positions.copy()
    expected[3] = 4, 11, 12
    assert np.array_equal(editor.annotations.positions, expected)
    assert editor.annotations.time_points.tolist() == told.time_points.tolist()


def test_delete_takes_links_along_and_undo_brings_back_all(told):
    editor = AnnotationEditor(told, MOVIE)
    editor.delete(1)
    assert editor.annotations.links.tolist() == [[3, 4], [4, 5]]
    assert editor.annotations.properties["id"].tolist() == ["a", 3, 0.1, 4, 7, "g"]
    assert editor.annotations.link_properties["link_penalty"].tolist() == ["x", 4.5]
    assert (
        editor.numbers.tolist() == [0, 2, 3, 4, 5, 6]
        and editor.find_row(2) == 1
        and editor.find_row(1) is None
    )
    assert editor.undo() == "deleted the position at time point 2, z 2.0, y 9.0, x 8.5"
    assert freeze(editor.annotations) == freeze(told)
    editor.redo()
    assert len(editor.annotations) == 6


def test_unlink_link_and_divide(told):
    editor = AnnotationEditor(told, MOVIE)
    editor.unlink(3, 1)
    assert len(editor.annotations.divisions()) == 0
    editor.mark_dividing(1, (2, 3))
    assert editor.annotations.links.tolist() == [[0, 1], [1, 2], [4, 5], [5, 6], [1, 3]]
    assert editor.annotations.link_properties["link_penalty"].tolist() == [
        0.1,
        None,
        "x",
        4.5,
        None,
    ]
    editor.unmark_dividing(1, keep=3)
    assert editor.annotations.links.tolist() == [[0, 1], [4, 5], [5, 6], [1, 3]]
    editor.link(1, 2)
    editor.unmark_dividing(1)
    assert editor.annotations.links.tolist() == [[0, 1], [4, 5], [5, 6]]
    editor.mark_dividing(1, (3, 2))
    assert editor.annotations.divisions().tolist() == [1]
    for _ in range(len(editor.steps)):
        editor.undo()
    assert freeze(editor.annotations) == freeze(told)


def test_numbers_of_undone_positions_are_not_used_again(told):
    editor = AnnotationEditor(told, MOVIE)
    editor.add(1, (1, 1, 1), {"probability": 0.25})
    editor.undo()
    assert "probability" not in editor.annotations.properties
    editor.add(1, (1, 2, 2))
    assert editor.numbers[-1] == 8 and "probability" not in editor.annotations.properties


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda e: e.add(9, (1, 1, 1)), "time point 9; there are 1 to 4"),
        (lambda e: e.add(1, (8, 1, 1)), "8 × 40 × 40"),
        (lambda e: e.add(1, (1, -0.6, 1)), "must lie in the movie"),
        (lambda e: e.add(1, (1, np.nan, 1)), "three numbers"),
        (lambda e: e.add(1, (1, 1)), "three numbers"),
        (lambda e: e.add(1, (2, 8, 8)), "annotated once"),
        (lambda e: e.add(1, (1, 1, 1), {"how": object()}), "numbers, texts or lists"),
        (lambda e: e.move(0, (1, 1, 40)), "must lie in the movie"),
        (lambda e: e.move(0, (5, 20, 25)), "annotated once"),
        (lambda e: e.move(7, (1, 1, 1)), "row 7"),
        (lambda e: e.delete(-1), "row -1"),
        (lambda e: e.link(5, 4), "from one time point to the next"),  # backward
        (lambda e: e.link(0, 4), "from one time point to the next"),  # the same time point
        (lambda e: e.link(0, 2), "from one time point to the next"),  # over one
        (lambda e: e.link(0, 1), "linked once"),
        (lambda e: e.link(1, 6), "do not merge"),
        (lambda e: (e.unlink(5, 6), e.link(1, 6)), "divides into two"),
        (lambda e: e.unlink(0, 5), "Only what is linked"),
        (lambda e: e.mark_dividing(1, (2, 2)), "twice"),
        (lambda e: e.mark_dividing(1, (2, 3)), "into these two already"),
        (lambda e: e.mark_dividing(1, (2, 6)), "link to a third"),
        (lambda e: e.mark_dividing(4, (5, 1)), "do not merge"),
        (lambda e: e.unmark_dividing(4), "1 links forward"),
        (lambda e: e.unmark_dividing(1, keep=6), "one of its daughters"),
        (lambda e: e.undo(), "nothing done"),
        (lambda e: e.redo(), "nothing undone"),
    ],
)
def test_what_may_not_be_done_changes_nothing(told, tmp_path, bad, words):
    editor = AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")
    with pytest.raises(UserError, match=words):
        bad(editor)
    while editor.steps:
        editor.undo()
    assert freeze(editor.annotations) == freeze(told)
    assert freeze(AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut").annotations) == freeze(
        told
    )


# ---- candidates


def make_candidates(**properties):
    positions = [[2, 8, 9], [5, 20, 25], [1, 30, 30], [6, 5, 30], [6, 5, 36]]
    return Annotations(
        positions, [1, 1, 1, 2, 2], properties=properties, spacing_um=MOVIE.spacing_um
    )


def test_candidates_are_open_until_accepted_or_refused(told):
    candidates = make_candidates(probability=np.array([0.9, 0.8, 0.6, 0.1, 0.45], object))
    editor = AnnotationEditor(told, MOVIE)

    def still():
        return find_open_candidates(candidates, editor.annotations, editor.refused).tolist()

    assert still() == [2, 3, 4]
    order, text = sort_by_doubt(candidates, np.array(still()))
    assert order.tolist() == [4, 2, 3] and "nearest to 0.5" in text
    row = editor.accept(candidates, 4)  # its neighbour is 3 µm away and stays open
    assert editor.annotations.properties["probability"][row] == 0.45 and still() == [2, 3]
    editor.refuse(candidates, 3)
    assert still() == [2] and len(editor.annotations) == 8
    editor.move(row, (6, 5, 39))
    assert still() == [2]
    for expected in ([2], [2, 3], [2, 3, 4]):
        editor.undo()
        assert still() == expected


def test_weak_blobs_first_and_time_where_nothing_is_known():
    rows = np.array([4, 2, 3])
    weak = make_candidates(response=np.array([1, 2, 0.3, 0.2, 0.4], object))
    order, text = sort_by_doubt(weak, rows)
    assert order.tolist() == [3, 2, 4] and "weakest response" in text
    assert sort_by_doubt(make_candidates(), rows)[0].tolist() == [2, 4, 3]
    with_gap = make_candidates(probability=np.array([None, 0.1, None, 0.4, 0.9], object))
    assert sort_by_doubt(with_gap, rows)[0].tolist() == [2, 3, 4]


# ---- problems


def test_problems_follow_the_steps(told):
    images = np.zeros((3, 1, 8, 40, 40), np.float32)
    for time_point, z, y, x in ((1, 2, 8, 8), (1, 5, 20, 25), (1, 3, 22, 8)):
        images[time_point - 1, 0, z - 1 : z + 2, y - 3 : y + 4, x - 3 : x + 4] = 1
    movie = make_timelapse(
        images + np.random.default_rng(0).random(images.shape) / 20,
        MOVIE.spacing_um,
        first_time_point=1,
    )
    editor = AnnotationEditor(told, movie)
    of_images = find_image_problems(editor.annotations, editor.numbers, movie, (1,))
    missing = [each for each, _ in of_images if each.rule == "nucleus_missing"]
    assert len(missing) == 1 and np.abs(np.array(missing[0].position) - (3, 22, 8)).max() < 1

    def rules():
        return [each.rule for each in find_problems(editor, (1,), of_images)]

    before = rules()
    assert "nucleus_missing" in before
    editor.add(1, (3, 22, 9))
    assert "nucleus_missing" not in rules() and "isolated_position" in rules()
    editor.undo()
    assert rules() == before


def test_problems_of_images_keep_their_position(told):
    rng = np.random.default_rng(0)
    movie = make_timelapse(
        rng.random((3, 1, 8, 40, 40)).astype(np.float32), MOVIE.spacing_um, first_time_point=1
    )
    editor = AnnotationEditor(told, movie)
    of_images = find_image_problems(editor.annotations, editor.numbers, movie, (1,))
    beside = [
        each
        for each in find_problems(editor, (1,), of_images)
        if each.rule == "off_centre" and each.rows[0] > 1
    ]
    assert beside
    editor.delete(0)
    after = {
        each.position: each.rows
        for each in find_problems(editor, (1,), of_images)
        if each.rule == "off_centre"
    }
    for each in beside:
        assert after.get(each.position, (each.rows[0] - 1,)) == (each.rows[0] - 1,)
    moved = next(each for each in beside if each.position in after)
    editor.move(moved.rows[0] - 1, (1, 1, 1))
    assert moved.position not in {each.position for each in find_problems(editor, (1,), of_images)}


# ---- saving


def test_saving_never_overwrites(told, tmp_path):
    original = tmp_path / "nuclei.aut"
    write_annotations(told, original)
    start = read_annotations(original)
    before = original.read_bytes()
    editor = AnnotationEditor(start, MOVIE, output=original)
    editor.delete(6)
    assert editor.save(original) == tmp_path / "nuclei-2.aut" and editor.is_saved
    editor.add(4, (1, 1, 1))
    assert editor.save(original) == tmp_path / "nuclei-3.aut"
    assert original.read_bytes() == before
    assert freeze(read_annotations(tmp_path / "nuclei-3.aut")) == freeze(editor.annotations)
    assert len(read_annotations(tmp_path / "nuclei-2.aut")) == 6
    assert AnnotationEditor(start, MOVIE, output=original).is_saved
    editor.undo()
    assert not editor.is_saved and not AnnotationEditor(start, MOVIE, output=original).is_saved


# ---- the journal


def test_journal_brings_back_steps_undone_steps_and_properties(told, tmp_path):
    editor = AnnotationEditor(told, MOVIE, output=tmp_path / "sub" / "out.csv")
    editor.add(1, (0.1 + 0.2, 1 / 3, 7), {"probability": 0.3, "by": "é"})
    editor.delete(2)
    editor.undo()
    again = AnnotationEditor(told, MOVIE, output=tmp_path / "sub" / "out.csv")
    assert freeze(again.annotations) == freeze(editor.annotations)
    assert again.steps == editor.steps and again.undone_steps == editor.undone_steps
    again.redo()
    again.undo()
    again.undo()
    assert freeze(again.annotations) == freeze(told)
    assert (tmp_path / "sub" / "out.csv.journal").stat().st_size < 1000


def test_journal_of_other_annotations_is_refused_and_kept(told, tmp_path):
    AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut").delete(0)
    before = (tmp_path / "out.aut.journal").read_bytes()
    with pytest.raises(UserError, match="began with other ones, named 'lineage'"):
        AnnotationEditor(told.select(np.arange(6)), MOVIE, output=tmp_path / "out.aut")
    assert (tmp_path / "out.aut.journal").read_bytes() == before


def test_other_files_are_never_taken_for_a_journal(told, tmp_path):
    for content in (b'{"version": "v2"}', b'{"journal": 7}\n', b"hello\nworld\n", b"\xff\xfe"):
        file = tmp_path / "out.aut.journal"
        file.write_bytes(content)
        with pytest.raises(UserError, match="must be one that the kit wrote"):
            AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")
        assert file.read_bytes() == content


def test_damage_in_the_middle_is_said_not_skipped(told, tmp_path):
    editor = AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")
    editor.delete(0)
    editor.delete(0)
    file = tmp_path / "out.aut.journal"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1][5:] + lines[2])
    with pytest.raises(UserError, match="line 2"):
        AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")


def test_a_changed_digit_is_noticed(told, tmp_path):
    editor = AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")
    editor.add(1, (2, 15, 21))
    file = tmp_path / "out.aut.journal"
    assert file.read_bytes().count(b"15") >= 1
    file.write_bytes(file.read_bytes().replace(b"15.0", b"16.0"))
    with pytest.raises(UserError, match="line 2"):
        AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")


STRANGE = [
    {"step": "x", "changes": [["position", 10**12, [1, 2, 3, 4]]]},
    {"step": "x", "changes": [["position", -1, None]]},
    {"step": "x", "changes": [["position", 7, [1, 2, 3]]]},
    {"step": "x", "changes": [["position", 7, ["a", 2, 3, 4]]]},
    {"step": "x", "changes": [["link", 5, [0, 99]]]},
    {"step": "x", "changes": [["elsewhere", 0, None]]},
    {"step": "x", "changes": [["position", 0]]},
    {"step": "x", "changes": 5},
    {"step": "x"},
    {"step": "x", "changes": [], "properties": {"a": {}}},
    {"step": "x", "changes": [], "properties": []},
    {"undo": 1},
    {"redo": 1},
]


@pytest.mark.parametrize("event", STRANGE)
def test_what_no_editor_wrote_is_not_done_again(told, tmp_path, event):
    AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")
    file = tmp_path / "out.aut.journal"
    with open(file, "a") as journal:  # without a checksum, as earlier versions wrote
        journal.write(json.dumps(event) + "\n")
    with pytest.raises(UserError, match="line 2"):
        AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")


def test_two_writers_are_noticed(told, tmp_path):
    one, two = (AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut") for _ in range(2))
    two.delete(0)
    with pytest.raises(UserError, match="continued elsewhere"):
        one.delete(1)
    assert (
        len(one.annotations) == 7
        and len(AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut").annotations) == 6
    )


def test_a_journal_that_cannot_be_written_changes_nothing(told, tmp_path):
    editor = AnnotationEditor(told, MOVIE, output=tmp_path / "out.aut")
    (tmp_path / "out.aut.journal").unlink()
    with pytest.raises(UserError, match="Nothing was changed"):
        editor.delete(0)
    assert freeze(editor.annotations) == freeze(told) and editor.steps == []


PROGRAM = """
import sys
import numpy as np
from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import make_timelapse

deep = np.broadcast_to(np.uint8(0), (1, 1, 1_000_000, 2, 2))
movie = make_timelapse(deep, (2.0, 0.5, 0.5), first_time_point=1)
editor = AnnotationEditor(Annotations([[0, 0, 0]], [1]), movie, output=sys.argv[1])
for number in range(1, 1_000_000):
    editor.add(1, (number, 1, 1))
    print(number, flush=True)
"""


def test_kill_loses_nothing(tmp_path):
    working = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "out.aut")],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    said = [int(working.stdout.readline()) for _ in range(100)][-1]
    working.kill()
    rest = working.communicate()[0].split(b"\n")
    said = max([said, *(int(line) for line in rest[:-1])])
    editor = AnnotationEditor(Annotations([[0, 0, 0]], [1]), MOVIE, output=tmp_path / "out.aut")
    assert len(editor.steps) in (said, said + 1)
    assert editor.annotations.positions[:, 0].tolist() == list(range(len(editor.steps) + 1))


# ---- anything, in any order


def act(editor, rng, candidates):
    """A random operation, often an impossible one."""
    rows = len(editor.annotations)
    one, two, three = rng.integers(-1, rows + 1, 3).tolist()
    if rows and rng.random() < 0.7:  # more often what may go well: neighbours in time
        times = editor.annotations.time_points
        one = int(rng.integers(rows))
        later = np.flatnonzero(times == times[one] + 1)
        if len(later):
            two, three = rng.choice(later, 2).tolist()
    place = np.round(rng.uniform(-1, (8, 41, 41)), int(rng.integers(3)))
    operations = (
        lambda: editor.add(
            int(rng.integers(0, 6)), place, {"by": "me"} if rng.random() < 0.3 else None
        ),
        lambda: editor.move(one, place),
        lambda: editor.delete(one),
        lambda: editor.link(one, two),
        lambda: editor.unlink(one, two),
        lambda: editor.mark_dividing(one, (two, three)),
        lambda: editor.unmark_dividing(one, None if rng.random() < 0.5 else two),
        lambda: editor.accept(candidates, int(rng.integers(len(candidates)))),
        lambda: editor.refuse(candidates, int(rng.integers(len(candidates)))),
    )
    weights = np.array([3 if rows < 40 else 1, 2, 1 if rows < 40 else 3, 4, 2, 2, 2, 1, 1])
    operations[rng.choice(len(operations), p=weights / weights.sum())]()


def digest(annotations):
    """All that annotations say, in few bytes."""
    return hashlib.sha256(repr(freeze(annotations)).encode()).digest()


class Story:
    """What should be, found without the editor's own undo: (state, what was before), and what was
    undone likewise.
    """

    def __init__(self, start, folder, candidates):
        self.start, self.output, self.candidates = start, folder / "out.csv", candidates
        self.file = folder / "out.csv.journal"
        self.editor = AnnotationEditor(start, MOVIE, output=self.output)
        self.events = [
            (self.file.stat().st_size, (digest(start), None), None)
        ]  # with the length of the journal

    def tell(self, rng):
        """One random event; an impossible one changes nothing."""
        size, done, undone = self.events[-1]
        kind = rng.random()
        try:
            if kind < 0.15:
                self.editor.undo()
                done, undone = done[1], (done[0], undone)
            elif kind < 0.25:
                self.editor.redo()
                done, undone = (undone[0], done), undone[1]
            elif kind < 0.253:
                saved = self.editor.save(self.output)
                assert np.array_equal(
                    read_annotations(saved).links.shape, self.editor.annotations.links.shape
                )
            else:
                act(self.editor, rng, self.candidates)
                done, undone = (digest(self.editor.annotations), done), None
        except UserError:
            assert self.file.stat().st_size == size
        else:
            self.events.append((self.file.stat().st_size, done, undone))
        assert digest(self.editor.annotations) == self.events[-1][1][0]

    def kill(self, rng):
        """The kernel ends, at times in the middle of a line; all whole lines must be there when it
        starts again.
        """
        size, last = self.events[-1][0], self.events[-2:][0][0]
        until = int(
            rng.choice(
                [size, rng.integers(last, size + 1), rng.integers(0, size + 1)], p=(0.4, 0.4, 0.2)
            )
        )
        with open(self.file, "r+b") as file:
            file.truncate(until)
        kept = [event for event in self.events if event[0] <= until]
        self.events = kept or self.events[:1]
        self.editor = AnnotationEditor(self.start, MOVIE, output=self.output)
        _, done, undone = self.events[-1]
        assert digest(self.editor.annotations) == done[0]
        assert len(self.editor.steps) == count(done) - 1 and len(self.editor.undone_steps) == count(
            undone
        )


def count(states):
    """How many states there are, the newest first."""
    return 0 if states is None else 1 + sum(1 for _ in iterate(states[1]))


def iterate(states):
    while states is not None:
        yield states[0]
        states = states[1]


def check_to_the_end(story):
    """Undo and redo restore every state there was, in order."""
    _, done, undone = story.events[-1]
    editor = story.editor
    for expected in iterate(undone):
        editor.redo()
        assert digest(editor.annotations) == expected
    for _ in iterate(undone):
        editor.undo()
    for expected in iterate(done[1]):
        editor.undo()
        assert digest(editor.annotations) == expected
    assert freeze(editor.annotations) == freeze(story.start)


def test_ten_thousand_random_operations(told, tmp_path):
    rng = np.random.default_rng(6)
    story, kills = (
        Story(
            told, tmp_path, make_candidates(probability=np.array([0.9, 0.8, 0.6, 0.1, 0.4], object))
        ),
        0,
    )
    for _ in range(10_000):
        story.tell(rng)
        if rng.random() < 0.005:
            kills += 1
            story.kill(rng)
    annotations = story.editor.annotations
    assert kills > 30 and len(list(tmp_path.glob("out*.csv"))) > 10
    assert len(annotations) > 20 and len(annotations.links) > 5 and len(annotations.divisions()) > 0
    assert (np.diff(annotations.time_points[annotations.links], axis=1) == 1).all()
    assert len(annotations.merges()) == 0 and annotations.links_forward().max() == 2
    check_to_the_end(story)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=12), st.integers(0, 2**32 - 1))
def test_short_stories(tmp_path_factory, seeds, last):
    start = Annotations(
        [[2, 8, 8], [2, 9, 9], [2, 5, 5]], [1, 2, 2], [[0, 1]], region=[[0, 0, 0], [7, 30, 30]]
    )
    story = Story(start, tmp_path_factory.mktemp("story"), make_candidates())
    for seed in seeds:
        story.tell(np.random.default_rng(seed))
    story.kill(np.random.default_rng(last))
    check_to_the_end(story)
