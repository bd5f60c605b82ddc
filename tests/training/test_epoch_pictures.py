import contextlib
import dataclasses

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.examples.choice import make_examples
from organoid_kit.training.epoch_pictures import (
    choose_example,
    list_pictures,
    make_picture,
    read_picture,
    write_picture,
)
from training_helpers import make_blobs, make_family, tiny_crop_settings, tiny_settings


def find_examples(network, augment=False):
    if network == "position":
        settings = tiny_settings("", spacing_um=(2.0, 0.5, 0.5))
        return make_examples([make_blobs(1)], settings, augment=augment)
    return make_examples([make_family(1)], tiny_crop_settings(network, ""), augment=augment)


def answer(network):
    """A network that answers 0.25 everywhere, or whatever the number is."""
    shape = (
        (lambda inputs: (*inputs.shape[:4], 1))
        if network == "position"
        else (lambda inputs: (len(inputs), 1))
    )
    return lambda inputs: np.full(
        shape(inputs[0] if isinstance(inputs, tuple) else inputs), 0.25, np.float32
    )


@pytest.mark.parametrize("network", ["position", "division", "link"])
def test_a_picture_is_written_and_read(network, tmp_path):
    shown = choose_example(find_examples(network))
    picture = make_picture(shown, 7, answer(network)(shown.inputs))
    write_picture(picture, tmp_path)
    again = read_picture(tmp_path, 7)
    assert (again.network, again.epoch, again.spacing_um) == (network, 7, (0.5, 0.5))
    assert (
        again.images.dtype == np.uint8
        and again.answers.dtype == np.float16
        and (again.answers == 0.25).all()
    )
    for name in ("images", "targets", "answers", "positions"):
        assert (getattr(again, name) == getattr(picture, name)).all()
    assert again.answers.shape == again.targets.shape
    assert (tmp_path / "epochs" / "0007.npz").stat().st_size < 50_000


def test_a_patch_is_shown_in_a_plane_with_nuclei():
    picture = choose_example(find_examples("position")).picture
    assert picture.images.shape == (1, 1, 32, 32) and picture.targets.shape == (1, 32, 32)
    assert picture.targets.max() > 0.5 and len(picture.positions) >= 1
    y, x = np.round(picture.positions[0]).astype(int)
    assert picture.targets[0, y, x] > 0.5 and picture.images[0, 0, y, x] > picture.images.mean()


@pytest.mark.parametrize(("network", "views"), [("division", 1), ("link", 2)])
def test_crops_show_both_answers(network, views):
    shown = choose_example(find_examples(network))
    assert shown.picture.images.shape[1:] == (views, 16, 16)
    assert 0 < shown.picture.targets.mean() < 1
    assert shown.plane is None


@pytest.mark.parametrize("network", ["position", "division", "link"])
def test_the_example_is_always_the_same(network):
    """Also where there is no validation, and examples of training are shown, which are varied."""
    for augment in (False, True):
        first, second = (choose_example(find_examples(network, augment)).picture for _ in range(2))
        assert (first.images == second.images).all() and (first.targets == second.targets).all()


def test_pictures_are_listed_by_epoch(tmp_path):
    shown = choose_example(find_examples("position"))
    for epoch in (10, 2, 12345):
        write_picture(make_picture(shown, epoch, answer("position")(shown.inputs)), tmp_path)
    assert list_pictures(tmp_path) == [2, 10, 12345]
    assert list_pictures(tmp_path / "nothing") == []


def test_a_picture_that_is_missing_or_damaged_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="0003.npz"):
        read_picture(tmp_path, 3)
    shown = choose_example(find_examples("position"))
    write_picture(make_picture(shown, 3, answer("position")(shown.inputs)), tmp_path)
    path = tmp_path / "epochs" / "0003.npz"
    whole = path.read_bytes()
    for place in range(30, len(whole), 97):  # a byte here and there, then the end
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with contextlib.suppress(UserError):  # or nothing that matters
            read_picture(tmp_path, 3)
    path.write_bytes(whole[:-200])
    with pytest.raises(UserError, match="must exist and be whole"):
        read_picture(tmp_path, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"network": "possition"},
        {"spacing_um": (np.nan, 1.0)},
        {"targets": np.zeros(0, np.float16)},
        {"images": np.zeros((3, 3), np.uint8)},
    ],
)
def test_a_picture_whose_parts_do_not_fit_is_damaged(tmp_path, wrong):
    shown = choose_example(find_examples("position"))
    picture = make_picture(shown, 3, answer("position")(shown.inputs))
    write_picture(dataclasses.replace(picture, **wrong), tmp_path)
    with pytest.raises(UserError, match="must exist and be whole"):
        read_picture(tmp_path, 3)
