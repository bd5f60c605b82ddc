"""The annotation checker, driven without a browser."""

import dataclasses
import json
import re
import shutil
import threading

import numpy as np
import pytest
from test_training_session import wait_for

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import AnnotationChecker
from organoid_kit.dashboards.annotation.checker import describe_coverage, draw_coverage
from organoid_kit.dashboards.stack.browser import Pick
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.formats import read_annotations
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.networks import load_settings
from organoid_kit.networks.folders import SHIPPED, save_settings
from organoid_kit.plots.drawing import describe

SPACING = (2.0, 0.5, 0.5)


def make_movie(**changes):
    """Nuclei of the shared lineage as bright boxes, and one that is not annotated, at time points 1
    to 3.
    """
    images = np.random.default_rng(0).random((3, 1, 8, 48, 48)).astype(np.float32) / 20
    centres = [
        (1, 2, 12, 12),
        (2, 2, 13, 12),
        (3, 2, 8, 8),
        (3, 3, 16, 14),
        (1, 5, 24, 29),
        (2, 5, 24, 28),
    ]
    for time_point, z, y, x in [*centres, (3, 5, 25, 27), (2, 3, 38, 14)]:
        images[time_point - 1, 0, z - 1 : z + 2, y - 4 : y + 5, x - 4 : x + 5] += 1
    return make_timelapse(images, SPACING, name="<i>organoid</i>", first_time_point=1, **changes)


@pytest.fixture
def start(lineage):
    return Annotations(
        positions=[
            [2, 12, 12],
            [2, 13, 12],
            [2, 8, 8],
            [3, 16, 14],
            [5, 24, 29],
            [5, 24, 28],
            [5, 25, 27],
        ],
        time_points=lineage.time_points,
        links=lineage.links,
        spacing_um=SPACING,
        region=[[0, 0, 0], [7, 47, 47]],
        name="lineage",
    )


@pytest.fixture
def make(start, tmp_path):
    def make(annotations=start, **options):
        options = {
            "channels": (1,),
            "output": tmp_path / "checked.aut",
            "drawn_by": "kernel",
        } | options
        return AnnotationChecker(AnnotatedMovie(make_movie(), annotations), **options)

    return make


def pick(checker, row):
    """A click on a position."""
    annotations = checker.editor.annotations
    time_point, place = int(annotations.time_points[row]), annotations.positions[row]
    checker.browser.pick(Pick(time_point, place, "annotations", row))


def rules(checker):
    return [each.rule for each in checker.problems.problems]


def test_problems_are_listed_and_a_click_goes_there(make, start):
    flawed = start.select(
        np.array([0, 1, 2, 3, 4, 6])
    )  # a track is broken in two, each of one position
    checker = make(flawed)
    assert rules(checker) == ["isolated_position"] * 2
    assert (
        checker.problems.chosen.index is None
        and "2 warnings" in checker.problems.problem_summary.value
    )
    checker.problems.chosen.index = 1
    assert checker.browser.time_point.value == 3 and [
        checker.browser.z.value,
        checker.browser.x.value,
    ] == [5, 27]
    assert (
        "Link it to the time points before" in checker.problems.remedy.value
        and checker.edit.list_chosen() == [5]
    )
    assert "warning" in checker.browser.layers_shown.value


def test_the_list_is_as_long_as_there_are_problems(make, start, tmp_path):
    mended = make(start).problems
    assert mended.chosen.layout.display == "none" and "Nothing to mend" in mended.remedy.value
    flawed = make(
        start.select(np.array([0, 1, 2, 3, 4, 6])), output=tmp_path / "flawed.aut"
    ).problems
    assert flawed.chosen.layout.display is None and flawed.chosen.rows == 2
    flawed.show(flawed.problems[:1], "")
    assert (
        flawed.chosen.rows == 2 and len(flawed.chosen.options) == 1
    )  # one row would be a list to fold out


def test_mending_takes_a_problem_off_the_list(make, start):
    checker = make(start.select(np.array([0, 1, 2, 3, 4, 6])))
    checker.browser.go_to(2, (5, 24, 28))
    checker.edit.add.click()
    pick(checker, 4)  # the new one is chosen already
    checker.edit.link.click()
    assert checker.messages.kind == "say" and checker.edit.list_chosen() == [6]
    pick(checker, 5)
    checker.edit.link.click()
    assert rules(checker) == [] and "warning" not in checker.browser.layers_shown.value
    assert len(checker.editor.annotations.links) == len(start.links)
    for _ in range(3):
        checker.edit.undo.click()
    assert rules(checker) == ["isolated_position"] * 2 and checker.edit.undo.disabled
    checker.edit.redo.click()
    assert len(checker.editor.annotations) == 7 and not checker.edit.redo.disabled


def test_layers_that_were_switched_off_stay_so(make, start):
    checker = make(start.select(np.array([0, 1, 2, 3, 4, 6])))
    checker.browser.layers_shown.value = ("annotations",)
    checker.edit.add.click()
    assert checker.browser.layers_shown.value == ("annotations",)


def test_divisions(make):
    checker = make()
    for row in (2, 1, 3):
        pick(checker, row)
    checker.edit.not_dividing.click()  # the mother, and the first of the others
    assert checker.editor.annotations.links_forward()[1] == 1
    checker.edit.divide.click()
    assert (
        checker.editor.annotations.divisions().tolist() == [1]
        and "divides" in checker.edit.children[-1].value
    )
    checker.edit.forget.click()
    checker.edit.divide.click()
    assert checker.messages.kind == "fail" and "0 chosen" in checker.messages.value


def test_choosing(make):
    checker = make()
    for row in (0, 1, 2, 3):
        pick(checker, row)
    assert checker.edit.list_chosen() == [1, 2, 3]
    pick(checker, 2)
    assert checker.edit.list_chosen() == [1, 3]
    checker.edit.delete.click()
    assert checker.edit.list_chosen() == [1] and len(checker.editor.annotations) == 6
    checker.edit.undo.click()
    assert len(checker.edit.list_chosen()) == 2
    checker.browser.pick(Pick(1, np.zeros(3)))
    assert checker.edit.list_chosen() == [1, 3]


def test_move_within_a_time_point(make):
    checker = make()
    pick(checker, 0)
    checker.browser.go_to(2, (1, 2, 3))
    checker.edit.move.click()
    assert checker.messages.kind == "fail" and "time point 2 is shown" in checker.messages.value
    checker.browser.time_point.value = 1
    checker.edit.move.click()
    assert (
        checker.editor.annotations.positions[0].tolist() == [1, 2, 3]
        and checker.messages.kind == "say"
    )


def test_images_are_looked_at_on_demand(make):
    checker = make()
    assert "nucleus_missing" not in rules(checker)
    checker.problems.check.click()
    wait_for(lambda: not checker.images.is_running)
    assert "images of 3 time points were looked at" in checker.problems.problem_summary.value
    (missing,) = [each for each in checker.problems.problems if each.rule == "nucleus_missing"]
    assert missing.time_point == 2 and np.abs(np.array(missing.position) - (3, 38, 14)).max() < 1.5
    checker.problems.chosen.index = checker.problems.problems.index(missing)
    checker.edit.add.click()
    assert "nucleus_missing" not in rules(checker)


def test_looking_can_be_stopped(start, tmp_path):
    reading, go_on = threading.Event(), threading.Event()
    movie = make_movie()

    def read(time_point, channel):
        reading.set()
        go_on.wait(30)
        return movie.read_stack(time_point, channel)

    slow = AnnotatedMovie(dataclasses.replace(movie, read_stack=read), start)
    go_on.set()
    checker = AnnotationChecker(slow, channels=(1,), output=tmp_path / "out.aut", drawn_by="kernel")
    reading.clear(), go_on.clear()
    checker.problems.check.click()
    assert reading.wait(30) and checker.problems.check.description == "Stop checking"
    checker.problems.check.click()
    go_on.set()
    wait_for(lambda: not checker.images.is_running)
    assert "stopped" in checker.problems.problem_summary.value
    assert checker.problems.check.description == "Check images" and checker.messages.kind != "fail"


def test_blobs_become_candidates(make, start):
    checker = make(start.select(np.array([0, 1, 2, 3])))
    assert checker.candidates.accept.disabled
    checker.browser.time_point.value = 2
    checker.list_shown.value = "Candidates"
    checker.candidates.find.click()
    assert len(checker.candidates.still_open) == 2 and checker.problems.layout.display == "none"
    assert "weakest response" in checker.candidates.children[-1].value
    checker.candidates.accept.click()
    assert (
        len(checker.editor.annotations) == 5
        and checker.editor.annotations.properties["response"][4] > 0
    )
    checker.candidates.refuse.click()
    assert checker.candidates.row is None and len(checker.editor.annotations) == 5
    checker.candidates.find.click()  # again: nothing new
    assert checker.candidates.row is None and checker.candidates.accept.disabled
    checker.candidates.accept.click()
    assert checker.messages.kind == "fail" and "Received: none" in checker.messages.value


def test_candidates_of_a_network(make, tmp_path):
    proposed = Annotations(
        [[2, 12, 12], [6, 40, 40], [6, 5, 40], [6, 40, 5]],
        [1, 2, 3, 3],
        properties={"probability": np.array([0.99, 0.95, 0.45, 0.7], object)},
        spacing_um=SPACING,
    )
    checker = make(candidates=proposed)
    assert (
        checker.candidates.row == 2 and checker.candidates.find not in checker.candidates.children
    )
    checker.list_shown.value = "Candidates"
    assert checker.browser.time_point.value == 3 and checker.browser.y.value == 5
    checker.candidates.skip.click()
    assert checker.candidates.row == 3 and checker.browser.x.value == 5
    checker.candidates.refuse.click()
    assert checker.candidates.row == 1
    checker.browser.pick(Pick(3, proposed.positions[2], "candidates", 1))
    assert checker.candidates.row == 2
    again = make(candidates=proposed)
    assert again.candidates.still_open.tolist() == [1, 2]


def test_unsaved_work_comes_back_and_is_saved_as_a_new_file(make, tmp_path):
    checker = make()
    checker.edit.add.click()
    again = make()
    assert (
        again.messages.kind == "warn" and "1 change of an earlier session" in again.messages.value
    )
    assert len(again.editor.annotations) == 8
    again.edit.save.click()
    again.edit.save.click()
    assert "checked.aut was there already" in again.messages.value
    assert len(read_annotations(tmp_path / "checked-2.aut")) == 8
    again.edit.file_name.value = " "
    again.edit.save.click()
    assert again.messages.kind == "fail"
    checker.edit.undo.click()  # a dashboard of an earlier run of the cell
    assert checker.messages.kind == "fail" and "continued elsewhere" in checker.messages.value


def test_keys_press_buttons(make):
    pytest.importorskip("anywidget", reason="anywidget is not installed here.")
    from organoid_kit.dashboards.annotation.keys import KeyboardShortcuts

    checker = make()
    keys = KeyboardShortcuts(checker, checker.edit.list_keys())
    pick(checker, 6)
    for key, rows in (("Delete", 6), ("Ctrl+Z", 7), ("Ctrl+Y", 6), ("Z", 7), ("D", 6), ("?", 6)):
        keys.press(key)
        assert len(checker.editor.annotations) == rows
    named = re.findall(
        r"\((\S+)\)$",
        "\n".join(button.description for button in checker.edit.list_keys().values()),
        re.M,
    )
    assert set(named) <= set(checker.edit.list_keys())


def test_how_much_and_where(make, start):
    checker = make()
    said = " ".join(describe_coverage(checker.movie, start, 2))
    assert "7 positions at 3 of 3 time points, 5 links, 1 division" in said and "0.1%" in said
    assert "(as stated): z 0 to 7, y 0 to 47, x 0 to 47; 100% of the image" in said
    alone = Annotations(start.positions, start.time_points, spacing_um=SPACING)
    assert (
        "z 0 to 7, y 5 to 31, x 5 to 36; 35% of the image"
        in describe_coverage(checker.movie, alone, 1)[1]
    )
    assert (
        "Nothing is annotated at time point 3"
        in describe_coverage(checker.movie, alone.select(np.arange(2)), 3)[1]
    )
    assert draw_coverage(checker.movie, alone, 1).count("<circle") == 4
    before = checker.coverage.value
    checker.browser.time_point.value = 3
    assert checker.coverage.value != before


def test_twin_and_state(make):
    checker = make()
    checker.browser.go_to(2, (4, 5, 6))
    checker.list_shown.value = "Candidates"
    state = json.loads(json.dumps(checker.state()))
    twin = describe(checker.plot())
    assert "at time point 2" in twin and "Annotated cuboid at time point 2" in twin
    other = make()
    other.restore(state)
    assert other.browser.time_point.value == 2 and other.list_shown.value == "Candidates"
    with pytest.raises(UserError, match="list_shown"):
        other.restore({"list_shown": "Nothing"})


def test_text_from_files_is_escaped(start, tmp_path):
    flawed = start.select(np.array([0, 1, 2, 3, 4, 6]))
    movie = make_movie(channel_names=["<b>red</b>"])
    checker = AnnotationChecker(
        AnnotatedMovie(movie, flawed), channels=(1,), output=tmp_path / "<b>.aut", drawn_by="kernel"
    )
    checker.edit.save.click()
    said = [
        checker.messages.value,
        checker.problems.problem_summary.value,
        checker.coverage.value,
        checker.edit.children[-1].value,
    ]
    assert not any("<b>.aut" in each or "<i>organoid" in each or "<b>red" in each for each in said)


def test_nothing_annotated_yet(make):
    checker = make(Annotations(np.zeros((0, 3)), np.zeros(0)))
    assert (
        rules(checker) == ["no_positions"]
        and "0 positions at 0 of 3 time points" in checker.coverage.value
    )
    checker.edit.add.click()
    assert rules(checker) == [] and checker.plot()


def test_decisions_make_a_threshold_that_is_kept_with_a_copy_of_the_network(
    make, start, tmp_path, monkeypatch
):
    """A network that is too sure: from 0.9 on candidates are nuclei, and none has a position yet."""
    monkeypatch.chdir(tmp_path)
    places = [[4, 4 + 8 * row, 4 + 8 * column] for row in range(5) for column in range(5)]
    probabilities = np.linspace(0.5, 0.98, 25)
    proposed = Annotations(
        places, [3] * 25, properties={"probability": probabilities}, spacing_um=SPACING
    )
    nothing = start.select([])
    checker = make(nothing, candidates=proposed, network="position_small")
    candidates, asked = checker.candidates, []
    assert candidates.keep.disabled and candidates.choice is None
    for _ in range(12):
        asked.append(probabilities[candidates.row])
        (candidates.accept if asked[-1] > 0.9 else candidates.refuse).click()
    assert 0.8 < candidates.choice.threshold < 0.98 and candidates.choice.judged == 12
    assert max(asked) > 0.9, "the most doubtful moves to where both answers come"
    assert f"{candidates.choice}" in candidates.candidate_threshold.value
    candidates.keep.click()
    kept = load_settings(tmp_path / "_i_organoid__i_-network")
    shipped = load_settings("position_small")
    assert kept == candidates.choice.apply_to(shipped) and kept.calibration != shipped.calibration
    candidates.keep.click()
    assert (tmp_path / "_i_organoid__i_-network-2" / "model.keras").exists()
    for _ in range(12):
        checker.edit.undo.click()
    assert candidates.choice is None


def test_positions_that_were_there_are_no_decisions(make, start):
    """Of a missing candidate nobody knows: only true ones would count."""
    proposed = dataclasses.replace(
        start, properties={"probability": np.full(7, 0.3)}, links=np.zeros((0, 2), int)
    )
    assert make(candidates=proposed).candidates.choice is None


def test_a_network_finds_candidates_below_its_threshold(make, start, tmp_path):
    strict = shutil.copytree(SHIPPED / "position_small", tmp_path / "strict")
    save_settings(load_settings(strict).changed(threshold=0.999), strict)
    checker = make(start.select([]), network=strict)
    assert checker.candidates.find.description == "Find nuclei at this time point"
    checker.candidates.find.click()
    found = checker.candidates.proposed
    assert len(found) == len(found.properties["probability"]) == 2


def test_layers_of_a_state_that_are_not_there_are_named(make):
    checker = make()
    checker.restore({"layers_shown": ["annotations", "candidates"]})
    assert checker.browser.layers_shown.value == ("annotations",)
    assert "there is none here: candidates" in checker.messages.value
