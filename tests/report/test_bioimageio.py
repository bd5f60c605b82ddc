import json
import sys
import zipfile
from functools import lru_cache

import keras
import numpy as np
import pytest

pytest.importorskip("tf2onnx")
pytest.importorskip("bioimageio.core")
import onnxruntime
from bioimageio.core import create_prediction_pipeline, load_description_and_test, predict
from bioimageio.spec import load_description

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import make_settings
from organoid_kit.cli.runs import _invent_example
from organoid_kit.evaluation import find_peaks
from organoid_kit.examples.link import add_coordinates
from organoid_kit.networks.building import build_network
from organoid_kit.networks.resampling import build_for_exchange
from organoid_kit.networks.saving import load_network, save_network
from organoid_kit.prediction.positions import predict_positions
from organoid_kit.report import bioimageio
from organoid_kit.report.bioimageio import write_bioimageio
from organoidtracker_layouts import lay_out_position

NETWORKS = ("position", "division", "link")
PEOPLE = {"author": "Ada Lovelace", "license": "CC-BY-4.0"}
invent_example = lru_cache(_invent_example)


def export(folder, output, **changes):
    example = invent_example((2.0, 1.0, 1.0))
    write_bioimageio(folder, output, example, channels=(2, 3), **(PEOPLE | changes))
    return output


def save_untrained(folder, network, **changes):
    settings = make_settings(network, **changes)
    save_network(build_network(settings), settings, folder)
    return folder


def try_in_core(folder):
    """What bioimageio.core says of both files, each shown the example and other sizes."""
    tried = load_description_and_test(folder / "rdf.yaml").validation_summary
    errors = [error.msg for detail in tried.details for error in detail.errors]
    names = " ".join(detail.name for detail in tried.details)
    assert tried.status == "passed" and not errors, errors
    assert "test inputs (onnx)" in names and "test inputs (keras_v3)" in names


# What is written, in the eyes of bioimageio.core


@pytest.mark.parametrize("network", NETWORKS)
def test_bioimageio_core_runs_what_a_shipped_network_becomes(tmp_path, network):
    folder = export(f"{network}_small", tmp_path / "out", doi="10.1371/journal.pone.0240802")
    try_in_core(folder)
    description = load_description(tmp_path / "out.zip")
    assert description.authors[0].name == "Ada Lovelace" and description.license == "CC-BY-4.0"
    assert [str(cited.doi or cited.url) for cited in description.cite][1].startswith("10.1371")
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "Validation on test movies" in text and "Not measured." not in text
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert set(archive.namelist()) == {path.name for path in folder.iterdir()}


def test_a_network_laid_out_as_organoidtracker_does_leaves_with_one_input(tmp_path):
    """Its answer is blurred by a fixed tensor, which in ONNX would be an input, too."""
    lay_out_position().save(tmp_path / "model.keras")
    said = {"type": "positions", "time_window": (-1, 1), "patch_shape_zyx": [16, 32, 32]}
    (tmp_path / "settings.json").write_text(json.dumps(said))
    try_in_core(export(tmp_path, tmp_path / "out"))


@pytest.mark.slow
def test_bioimageio_core_runs_what_a_standard_network_becomes(tmp_path):
    save_untrained(tmp_path / "own", "link", preset="standard")
    try_in_core(export(tmp_path / "own", tmp_path / "out"))


def test_found_through_bioimageio_core_is_nearly_what_the_kit_finds(tmp_path):
    """The normalisation of rdf.yaml is simpler than the kit's; on a full field they agree."""
    folder, example = export("position_small", tmp_path / "out"), invent_example((2.0, 1.0, 1.0))
    own, settings = load_network("position_small")
    settings = settings.changed(channels=(2, 3))
    ours = predict_positions(own, example.movie, settings, time_points=[2], show_progress=False)
    images = np.load(folder / "test_input.npy")
    description = load_description(folder / "rdf.yaml")
    # Not in a `with`: the pipeline of bioimageio.core 0.11 did not end here
    pipeline = create_prediction_pipeline(description, weight_format="onnx")
    said = predict(model=pipeline, inputs=images)
    heat = said.members["probabilities"].data.values[0, ..., 0]
    theirs = find_peaks(heat, settings.spacing_um, settings.min_distance_um, settings.threshold)[0]
    assert len(theirs) > 20
    nearest = np.linalg.norm(theirs[:, None] - ours.positions, axis=-1).min(axis=1)
    assert abs(len(theirs) - len(ours)) <= 2 and np.quantile(nearest, 0.9) < 0.5


# One input, calibrated answers


@pytest.mark.parametrize("network", NETWORKS)
def test_answers_are_calibrated(network):
    settings = make_settings(network, patch_shape_zyx=(4, 16, 16), calibration=(1.5, -0.5))
    own, rng = build_network(settings), np.random.default_rng(0)
    plain = build_for_exchange(own, settings.changed(calibration=(1.0, 0.0)))
    model = build_for_exchange(own, settings)
    shape = [size or 16 for size in model.input_shape[1:]]
    images = rng.random((2, *shape), np.float32)
    raw, said = (np.array(each(images)) for each in (plain, model))
    assert np.allclose(np.log(said / (1 - said)), 1.5 * np.log(raw / (1 - raw)) - 0.5, atol=1e-4)


@pytest.mark.parametrize("window", [(0, 1), (-1, 1)])
def test_a_link_network_answers_as_before_when_all_comes_in_one_image(window):
    settings = make_settings("link", patch_shape_zyx=(4, 16, 16), time_window=window)
    own, rng = build_network(settings), np.random.default_rng(0)
    time = window[1] - window[0] + 1
    first, second = rng.random((2, 3, 4, 16, 16, time), np.float32)
    moved = rng.normal(0, 3, (3, 3)).astype(np.float32)
    everywhere = np.broadcast_to(moved[:, None, None, None], (3, 4, 16, 16, 3))
    joined = build_for_exchange(own, settings)(np.concatenate([first, second, everywhere], -1))
    asked = own([*add_coordinates(first, second, moved), moved])
    assert np.allclose(joined, asked, atol=1e-6)


# A file counts only when it was opened and answers


def spoil(monkeypatch, times):
    """ONNX whose answers have an axis more, so many times; tf2onnx does that now and then."""
    calls, run = [], bioimageio._run_onnx

    def run_onnx(file, trials):
        calls.append(file)
        answers = run(file, trials)
        return [answer[None] for answer in answers] if len(calls) <= times else answers

    monkeypatch.setattr(bioimageio, "_run_onnx", run_onnx)
    return calls


def test_what_answers_wrongly_is_written_again(tmp_path, monkeypatch):
    save_untrained(tmp_path / "own", "division", patch_shape_zyx=(4, 16, 16))
    calls = spoil(monkeypatch, times=2)
    folder = export(tmp_path / "own", tmp_path / "out")
    assert len(calls) == 3
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    images = np.load(folder / "test_input.npy")
    [said] = session.run(None, {"images": images})
    assert np.allclose(said, np.load(folder / "test_output.npy"), atol=1e-5)


def test_what_answers_wrongly_each_time_is_refused(tmp_path, monkeypatch):
    save_untrained(tmp_path / "own", "division", patch_shape_zyx=(4, 16, 16))
    spoil(monkeypatch, times=100)
    with pytest.raises(UserError, match="model.onnx, 8 times"):
        export(tmp_path / "own", tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_a_small_network_of_one_channel_is_right_in_the_end(tmp_path):
    """The kind of which tf2onnx spoils a third."""
    settings = make_settings("position", time_window=(0, 0))
    images = keras.Input((None, None, None, 1))
    x = keras.layers.Conv3D(1, 3, padding="same", activation="relu")(images)
    x = keras.layers.Conv3D(1, 3, padding="same", activation="sigmoid")(x)
    own = keras.Model(images, x, name="own_position_network")
    save_network(own, settings, tmp_path / "own")
    for number in range(3):
        try_in_core(export(tmp_path / "own", tmp_path / str(number)))


# What cannot be written


@pytest.mark.parametrize("missing", ["author", "license"])
def test_author_and_license_are_needed(tmp_path, missing):
    with pytest.raises(UserError, match=f"needs an author and a license.*{missing} ''"):
        export("division_small", tmp_path / "out", **{missing: ""})


@pytest.mark.parametrize("changes", [{"license": "free"}, {"doi": "see our paper"}])
def test_what_bioimageio_does_not_accept_is_one_message(tmp_path, changes):
    save_untrained(tmp_path / "own", "division", patch_shape_zyx=(4, 16, 16))
    with pytest.raises(UserError, match=f"Received: .*{next(iter(changes))}"):
        export(tmp_path / "own", tmp_path / "out", **changes)
    assert not list(tmp_path.glob("out*"))


def test_an_earlier_export_is_replaced_only_if_asked(tmp_path):
    save_untrained(tmp_path / "own", "division", patch_shape_zyx=(4, 16, 16))
    (tmp_path / "out.zip").write_text("mine")
    with pytest.raises(UserError, match="never overwritten"):
        export(tmp_path / "own", tmp_path / "out")
    export(tmp_path / "own", tmp_path / "out", overwrite=True)
    assert zipfile.is_zipfile(tmp_path / "out.zip")


def test_without_the_library_or_on_another_backend_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="KERAS_BACKEND=tensorflow"):
        export("division_small", tmp_path / "out")
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(UserError, match=r"tf2onnx.*organoid-kit\[bioimageio,cpu\]"):
        export("division_small", tmp_path / "out")


def test_no_path_leaves(tmp_path):
    folder = save_untrained(tmp_path / "own", "link", output_folder=str(tmp_path / "secret"))
    out = export(folder, tmp_path / "out")
    assert "secret" not in (out / "rdf.yaml").read_text() + (out / "README.md").read_text()
