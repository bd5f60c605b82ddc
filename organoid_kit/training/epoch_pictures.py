"""What a network answers to one example after each epoch: small pictures, read without Keras."""

import io
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import files, make_error
from organoid_kit.base.settings import NETWORKS
from organoid_kit.examples import LinkExamples, PositionExamples, batches, patches

FOLDER = "epochs"  # in a run folder
_LOOKED_AT = 8  # patches among which the one with most nuclei is taken
_CROPS = 4  # of each right answer
_NEAR_PLANES = 1.0


@dataclass(frozen=True, eq=False)
class EpochPicture:
    """An example (planes of a patch, or through n nuclei or pairs), and the answers of an epoch."""

    network: str
    epoch: int  # how many were finished
    images: np.ndarray  # (n, views, y, x) uint8
    targets: np.ndarray  # (1, y, x) float16, 0..1; of crops (n,), 1 where the answer is yes
    answers: np.ndarray  # probabilities, shaped as `targets`
    positions: np.ndarray  # (k, 2) float, yx, voxels: the nuclei in the plane; none for crops
    spacing_um: tuple[float, float]  # yx


@dataclass(frozen=True, eq=False)
class ShownExample:
    """What is shown to the network after each epoch."""

    inputs: Any  # a batch for the network
    plane: int | None  # the one that is kept of a patch; None for crops
    picture: EpochPicture  # all of it but the answers


def choose_example(examples: batches.Examples) -> ShownExample:
    """Always the same: the patch with most nuclei of a few, or crops of all kinds, of both answers."""
    choose = _choose_patch if isinstance(examples, PositionExamples) else _choose_crops
    inputs, plane, images, targets, positions = choose(examples)
    network, spacing = examples.settings.network, tuple(examples.settings.spacing_um[1:])
    grey, truths = patches.make_grey(images), targets.astype(np.float16)
    blank = np.zeros_like(truths)
    picture = EpochPicture(network, 0, grey, truths, blank, positions, spacing)
    return ShownExample(inputs, plane, picture)


def _choose_patch(examples: PositionExamples) -> tuple:
    candidates = examples.examples(0, 0, min(_LOOKED_AT, examples.number_per_epoch))
    example = max(candidates, key=lambda candidate: len(candidate.positions_inside))
    now, plane = -examples.settings.time_window[0], example.fullest_plane
    inside = example.positions_inside
    shown = inside[np.abs(inside[:, 0] - plane) <= _NEAR_PLANES, 1:]
    image, target = example.image[None, None, plane, :, :, now], example.target[None, plane]
    return example.image[None], plane, image, target, shown


def _choose_crops(examples) -> tuple:
    settings, order, numbers = examples.settings, examples.order(0), []
    for answer in (True, False):  # a few of each, of all kinds
        alike = np.flatnonzero(examples.targets[order] == answer)
        alike = alike[np.argsort(examples.kinds[order[alike]], kind="stable")]
        last = max(0, len(alike) - 1)
        chosen = np.linspace(0, last, min(_CROPS, len(alike))).astype(int)
        numbers += alike[np.unique(chosen)].tolist()
    shown = [examples.example(int(order[n]), (settings.seed, 0, int(n))) for n in numbers]
    middle, now = settings.patch_shape_zyx[0] // 2, -settings.time_window[0]
    images = [
        [example.first[middle, ..., 0], example.second[middle, ..., -1]]
        if isinstance(examples, LinkExamples)
        else [example.image[middle, :, :, now]]
        for example in shown
    ]
    targets = np.array([example.target for example in shown])
    return examples.join(shown), None, np.array(images), targets, np.zeros((0, 2))


def make_picture(shown: ShownExample, epoch: int, answers: np.ndarray) -> EpochPicture:
    """The picture after so many epochs, with what the network answers to the inputs."""
    answers = answers[..., 0]
    if shown.plane is not None:
        answers = answers[:, shown.plane]
    return replace(shown.picture, epoch=epoch, answers=np.clip(answers, 0, 1).astype(np.float16))


def write_picture(picture: EpochPicture, run_folder: str | Path) -> None:
    """Keeps a picture in the run folder, some kilobytes; one of the same epoch is replaced."""
    file = io.BytesIO()
    np.savez_compressed(file, **asdict(picture))
    files.write_bytes_safely(_name_file(run_folder, picture.epoch), file.getvalue(), overwrite=True)


def list_pictures(run_folder: str | Path) -> list[int]:
    """The epochs of which there is a picture."""
    found = Path(run_folder, FOLDER).glob("*.npz")
    return sorted(int(path.stem) for path in found if path.stem.isdigit())


def read_picture(run_folder: str | Path, epoch: int) -> EpochPicture:
    """The picture of an epoch. Raises UserError where there is none, or it is damaged."""
    path = _name_file(run_folder, epoch)
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in EpochPicture.__dataclass_fields__}
        values |= {"network": str(values["network"]), "epoch": int(values["epoch"])}
        _check(**values)
    except Exception as error:  # damaged bytes can be anything
        raise make_error("epoch picture", path, name=type(error).__name__) from error
    return EpochPicture(**{**values, "spacing_um": tuple(values["spacing_um"].tolist())})


def _check(
    network: str,
    images: np.ndarray,
    targets: np.ndarray,
    answers: np.ndarray,
    positions: np.ndarray,
    spacing_um: np.ndarray,
    **_: int,
) -> None:
    """Raises ValueError where what a file holds is no picture."""
    lengths = {len(images), len(targets), len(answers)}
    fits = images.ndim == 4 and targets.shape == answers.shape and len(lengths) == 1
    fits = fits and positions.shape[1:] == (2,) and spacing_um.shape == (2,)
    if not (fits and network in NETWORKS and (spacing_um > 0).all() and (spacing_um < 1e9).all()):
        raise ValueError("its parts do not fit together")


def _name_file(run_folder: str | Path, epoch: int) -> Path:
    return Path(run_folder, FOLDER, f"{epoch:04d}.npz")
