"""A network that leaves: a folder in the form of bioimage.io (0.5), and the same as a zip file.

It holds the network for Keras and as ONNX, an input with the right answer to try both on, a
picture, and the network's card. A file counts only once it was opened and answers as the network
does: tf2onnx 1.17 now and then gives the answer of a small network an axis more.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from organoid_kit import __version__
from organoid_kit.base import NetworkSettings, environment, files, make_error, refuse_if
from organoid_kit.data import AnnotatedMovie
from organoid_kit.evaluation import find_peaks
from organoid_kit.examples.division import ORDINARY, DivisionExamples, cut_nuclei
from organoid_kit.examples.link import cut_links
from organoid_kit.examples.patches import window_time_points
from organoid_kit.networks import load_network, resampling, saving
from organoid_kit.plots import Drawing, plot_crops, plot_pairs, plot_stack
from organoid_kit.plots.drawing import count, get_spacing, write_png
from organoid_kit.prediction.positions import find_margins
from organoid_kit.report.model_card import TASKS, render_card
from organoid_kit.report.page import render

_LEAST = (1, 64, 64)  # planes, rows and columns of the smallest image
_EXAMPLES = 4  # nuclei, or links, that a division or link network is tried on
_OPSET = 15  # version of ONNX that runtimes of the last five years know
_ATTEMPTS = 8
_LARGEST_CHANGE = 1e-5
# Batch, and planes, rows and columns in multiples of what the network needs
_TRIALS = ((1, 1, 2, 2), (3, 5, 3, 5), (2, 4, 7, 4))
Steps = tuple[int, int, int]


def write_bioimageio(
    folder: str | Path,
    output: str | Path,
    example: AnnotatedMovie,
    *,
    channels: Sequence[int] = (1,),
    author: str = "",
    license: str = "",
    doi: str = "",
    overwrite: bool = False,
) -> Path:
    """Writes the folder and, beside it, the zip file, whose path is returned.

    Args:
        folder: a run, which knows its scores, a network, or the name of a shipped network.
        example: what the network is tried on and the picture shows, at its spacing, with links. It
            is given away, too.
        channels: of the example, with nuclei.
        author, license: needed; the license as SPDX identifier, such as "CC-BY-4.0".
        doi: of a publication about the network.
    """
    refuse_if(not (author and license), "author and license", author=author, license=license)
    spec = _import_library()
    network, settings = load_network(folder)
    spacing_um = settings.spacing_um or example.movie.spacing_um
    seen = settings.changed(channels=channels, spacing_um=spacing_um)
    margins, steps = (0, 0, 0), (1, 1, 1)  # crops have one size
    if settings.network == "position":
        margins, steps = find_margins(network, settings)
    archive = Path(output).with_name(f"{Path(output).name}.zip")
    files.check_free(archive, overwrite)
    model = resampling.build_for_exchange(network, settings)
    with files.write_safely(output, overwrite=overwrite) as temporary:
        temporary.mkdir()
        write_weights(model, temporary, steps)
        examples, shown, prepared = _show(example, seen, steps)
        answer = _ask(model, prepared)
        files.write_bytes_safely(temporary / "cover.png", write_png(_draw(examples, answer, seen)))
        np.save(temporary / "test_input.npy", shown)
        np.save(temporary / "test_output.npy", answer)
        card = render_card(folder, author, license, margins)
        files.write_text_safely(temporary / "README.md", card)
        people = {"author": author, "license": license, "doi": doi}
        _write_description(spec, temporary / "rdf.yaml", model, settings, steps, **people)
    with files.write_safely(archive, overwrite=overwrite) as file:
        spec.save_bioimageio_package(Path(output) / "rdf.yaml", output_path=file)
    return archive


def _import_library() -> Any:
    """bioimageio.spec; all else that an export takes is asked for at the same time."""
    try:
        import bioimageio.spec
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401

        if (backend := keras.backend.backend()) != "tensorflow":
            raise ImportError(f"Keras on {backend}")
    except ImportError as error:
        raise make_error("bioimageio library", error=error) from error
    return bioimageio.spec


def write_weights(model: keras.Model, folder: Path, steps: Steps) -> None:
    """model.keras and model.onnx. UserError where one does not answer as the model."""
    rng, trials = np.random.default_rng(0), []
    for batch, *counts in _TRIALS:
        free = np.multiply(counts, steps).tolist()
        shape = [size or step for size, step in zip(model.input_shape[1:4], free, strict=True)]
        trials.append(rng.random((batch, *shape, model.input_shape[-1]), np.float32))
    answers = [_ask(model, images) for images in trials]  # Keras exports only what was called
    saving.save_model(model, folder / "model.keras")
    reopened = keras.models.load_model(folder / "model.keras", compile=False)
    file = folder / "model.onnx"
    same = _are_same(answers, [_ask(reopened, images) for images in trials])
    for _ in range(_ATTEMPTS if same else 0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of itself
            model.export(file, format="onnx", verbose=False, opset_version=_OPSET)
        if _are_same(answers, _run_onnx(file, trials)):
            return
    file = f"model.onnx, {_ATTEMPTS} times" if same else "model.keras"
    raise make_error("network answers", file=file)


def _ask(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


def _are_same(answers: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    return all(
        answer.shape == other.shape and np.abs(answer - other).max() <= _LARGEST_CHANGE
        for answer, other in zip(answers, others, strict=True)
    )


def _run_onnx(file: Path, trials: Sequence[np.ndarray]) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(file)
    [images] = session.get_inputs()
    return [session.run(None, {images.name: shown})[0] for shown in trials]


def _show(
    example: AnnotatedMovie, settings: NetworkSettings, steps: Steps
) -> tuple[Any, np.ndarray, np.ndarray]:
    """The middle stack, or nuclei, or links; as `build_for_exchange` takes them, (batch, z, y, x,
    channels) float32, stacks as the camera wrote them; and preprocessed as rdf.yaml says.
    """
    movie, annotations, kinds = example.movie, example.annotations, [ORDINARY] * _EXAMPLES
    if settings.network == "position":
        middle = movie.time_points[len(movie.time_points) // 2]
        times = window_time_points(movie, middle, settings)
        image = np.stack([movie.stack(time, settings.channels) for time in times], -1)
        missing = -np.array(image.shape[:3]) % steps
        image = np.pad(image, [*((0, n) for n in missing), (0, 0)], "edge").astype(np.float32)
        low, high = np.quantile(image, settings.intensity_quantiles, axis=(0, 1, 2))
        prepared = ((image - low) / (high - low + 1e-6)).astype(np.float32)
        return image[..., -settings.time_window[0]], image[None], prepared[None]
    if settings.network == "division":
        rows = [*annotations.divisions()[:2], *range(len(annotations))][:_EXAMPLES]
        nuclei = cut_nuclei(example, rows, kinds, settings)
        return nuclei, *[DivisionExamples.join(nuclei)] * 2
    links = cut_links(example, range(_EXAMPLES), kinds, settings)
    moved = [np.broadcast_to(each.displacement, (*each.first.shape[:3], 3)) for each in links]
    crops = [np.concatenate([e.first, e.second, m], -1) for e, m in zip(links, moved)]
    return links, *[np.stack(crops).astype(np.float32)] * 2


def _draw(examples: Any, answer: np.ndarray, settings: NetworkSettings) -> Drawing:
    if settings.network == "position":
        heat, spacing_um = answer[0, ..., 0], get_spacing(settings)
        peaks = find_peaks(heat, spacing_um, settings.min_distance_um, settings.threshold)[0]
        title = f"{count(len(peaks), 'nucleus centre')} found"
        return plot_stack(examples, spacing_um, positions=peaks, title=title)
    plot = plot_crops if settings.network == "division" else plot_pairs
    title, names = f"Probability of a {settings.network}", [f"{said:.2f}" for said in answer[:, 0]]
    return plot(examples, settings, names=names, title=title)


def _write_description(
    spec: Any, file: Path, model: keras.Model, settings: NetworkSettings, steps: Steps, **who: str
) -> None:
    """rdf.yaml, from templates/rdf.yaml. UserError where bioimageio.spec does not accept it."""
    from bioimageio.spec.model.v0_5 import ModelDescr

    free = [{"min": -(-least // step) * step, "step": step} for least, step in zip(_LEAST, steps)]
    sizes = [size or other for size, other in zip(model.input_shape[1:4], free)]
    lengths = [f", unit: micrometer, scale: {um}" for um in settings.spacing_um or ()] or [""] * 3
    values = {"settings": settings, "task": TASKS[settings.network], "version": __version__}
    values |= {"keras": keras.__version__, "tensorflow": environment.get_version("tensorflow")}
    values |= {"opset": _OPSET, "format_version": ModelDescr.implemented_format_version}
    files.write_text_safely(file, render("rdf.yaml", sizes=sizes, lengths=lengths, **values, **who))
    description = spec.load_description(file)
    if isinstance(description, spec.InvalidDescr):
        reason = " ".join(description.get_reason().split())[:160]
        raise make_error("bioimageio accepts", reason=reason)
    spec.save_bioimageio_package_as_folder(description, output_path=file.parent)
