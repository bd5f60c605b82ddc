"""Before and after augmentation, and warnings where a setting would teach something wrong."""

import dataclasses
import json

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import AugmentationSettings, make_settings
from organoid_kit.dashboards import AugmentationPreview
from organoid_kit.dashboards.augmentation.advice import (
    ExampleFacts,
    check_augmentation,
    measure_example_facts,
)
from organoid_kit.dashboards.augmentation.examples import (
    choose_example,
    make_columns,
    make_preview_examples,
)
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.plots.drawing import describe

FACTS = ExampleFacts(
    dim=0.5, mean=0.3, spread=0.05, close_um=6.0, moves_um={1: 3.0, 2: 5.0, 3: 13.0}, pixel_um=1.0
)
USUAL = AugmentationSettings()
NOTHING = AugmentationSettings(**{name: None for name in vars(USUAL) if name != "flip"}, flip=False)


@pytest.fixture(scope="module")
def movies():
    return read_dataset(find_samples() / "training.autlist")[:1]


@pytest.fixture(scope="module", params=["position", "division", "link"])
def preview(request, movies):
    return AugmentationPreview(movies, make_settings(request.param, channels=(2, 3)))


@pytest.fixture
def fresh(preview):
    preview.settings = USUAL
    preview.seed.value, preview.example.value, preview.variations.value = 1, 1, 4
    return preview


def changed(**changes):
    return dataclasses.replace(USUAL, **changes)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("scale", (0.65, 1.5), (0.5, 1.2)),
        ("scale", None, (0.9, 1.6)),
        ("brightness", (0.25, 3.0), (0.15, 1.0)),
        ("contrast", (0.25, 3.0), (0.15, 1.0)),
        ("gamma", (0.7, 2.0), (0.7, 4.0)),
        ("gamma", None, (0.2, 1.0)),
        ("depth_dimming", 0.75, 0.85),
        ("noise", 0.29, 0.31),
        ("blur_px", 2.9, 3.1),
        ("jitter_um", 2.9, 3.1),
        ("paste", 0.8, 0.9),
        ("skip", 2, 3),
        ("drift_um", 6.3, 6.4),
        ("turn_degrees", 29.0, 30.0),
    ],
)
def test_each_setting_that_goes_too_far_has_one_warning(name, good, bad):
    for network in ("position", "division", "link"):
        settings = make_settings(network)
        assert (
            check_augmentation(
                settings.changed(augmentation=changed(**{"noise": 0.05, name: good})), FACTS
            )
            == {}
        )
        found = check_augmentation(
            settings.changed(augmentation=changed(**{"noise": 0.05, name: bad})), FACTS
        )
        only = {"jitter_um": ("division", "link"), "paste": ("division",)}
        of = only.get(
            name, ("link",) if name in ("skip", "drift_um", "turn_degrees") else (network,)
        )
        assert list(found) == ([name] if network in of else [])


def test_contrast_warns_where_gamma_would_clip_dim_nuclei():
    dim = dataclasses.replace(FACTS, dim=0.2)

    def warn(**changes):
        augmentation = dataclasses.replace(NOTHING, **changes)
        settings = make_settings("position").changed(augmentation=augmentation)
        return check_augmentation(settings, dim).get("contrast")

    assert "clipped" in warn(contrast=(1.0, 3.1), gamma=(0.7, 1.4))
    assert warn(contrast=(1.0, 3.1)) is None
    assert warn(contrast=(1.0, 2.9), gamma=(0.7, 1.4)) is None


def test_what_was_not_measured_gives_no_warning():
    unknown = dataclasses.replace(FACTS, close_um=None, moves_um={})
    wild = changed(blur_px=50.0, jitter_um=50.0, skip=9, drift_um=99.0)
    assert check_augmentation(make_settings("link").changed(augmentation=wild), unknown) == {}
    assert check_augmentation(make_settings("link").changed(augmentation=NOTHING), FACTS) == {}


def test_facts_are_those_of_the_movies(movies):
    facts = measure_example_facts(movies, make_settings("link", channels=(2, 3)))
    assert 0.3 < facts.dim < 1 and 0 < facts.spread < 0.2 and facts.dim > facts.mean > facts.spread
    assert 3 < facts.close_um < 8  # nuclei are about 8 µm wide, and touch
    assert facts.moves_um[1] < facts.moves_um[2] < facts.moves_um[3] and set(facts.moves_um) == {
        1,
        2,
        3,
        4,
    }
    dark = measure_example_facts(movies, make_settings("link", channels=(2,)))
    assert dark.dim < facts.dim / 2  # half of the nuclei do not show in channel 2


def test_the_usual_settings_teach_nothing_wrong(fresh):
    assert fresh.warnings == {} and fresh.messages.kind == "say"


def test_before_stays_and_after_changes(fresh):
    before, *after = fresh._make_columns().values()
    fresh.new_seed.click()
    same, *others = fresh._make_columns().values()
    images = [getattr(column[0], "image", None) for column in (before, same)]
    if images[0] is not None:
        np.testing.assert_array_equal(*images)
        assert not np.array_equal(after[0][0].image, others[0][0].image)
    assert fresh.seed.value == 2


def test_switched_off_nothing_changes(fresh):
    fresh.nothing.click()
    columns = [*fresh._make_columns().values()]
    for column in columns[1:]:
        for first, other in zip(columns[0], column):
            for name in ("image", "first", "second", "positions", "displacement"):
                if hasattr(first, name):
                    np.testing.assert_allclose(
                        getattr(other, name), getattr(first, name), atol=1e-6
                    )


def test_points_move_with_the_image(movies):
    examples = make_preview_examples(movies, make_settings("position", channels=(2, 3)))
    only_turned = dataclasses.replace(NOTHING, rotation_degrees=180.0)
    before, after = make_columns(
        examples, choose_example(examples, 0), only_turned, seed=3, variations=1
    ).values()
    first, second = before[0], after[0]
    inside = ((second.positions > 3) & (second.positions < np.array(second.target.shape) - 4)).all(
        axis=1
    )
    inside &= ((first.positions > 3) & (first.positions < np.array(first.target.shape) - 4)).all(
        axis=1
    )
    places = [
        tuple(np.round(example.positions[inside]).astype(int).T) for example in (first, second)
    ]
    assert inside.sum() >= 3 and np.abs(first.positions - second.positions)[inside].max() > 3
    for image in ("image", "target"):
        values = [getattr(each, image)[place] for each, place in zip((first, second), places)]
        np.testing.assert_allclose(*values, atol=0.35)


def test_pairs_turn_with_their_displacement(movies):
    examples = make_preview_examples(movies, make_settings("link", channels=(2, 3)))
    shown = choose_example(examples, 5)
    only_turned = dataclasses.replace(NOTHING, rotation_degrees=180.0)
    before, after = make_columns(examples, shown, only_turned, seed=3, variations=1).values()
    for one, other in zip(before, after):
        lengths = [np.linalg.norm(each.displacement[1:]) for each in (one, other)]
        np.testing.assert_allclose(*lengths)
        assert one.displacement[0] == other.displacement[0]
    larger = dataclasses.replace(NOTHING, scale=(2.0, 2.0))
    _, after = make_columns(examples, shown, larger, seed=3, variations=1).values()
    for one, other in zip(before, after):
        np.testing.assert_allclose(other.displacement[1:], 2 * one.displacement[1:])


def test_skipping_shows_later_ends_of_the_same_nucleus(movies):
    examples = make_preview_examples(movies, make_settings("link", channels=(2, 3)))
    skipping = dataclasses.replace(NOTHING, skip=4)
    columns = make_columns(
        examples, choose_example(examples, 0), skipping, seed=1, variations=8
    ).values()
    moved = {tuple(column[0].displacement.round(3)) for column in columns}
    assert len(moved) > 2 and all(column[0].target for column in columns)
    assert not any(column[1].target for column in columns)


def test_controls_give_the_settings_to_train_with(fresh):
    assert fresh.settings == USUAL
    fresh.operations["scale"].on.value = False
    fresh.operations["noise"].range.value = 0.5
    assert fresh.settings == changed(scale=None, noise=0.5)
    assert fresh.operations["scale"].range.disabled and not fresh.operations["noise"].range.disabled
    fresh.usual.click()
    fresh.operations["brightness"].range.value = (
        0.6000000000000001,
        1.5,
    )  # as a browser counts in steps
    assert fresh.settings == USUAL
    fresh.nothing.click()
    assert all(not getattr(fresh.settings, name) for name in fresh.operations)


def test_a_warning_stands_beside_its_setting(fresh):
    fresh.operations["noise"].range.value = 0.9
    assert (
        "noise" in fresh.warnings
        and fresh.messages.kind == "warn"
        and "Noise" in fresh.messages.value
    )
    assert "larger than the signal" in fresh.operations["noise"].warning.value
    assert fresh.operations["scale"].warning.value == ""
    assert "1 warning" in fresh.describe()
    fresh.operations["noise"].on.value = False
    assert fresh.warnings == {} and fresh.operations["noise"].warning.value == ""


def test_pictures_follow_the_number_of_variations(fresh):
    rows = {"position": 2, "division": 2, "link": 4}[fresh._network]
    assert fresh._pictures.value.count("<image") == 5 * rows
    fresh.variations.value = 1
    assert fresh._pictures.value.count("<image") == 2 * rows
    assert len([axes for axes in fresh.plot().axes if axes.images]) >= 2 * rows
    assert "1 variation of it with seed 1" in describe(fresh.plot())


def test_state_comes_back(fresh):
    at_first = fresh.state()
    fresh.operations["gamma"].range.value, fresh.seed.value = (0.5, 2.0), 7
    fresh.operations["flip"].on.value = False
    state = json.loads(json.dumps(fresh.state()))
    fresh.restore(at_first)
    assert fresh.settings == USUAL and fresh.seed.value == 1
    fresh.restore(state)
    assert fresh.settings == changed(gamma=(0.5, 2.0), flip=False) and fresh.seed.value == 7
    with pytest.raises(UserError, match="state must"):
        fresh.restore({"colour": 1})


def test_it_needs_movies():
    with pytest.raises(UserError, match="annotated movies"):
        AugmentationPreview([], make_settings("position"))


def test_a_seed_that_there_is_not_is_told_not_corrected(fresh):
    fresh.seed.value = -5
    assert "A seed must be" in fresh.messages.value and fresh.seed.value == -5


def test_settings_beyond_a_slider_move_its_ends(fresh):
    far = changed(scale=(0.01, 30.0), noise=50.0)
    fresh.settings = far
    assert fresh.settings == far
