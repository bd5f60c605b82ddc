"""Pictures of a training as SVG text: its curves, and what the network answers to its example."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from organoid_kit.dashboards.parts import svg
from organoid_kit.dashboards.parts.common import INK, PAPER
from organoid_kit.dashboards.parts.svg import Diagram, draw_bar, draw_image, wrap_svg
from organoid_kit.plots.drawing import COLOURS, LINES, count
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.epoch_pictures import EpochPicture
from organoid_kit.training.runs import QUALITIES, find_best

_HEIGHT, _WIDTHS = 250, (430, 330)  # of the two diagrams
_STEPS = {"color": "#b5b5b5", "linestyle": "-", "marker": ""}
_BEST = {"color": COLOURS["black"], "linestyle": "", "marker": "*", "fill": PAPER}
_MOST_STEPS = 200  # points of the line of single steps; more are averaged
_MOST_MARKS = 40  # on a line
_PANEL, _CROP = 200, 84  # longest side of a picture of a patch, and side of a crop
_ANSWERS = {"division": ("does not divide", "divides"), "link": ("another one", "same nucleus")}


def draw_curves(
    history: Sequence[Mapping[str, Any]],
    losses: Sequence[tuple[float, float]] = (),
    *,
    epochs: int = 1,
    marked: int | None = None,
) -> str:
    """Losses of training and validation, and the quality in validation, as SVG.

    `history` is that of `Run.history`; `losses` are (epochs done, loss) of single steps. So many
    `epochs` are wanted: where that is far away yet, the diagrams end before.
    """
    measured = [key for key in QUALITIES if any(row.get(key) is not None for row in history)]
    quality = (measured or ["validation_f1"])[0]
    names = {"loss": "training", "validation_loss": "validation"}
    names[quality] = f"{QUALITIES[quality]} in validation"
    points = {key: [(row["epoch"], row.get(key)) for row in history] for key in names}
    columns = {key: np.array(points[key], float).reshape(-1, 2) for key in names}
    steps, every = _average(losses), 1 + len(history) // _MOST_MARKS
    known = [steps, columns["loss"], columns["validation_loss"]]
    top = 1.05 * max((part[:, 1].max() for part in known if len(part)), default=0.95)
    end = _choose_end(max([len(history), *(done for done, _ in losses[-1:])]), epochs)
    best, drawn, (wide, narrow) = find_best(history), [], _WIDTHS
    loss = (Diagram(wide, _HEIGHT, end, top), "loss", ("loss", "validation_loss"))
    for diagram, label, keys in (loss, (Diagram(narrow, _HEIGHT, end, 1.02), "score", (quality,))):
        parts, entries = [diagram.draw_scales("epoch", label, counts=True)], []
        if marked is not None:
            parts.append(diagram.draw_upright(marked, "2 2"))
        if label == "loss" and len(steps):
            parts.append(diagram.draw_line(steps, _STEPS, thickness=1))
            entries.append(("single steps", _STEPS))
        for key in keys:
            style = LINES[key != "loss"]
            parts.append(diagram.draw_line(columns[key], style, every))
            entries.append((names[key], style))
        if best and best.get(keys[-1]) is not None:
            parts.append(diagram.draw_point(best["epoch"], best[keys[-1]], _BEST, 8))
            entries.append(("best epoch", _BEST))
        drawn.append("".join([*parts, svg.draw_key(entries)]))
    content = f"{drawn[0]}{_move(drawn[1], wide, 0)}"
    return wrap_svg(content, sum(_WIDTHS), _HEIGHT, describe_curves(history))


def describe_curves(history: Sequence[Mapping[str, Any]]) -> str:
    """What `draw_curves` shows, in words."""
    if not history:
        return "Loss of training and validation: no epoch is finished yet."
    last, best = history[-1], find_best(history)
    losses = f"training {last['loss']:.3g}, validation {last['validation_loss']:.3g}"
    text = f"Loss of training and validation over {count(len(history), 'epoch')}: {losses} in the "
    text += f"last one. Best epoch: {best['epoch'] if best else 'none'}. "
    return text + describe_history(history)


def _choose_end(done: float, epochs: int) -> float:
    """The end of the scale: all epochs wanted; 10, 20, 40, … where that is far away."""
    end = 10
    while end < 1.25 * done:
        end *= 2
    return max(1, done, min(end, epochs))


def _average(points: Sequence[tuple[float, float]]) -> np.ndarray:
    """Means of successive points, few enough to be drawn quickly, (n, 2) float."""
    every = -(-len(points) // _MOST_STEPS) or 1
    parts = [np.mean(points[n : n + every], axis=0) for n in range(0, len(points), every)]
    return np.array(parts, float).reshape(-1, 2)


def draw_example(picture: EpochPicture) -> str:
    """What the network of an epoch answers to its example, as SVG."""
    return _draw_patch(picture) if picture.network == "position" else _draw_crops(picture)


def describe_example(picture: EpochPicture) -> str:
    """What `draw_example` shows, in words."""
    answers, targets = picture.answers, picture.targets
    if picture.network == "position":
        patch = f"A slice of a patch with {len(picture.positions)} annotated nuclei"
        found = f"the prediction after epoch {picture.epoch}, at most {answers.max():.2f}"
        return f"{patch}: image, target, and {found}."
    right = int(((answers > 0.5) == (targets > 0.5)).sum())
    pairs = zip(targets, answers, strict=True)
    said = "; ".join(f"{_name_answer(picture, target)}: {answer:.2f}" for target, answer in pairs)
    counted = f"{right} of {len(targets)} crops are right at 0.5"
    return f"After epoch {picture.epoch}, {counted}. {said}."


def _name_answer(picture: EpochPicture, target: float) -> str:
    return _ANSWERS[picture.network][int(target > 0.5)]


def _draw_patch(picture: EpochPicture) -> str:
    """Image, target and prediction side by side; circles where the nuclei are."""
    size_um = np.array(picture.images.shape[2:]) * picture.spacing_um
    height, width = _PANEL * size_um / size_um.max()
    centres = (picture.positions + 0.5) / picture.images.shape[2:] * (height, width)
    ring = f'r="7" fill="none" stroke="{COLOURS["sky blue"]}" stroke-width="1.5"'
    rings = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" {ring}/>' for y, x in centres)
    panels = {
        "image": picture.images[0, 0],
        "target: the right answer": svg.colour_heat(picture.targets[0]),
        f"prediction after epoch {picture.epoch}": svg.colour_heat(picture.answers[0]),
    }
    parts = []
    for number, (name, pixels) in enumerate(panels.items()):
        bar = "" if number else draw_bar(size_um[1], width, height)
        content = f"{_write(name, -6)}{draw_image(pixels, width, height)}{rings}{bar}"
        parts.append(_move(content, round(number * (width + 12)), 20))
    words = "Circles: annotated nuclei. Dark is probability 0, bright is 1; the highest here is"
    parts.append(_write(f"{words} {picture.answers.max():.2f}.", round(height + 38)))
    return wrap_svg("".join(parts), 3 * width + 24, height + 46, describe_example(picture))


def _draw_crops(picture: EpochPicture) -> str:
    """Each crop above its right answer and the network's."""
    views, columns = picture.images.shape[1], []
    examples = zip(picture.images, picture.targets, picture.answers, strict=True)
    for number, (images, target, answer) in enumerate(examples):
        parts = [draw_image(image, _CROP, _CROP) for image in images]
        parts.append(_draw_answer(_name_answer(picture, target), target > 0.5, float(answer)))
        moved = "".join(_move(part, 0, row * (_CROP + 4)) for row, part in enumerate(parts))
        columns.append(_move(moved, number * (_CROP + 22), 22))
    words = f"after epoch {picture.epoch}; the bar is the probability that the network gives"
    if views == 2:
        words += "; above the earlier nucleus, below the later one"
    content = _write(f"What the network answers {words}", 12) + "".join(columns)
    width, height = max(620, len(columns) * (_CROP + 22)), views * (_CROP + 4) + 84
    return wrap_svg(content, width, height, describe_example(picture))


def _draw_answer(name: str, target: bool, answer: float) -> str:
    """The right answer in words, the probability as a bar, and whether they agree."""
    right = (answer > 0.5) == target
    colour, word = (COLOURS["blue"], "✓ right") if right else (COLOURS["vermillion"], "✗ wrong")
    return (
        f'{_write(name, 12, 11)}<rect y="19" width="{_CROP}" height="9" fill="none" '
        f'stroke="#767676"/><rect y="19" width="{_CROP * answer:.1f}" height="9" fill="{colour}"/>'
        f'<path d="M{_CROP / 2} 17v13" stroke="{INK}"/>{_write(f"{answer:.2f} {word}", 43, 11)}'
    )


def _write(text: str, y: float, size: int = 12) -> str:
    return f'<text y="{y}" font-size="{size}" fill="{INK}">{text}</text>'


def _move(content: str, x: float, y: float) -> str:
    return f'<g transform="translate({x} {y})">{content}</g>'
