"""Files that 0.1.0 wrote, before the package was laid out in rooms, still open and say the same.

`written_by_0_1_0.zip` holds them, and in `expected.json` what 0.1.0 itself read back from each.
"""

import dataclasses
import json
import zipfile
from pathlib import Path

import pytest

from organoid_kit.base.settings import read_settings
from organoid_kit.course.results_table import read_results
from organoid_kit.course.run_keeping import list_backups, restore_run
from organoid_kit.dashboards.annotation.editing.editor import AnnotationEditor
from organoid_kit.dashboards.class_board import parse_guesses
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.formats import read_annotations
from organoid_kit.networks.saving import load_network
from organoid_kit.training.loop import train

ADDED = {
    "nucleus_diameter_um": None,
    "look": None,
    "loss": None,
}  # settings that came later, and what they are where they are missing


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written_by_0_1_0")
    with zipfile.ZipFile(Path(__file__).with_name("written_by_0_1_0.zip")) as file:
        file.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    return json.loads((folder / "expected.json").read_text("utf-8"))


def plain(value):
    """Through JSON and back, arrays as lists."""
    return json.loads(json.dumps(value, default=lambda array: array.tolist()))


def describe(annotations):
    """What is compared of annotations."""
    return plain(
        {
            "positions": annotations.positions,
            "time_points": annotations.time_points,
            "links": annotations.links,
            "properties": {k: list(values) for k, values in annotations.properties.items()},
            "link_properties": {k: list(v) for k, v in annotations.link_properties.items()},
            "spacing_um": annotations.spacing_um,
            "minutes_per_time_point": annotations.minutes_per_time_point,
            "name": annotations.name,
            "region": annotations.region,
            "extra": annotations.extra,
        }
    )


def without_counts(said):
    return {name: value for name, value in said.items() if name != "counts"}


def test_settings(folder, expected):
    for name, values in expected["settings"].items():
        path = folder / "settings" / name
        if path.suffix == ".json":
            assert plain(read_settings(path).to_dict()) == values | ADDED
        else:
            read = {network: read_settings(path, network).to_dict() for network in values}
            assert plain(read) == {network: own | ADDED for network, own in values.items()}


def test_annotations_of_every_format(folder, expected):
    assert len(expected["annotations"]) >= 15
    for name, said in expected["annotations"].items():
        assert describe(read_annotations(folder / "annotations" / name)) == without_counts(said)


def test_journals_that_a_crash_left(folder, expected):
    family = read_dataset(folder / "data" / "training.autlist")[0]
    for path in sorted((folder / "journal").glob("*.journal")):
        output = path.with_suffix("")
        editor = AnnotationEditor(family.annotations, family.movie, output=output)
        said = expected["journals"][path.name]
        assert plain(editor.steps) == said["steps"]
        assert describe(editor.annotations) == without_counts(said["annotations"])


def test_results_table(folder, expected):
    table = read_results(folder / "table")
    assert (
        plain([dataclasses.asdict(result) for result in table.results])
        == (expected["table"]["results"])
    )
    assert repr(table) == expected["table"]["text"]


def test_strings_of_the_class_board(folder, expected):
    text = (folder / "strings" / "class_board.txt").read_text("utf-8")
    guesses, complaints = parse_guesses(text, "Which threshold?")
    assert (
        plain([dataclasses.asdict(guess) for guess in guesses])
        == (expected["class_board"]["guesses"])
    )
    assert plain(complaints) == expected["class_board"]["complaints"]


def test_networks(folder, expected):
    for name, settings in expected["networks"].items():
        network, read = load_network(folder / "networks" / name)
        assert plain(read.to_dict()) == settings | ADDED
        assert network.count_params() > 0


def test_an_interrupted_run_comes_back_from_its_backup_and_goes_on(
    folder, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(folder)  # where the network lies that it started from
    [backup] = list_backups(folder / "kept")
    assert str(backup) == expected["kept"]["str"]
    run = restore_run(backup, tmp_path)
    parts = (read_dataset(folder / "data" / f"{p}.autlist") for p in ("training", "validation"))
    done = train(*parts, run.settings, resume=run.folder, on_progress=lambda progress: None)
    told = expected["resumed"]["history"]
    assert done.ending == expected["resumed"]["ending"]
    assert [row["epoch"] for row in done.history] == [row["epoch"] for row in told]
    # The second epoch learns by cross-entropy; 0.1.0 took squared errors for a network like this.
    assert done.history[0]["loss"] == pytest.approx(told[0]["loss"], rel=0.01)
