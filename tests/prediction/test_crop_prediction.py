"""The right crop goes with the right nucleus or pair; and tiny networks learn what anybody can see."""

import dataclasses

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import make_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.evaluation.classification import compute_average_precision
from organoid_kit.examples.division import DivisionExamples
from organoid_kit.examples.link import LinkExamples, make_link_targets
from organoid_kit.networks.building import build_network
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction import crops as crop_prediction
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.tracking.build import build_tracks
from organoid_kit.training.loop import train
from training_helpers import NO_AUGMENTATION, SPACING_UM, make_family, tiny_crop_settings

PLAIN = {"spacing_um": (2.0, 1.0, 1.0), "intensity_quantiles": (0, 1), "patch_shape_zyx": (3, 5, 5)}
SHAPE = (6, 40, 40)


class StandIn:
    """Answers with what `rule` makes of the inputs, and remembers them."""

    def __init__(self, rule):
        self.rule, self.asked = rule, []

    def predict_on_batch(self, inputs):
        self.asked.append(inputs)
        return np.asarray(self.rule(inputs), np.float32).reshape(-1, 1)


def make_lights(time_points=4, nuclei=5, seed=0, spacing_um=(2.0, 1.0, 1.0)):
    """Nuclei of one voxel and its neighbours along x, each with a light of its own between 0.1 and
    0.9; in every stack other voxels are 1.
    """
    rng = np.random.default_rng(seed)
    images = np.zeros((time_points, 1, *SHAPE), np.float32)
    images[:, :, 0, 0, :2], images[:, :, 0, 0, 2] = 1.0, 1e-6
    lights = rng.permutation(np.linspace(0.1, 0.9, time_points * nuclei)).astype(np.float32)
    places = np.stack(
        [
            rng.integers(low, high, (time_points, nuclei))
            for low, high in ((1, 5), (3, 37), (3, 37))
        ],
        -1,
    )
    for time_point in range(time_points):
        own = lights.reshape(time_points, nuclei)[time_point]
        for beside, part in ((-1, 0.6), (1, 0.6), (0, 1.0)):  # a single voxel would be hot
            images[time_point, 0][tuple((places[time_point] + (0, 0, beside)).T)] = part * own
    rows = rng.permutation(time_points * nuclei)  # rows are in no order
    annotations = Annotations(
        places.reshape(-1, 3)[rows].astype(float),
        np.repeat(np.arange(time_points), nuclei)[rows],
        links=[[0, 1]],
        properties={"note": rows},
        spacing_um=spacing_um,
    )
    return make_timelapse(images, spacing_um, name="lights"), annotations, lights[rows]


def read_light(image: np.ndarray, time: int) -> np.ndarray:
    """The middle voxel of each crop."""
    return image[:, 1, 2, 2, time]


# ---- divisions


def test_each_row_gets_the_answer_for_its_own_crop(monkeypatch):
    monkeypatch.setattr(crop_prediction, "_TOGETHER", 4)
    monkeypatch.setattr(crop_prediction, "_ALIKE", 2)
    movie, annotations, lights = make_lights()
    network = StandIn(lambda images: read_light(images, 1))
    found = predict_divisions(
        network, movie, annotations, make_settings("division", **PLAIN), show_progress=False
    )
    np.testing.assert_allclose(
        found.properties["division_probability"].astype(float), lights, atol=1e-5
    )
    assert found.properties["note"].tolist() == annotations.properties["note"].tolist()
    assert found.links.tolist() == [[0, 1]] and "division_probability" not in annotations.properties
    sizes = {images.shape for images in network.asked}
    assert sizes == {(4, 3, 5, 5, 3), (2, 3, 5, 5, 3)}, "batches have few sizes"
    assert len(network.asked) == 4 * 2


def test_a_crop_is_what_training_shows():
    annotated = make_family()
    settings = tiny_crop_settings("division", "")
    network = StandIn(lambda images: images[:, 0, 0, 0, 0])
    predict_divisions(
        network, annotated.movie, annotated.annotations, settings, show_progress=False
    )
    shown = DivisionExamples([annotated], settings, augment=False)
    for place, time_point in enumerate(shown.time_points):
        image = shown.example(place, (0,)).image
        assert (network.asked[time_point] == image).all(axis=(1, 2, 3, 4)).sum() == 1


def test_beyond_the_ends_of_the_movie_the_nearest_stack_is_seen_again():
    movie, annotations, _ = make_lights()
    network = StandIn(lambda images: read_light(images, 1))
    predict_divisions(
        network, movie, annotations, make_settings("division", **PLAIN), show_progress=False
    )
    first, last = network.asked[0], network.asked[-1]
    np.testing.assert_array_equal(first[..., 0], first[..., 1])
    np.testing.assert_array_equal(last[..., 2], last[..., 1])
    assert not np.array_equal(first[..., 2], first[..., 1])


@pytest.mark.parametrize("calibration", [(0.5, 1.0), (2.0, -1.0)])
def test_answers_are_calibrated(calibration):
    movie, annotations, lights = make_lights()
    expected = Calibration(*calibration).apply(lights)
    settings = make_settings("division", **PLAIN, calibration=calibration)
    network = StandIn(lambda images: read_light(images, 1))
    found = predict_divisions(network, movie, annotations, settings, show_progress=False)
    np.testing.assert_allclose(
        found.properties["division_probability"].astype(float), expected, atol=1e-4
    )


def test_few_stacks_are_in_memory_and_each_is_read_once():
    movie, annotations, _ = make_lights(time_points=12)
    reads = []
    counting = dataclasses.replace(
        movie, read_stack=lambda t, c: reads.append(t) or movie.read_stack(t, c)
    )
    settings = make_settings("division", **PLAIN)
    predict_divisions(
        StandIn(lambda images: read_light(images, 1)),
        counting,
        annotations,
        settings,
        show_progress=False,
    )
    assert sorted(reads) == list(range(12))


# ---- links


def expected_pairs(candidates, lights):
    first, second = candidates.links.T
    return lights[first] * 0.5 + lights[second] * 0.05


def test_each_candidate_gets_the_answer_for_its_own_pair(monkeypatch):
    monkeypatch.setattr(crop_prediction, "_TOGETHER", 7)
    monkeypatch.setattr(crop_prediction, "_ALIKE", 7)
    movie, annotations, lights = make_lights()
    rule = lambda inputs: read_light(inputs[0], 0) * 0.5 + read_light(inputs[1], 4) * 0.05  # noqa: E731
    network = StandIn(rule)
    settings = make_settings("link", **PLAIN, max_link_um=40.0, remove_drift=False)
    found = predict_links(network, movie, annotations, settings, ask_all=True, show_progress=False)
    assert len(found.links) > 30 and len(found) == len(annotations)
    times = found.time_points
    assert (times[found.links[:, 1]] - times[found.links[:, 0]] == 1).all()
    answers = found.link_properties["link_probability"].astype(float)
    np.testing.assert_allclose(answers, expected_pairs(found, lights), atol=1e-5)
    assert {tuple(each.shape for each in inputs) for inputs in network.asked} == {
        ((7, 3, 5, 5, 5), (7, 3, 5, 5, 5), (7, 3))
    }
    assert "note" in found.properties


@pytest.mark.parametrize("spacing_um", [(2.0, 1.0, 1.0), (2.0, 0.5, 0.25)])
def test_each_pair_has_its_own_displacement_in_voxels_of_the_network(spacing_um):
    movie, annotations, _ = make_lights(spacing_um=spacing_um)
    settings = make_settings("link", **PLAIN, max_link_um=40.0, remove_drift=False)
    for axis in range(3):
        network = StandIn(lambda inputs, axis=axis: 0.5 + inputs[2][:, axis] / 100)
        found = predict_links(
            network, movie, annotations, settings, ask_all=True, show_progress=False
        )
        moved = (
            np.diff(found.positions[found.links], axis=1)[:, 0] * spacing_um / settings.spacing_um
        )
        answers = found.link_properties["link_probability"].astype(float)
        np.testing.assert_allclose(answers, 0.5 + moved[:, axis] / 100, atol=1e-4)


@pytest.mark.parametrize("remove_drift", [True, False])
@pytest.mark.parametrize("window", [(0, 1), (-1, 2)])
def test_a_pair_is_what_training_shows(remove_drift, window):
    annotated = make_family(time_points=4)
    drift = np.outer(
        annotated.annotations.time_points, (0, 3, -2)
    )  # the annotations say that all moved
    inside = annotated.annotations.positions + drift - drift.mean(axis=0)
    annotated = AnnotatedMovie(
        annotated.movie,
        dataclasses.replace(annotated.annotations, positions=np.clip(inside, 0, (3, 47, 47))),
    )
    still = {"augmentation": NO_AUGMENTATION}  # else pairs in validation skip time points and move
    settings = tiny_crop_settings(
        "link", "", time_window=window, remove_drift=remove_drift, **still
    )
    network = StandIn(lambda inputs: np.full(len(inputs[2]), 0.5))
    options = {"ask_all": True, "show_progress": False}
    found = predict_links(network, annotated.movie, annotated.annotations, settings, **options)
    shown = LinkExamples([annotated], settings, augment=False)
    inputs, _, _ = shown.batch(0, 0, len(shown.targets))
    pairs = np.stack([shown.sources, shown.links_to], axis=1)[shown.order(0)]
    labels = make_link_targets(annotated.annotations, found.links)
    np.testing.assert_array_equal(pairs, found.links[labels >= 0])
    sizes = np.bincount(found.time_points[found.links[:, 0]])
    for part in range(3):
        asked = np.concatenate(
            [each[part][:size] for each, size in zip(network.asked, sizes, strict=True)]
        )
        np.testing.assert_allclose(asked[labels >= 0], inputs[part], atol=1e-5)


def test_link_answers_are_calibrated():
    movie, annotations, _ = make_lights()
    settings = make_settings("link", **PLAIN, calibration=(2.0, -1.0))
    found = predict_links(
        StandIn(lambda inputs: np.full(len(inputs[2]), 0.7)),
        movie,
        annotations,
        settings,
        ask_all=True,
        show_progress=False,
    )
    expected = Calibration(2.0, -1.0).apply(np.array([0.7]))[0]
    np.testing.assert_allclose(
        found.link_properties["link_probability"].astype(float), expected, atol=1e-5
    )


def test_candidates_are_those_of_the_settings_and_the_movie_gives_the_spacing():
    movie, annotations, _ = make_lights()
    annotations = dataclasses.replace(annotations, spacing_um=None)
    network = StandIn(lambda inputs: np.full(len(inputs[2]), 0.5))
    settings = make_settings("link", **PLAIN, remove_drift=False)
    lengths = []
    for most in (10.0, 20.0):
        found = predict_links(
            network, movie, annotations, settings.changed(max_link_um=most), show_progress=False
        )
        moved = np.diff(found.positions[found.links], axis=1)[:, 0] * movie.spacing_um
        lengths.append(np.linalg.norm(moved, axis=1).max())
    assert 5 < lengths[0] <= 10 < lengths[1] <= 20


# ---- odd input


def make_turning(degrees=10.0, seed=1):
    """Thirty-six nuclei of one plane on a jittered grid, once and turned around the middle; links
    by order.
    """
    rng = np.random.default_rng(seed)
    grid = np.stack(
        np.meshgrid([3.0], np.arange(6) * 5 + 7.0, np.arange(6) * 5 + 7.0, indexing="ij"), -1
    ).reshape(-1, 3)
    first = grid + rng.uniform(-0.6, 0.6, grid.shape) * (0, 1, 1)
    angle = np.radians(degrees)
    matrix = [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    second = (first - first.mean(axis=0)) @ np.transpose(matrix) + first.mean(axis=0)
    rows = np.arange(36)
    truth = Annotations(
        np.concatenate([first, second]),
        np.repeat([0, 1], 36),
        np.stack([rows, rows + 36], 1),
        spacing_um=(2, 1, 1),
    )
    return make_timelapse(
        rng.random((2, 1, *SHAPE), np.float32), (2.0, 1.0, 1.0), name="turning"
    ), truth


def count_right(candidates, truth):
    """Of the true links, how many are the most probable one from their source."""
    probabilities = candidates.link_properties["link_probability"].astype(float)
    order = np.argsort(probabilities, kind="stable")
    best = dict(candidates.links[order].tolist())
    return sum(best[source] == target for source, target in truth.links.tolist())


def near(inputs):
    """Answers by the displacement alone."""
    return 1 / (1 + np.exp(2 * np.linalg.norm(inputs[2], axis=1) - 8))


def test_what_an_organoid_turns_is_taken_out():
    movie, truth = make_turning()
    settings = make_settings("link", **PLAIN)
    apart = count_right(
        predict_links(StandIn(near), movie, truth, settings, show_progress=False), truth
    )
    kept = settings.changed(remove_drift=False)
    with_turn = count_right(
        predict_links(StandIn(near), movie, truth, kept, ask_all=True, show_progress=False), truth
    )
    assert with_turn < apart == 36
    still = predict_links(StandIn(near), movie, make_turning(0.0)[1], settings, show_progress=False)
    assert count_right(still, truth) == 36


def count_asked(network):
    """Pairs, without the empty ones that fill batches up."""
    return sum(np.any(inputs[0] != 0, axis=(1, 2, 3, 4)).sum() for inputs in network.asked)


@pytest.mark.parametrize("degrees", [0.0, 10.0])
def test_nuclei_with_sure_partners_are_not_compared_with_others(degrees):
    movie, truth = make_turning(degrees)
    settings = make_settings("link", **PLAIN)
    networks = StandIn(near), StandIn(near)
    some, every = (
        predict_links(
            network, movie, truth, settings, ask_all=network is networks[1], show_progress=False
        )
        for network in networks
    )
    np.testing.assert_array_equal(some.links, every.links)
    assert count_asked(networks[1]) == len(every.links)
    assert count_asked(networks[0]) < 0.5 * len(every.links)
    said, known = (each.link_properties["link_probability"].astype(float) for each in (some, every))
    left_out = said == crop_prediction._NOT_ASKED
    np.testing.assert_array_equal(said[~left_out], known[~left_out])
    assert left_out.sum() == len(every.links) - count_asked(networks[0])
    assert build_tracks(some).links.tolist() == build_tracks(every).links.tolist()


def test_where_the_network_doubts_what_distance_says_all_candidates_are_asked():
    movie, truth = make_turning(0.0)
    network = StandIn(lambda inputs: np.full(len(inputs[2]), 0.5))
    settings = make_settings("link", **PLAIN)
    found = predict_links(network, movie, truth, settings, show_progress=False)
    assert count_asked(network) == len(found.links)


@pytest.mark.parametrize("predict", [predict_divisions, predict_links])
def test_nothing_to_judge_is_no_mistake(predict):
    movie, annotations, _ = make_lights()
    settings = make_settings("division" if predict is predict_divisions else "link", **PLAIN)
    network = StandIn(lambda inputs: np.full(64, 0.5))
    for rows in ([], annotations.rows_at(2)):
        found = predict(
            network, movie, annotations.select(np.array(rows, int)), settings, show_progress=False
        )
        assert len(found) == len(rows) and len(found.links) == 0
    assert len(found.link_properties.get("link_probability", [])) == 0


@pytest.mark.parametrize("predict", [predict_divisions, predict_links])
def test_mistakes_are_told(predict):
    movie, annotations, _ = make_lights()
    own, other = ("division", "link") if predict is predict_divisions else ("link", "division")
    for wrong in (other, "position"):
        with pytest.raises(UserError, match=f"needs a {own} network. Received: a {wrong} network"):
            predict(None, movie, annotations, make_settings(wrong), show_progress=False)
    outside = dataclasses.replace(annotations, positions=annotations.positions + 50)
    with pytest.raises(UserError, match="lie in the movie.*lights"):
        predict(None, movie, outside, make_settings(own, **PLAIN), show_progress=False)


@pytest.mark.parametrize("network", ["division", "link"])
def test_a_movie_of_one_plane_is_predicted(network):
    annotated = make_family(shape_zyx=(1, 48, 48))
    settings = tiny_crop_settings(network, "", patch_shape_zyx=(1, 16, 16))
    predict = predict_divisions if network == "division" else predict_links
    found = predict(
        build_network(settings),
        annotated.movie,
        annotated.annotations,
        settings,
        show_progress=False,
    )
    said = found.properties if network == "division" else found.link_properties
    answers = said[f"{network}_probability"].astype(float)
    assert len(answers) and answers.std() > 0 and 0 < answers.min() and answers.max() < 1


# ---- the whole way


def quiet(progress):
    """Says nothing."""


@pytest.mark.slow
def test_a_tiny_division_network_learns_who_flares_up(tmp_path):
    settings = tiny_crop_settings(
        "division", tmp_path, patches_per_time_point=16, batch_size=16, epochs=6, learning_rate=5e-3
    )
    run = train(
        [make_family(seed) for seed in range(4)], [make_family(8)], settings, on_progress=quiet
    )
    network, settings = load_network(run.folder)
    unseen = make_family(9, time_points=4)
    found = predict_divisions(
        network, unseen.movie, unseen.annotations, settings, show_progress=False
    )
    truth = np.isin(np.arange(len(found)), unseen.annotations.divisions())
    assert (
        compute_average_precision(truth, found.properties["division_probability"].astype(float))
        == 1
    )


@pytest.mark.slow
def test_a_tiny_link_network_learns_that_nuclei_hardly_move(tmp_path):
    settings = tiny_crop_settings(
        "link", tmp_path, patches_per_time_point=16, batch_size=16, epochs=6, learning_rate=5e-3
    )
    run = train(
        [make_family(seed) for seed in range(4)], [make_family(8)], settings, on_progress=quiet
    )
    network, settings = load_network(run.folder)
    unseen = make_family(9, time_points=4)
    found = predict_links(network, unseen.movie, unseen.annotations, settings, show_progress=False)
    truth = make_link_targets(unseen.annotations, found.links) == 1
    assert truth.any() and not truth.all() and SPACING_UM == unseen.movie.spacing_um
    assert (
        compute_average_precision(truth, found.link_properties["link_probability"].astype(float))
        > 0.9
    )
