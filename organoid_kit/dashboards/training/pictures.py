"""Pictures of a training as SVG text: its curves, and what the network answers to its example."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from organoid_kit.dashboards.parts import common, svg
from organoid_kit.plots.curves import ANSWERS, collect_values, describe_example, describe_losses
from organoid_kit.plots.drawing import COLOURS, LINES, Mark
from organoid_kit.training import EpochPicture, History, describe_history, runs

Losses = Sequence[tuple[float, float]]  # epochs done, loss
_HEIGHT, _WIDTHS = 280, (610, 430)  # of the two diagrams
_EARLIER = {"color": COLOURS["sky blue"], "linestyle": "-", "linewidth": 0.8, "marker": ""}
_STEPS = {"color": "#b5b5b5", "linestyle": "-", "linewidth": 1, "marker": ""}
_BEST = {"color": COLOURS["black"], "linestyle": "", "marker": "*", "fill": common.PAPER}
_NUCLEUS = Mark("annotated nucleus", "o", "sky blue")
_MOST_STEPS = 200  # points of the line of single steps; more are averaged
_MOST_MARKS = 40  # on a line
_PANEL, _CROP = 200, 84  # longest side of a picture of a patch, and side of a crop


def draw_curves(
    history: History,
    losses: Losses = (),
    *,
    epochs: int = 1,
    marked: int | None = None,
    earlier: Sequence[History] = (),
) -> str:
    """Losses of training and validation, and the quality in validation, as SVG.

    `history` is that of `Run.history`; `losses` are those of single steps. So many `epochs` are
    wanted: where that is far away yet, the diagrams end before. Behind lie `earlier` runs, paler.
    """
    measured = [key for key in runs.QUALITIES if any(row.get(key) is not None for row in history)]
    quality = (measured or ["validation_f1"])[0]
    names = {"loss": "training", "validation_loss": "validation"}
    names[quality] = f"{runs.QUALITIES[quality]} in validation"
    columns = {key: collect_values(history, key) for key in names}
    many = -(-len(losses) // _MOST_STEPS) or 1  # means of so many steps are few enough to draw
    steps = [np.mean(losses[n : n + many], axis=0) for n in range(0, len(losses), many)]
    steps, every = np.array(steps, float).reshape(-1, 2), 1 + len(history) // _MOST_MARKS
    judged = [collect_values(each, "validation_loss") for each in (history, *earlier)]
    known = [steps, columns["loss"], *judged]
    top = 1.05 * max((part[:, 1].max() for part in known if len(part)), default=0.95)
    done = max([1, len(history), *(done for done, _ in losses[-1:])])
    # All epochs wanted; where that is far away, 10, 20, 40, …
    end = max(done, min(epochs, 10 * 2 ** max(0, int(np.ceil(np.log2(done / 8))))))
    loss = (_WIDTHS[0], top, "loss", ("loss", "validation_loss"))
    best, drawn = runs.find_best(history), []
    for width, highest, label, keys in (loss, (_WIDTHS[1], 1.02, "score", (quality,))):
        ranges, labels = ((0, end), (0, highest)), ("epoch", label)
        diagram = svg.Diagram((width, _HEIGHT), *ranges, labels, integer=True)
        if marked is not None:
            diagram.add_upright(marked, "2 2")
        for number, each in enumerate(earlier):
            shown = collect_values(each[:end], keys[-1])
            diagram.add_line(shown, _EARLIER, "" if number else "earlier runs")
        if label == "loss" and len(steps):
            diagram.add_line(steps, _STEPS, "single steps")
        for key in keys:
            diagram.add_line(columns[key], LINES[key != "loss"], names[key], every)
        if best and best.get(keys[-1]) is not None:
            diagram.add_point(best["epoch"], best[keys[-1]], _BEST, 8, "best epoch")
        drawn.append(svg.wrap_svg(diagram.draw(), width, _HEIGHT, label))
    words = f"{describe_losses(history, quality)} {describe_history(history)}"
    return common.render("side_by_side.html", pictures=drawn, words=words)


def draw_example(picture: EpochPicture) -> str:
    """What the network of an epoch answers to its example, as SVG."""
    if picture.network == "position":
        rows, side = [_make_patch_panes(picture)], _PANEL
        heading = "Circles: annotated nuclei. Dark is probability 0, bright is 1; the highest is "
        heading += f"{picture.answers.max():.2f}."
    else:
        words = "the bar is the probability that the network gives"
        rows, side = list(zip(*_make_crop_panes(picture), strict=True)), _CROP
        heading = f"What the network answers after epoch {picture.epoch}; {words}"
        heading += "; above the earlier nucleus, below the later one" * (len(rows) == 2)
    return svg.draw_panes(rows, describe_example(picture), side, heading)


def _make_patch_panes(picture: EpochPicture) -> list[svg.Pane]:
    """Image, target and prediction side by side; circles where the nuclei are."""
    rings = (svg.Points(_NUCLEUS, (picture.positions + 0.5) * picture.spacing_um),)
    panels = {
        "image": picture.images[0, 0],
        "target: the right answer": svg.colour_heat(picture.targets[0]),
        f"prediction after epoch {picture.epoch}": svg.colour_heat(picture.answers[0]),
    }
    return [
        svg.Pane(name, pixels, picture.spacing_um, rings, bar=name == "image")
        for name, pixels in panels.items()
    ]


def _make_crop_panes(picture: EpochPicture) -> Iterator[list[svg.Pane]]:
    """The views of each crop, with the right answer above and the network's below."""
    for images, target, answer in zip(picture.images, picture.targets, picture.answers):
        right = (answer > 0.5) == (target > 0.5)
        note = f"{answer:.2f} {'✓ right' if right else '✗ wrong'}"
        share = (float(answer), COLOURS["blue" if right else "vermillion"])
        panes = [svg.Pane("", image, picture.spacing_um) for image in images]
        panes[0] = replace(panes[0], title=ANSWERS[picture.network][int(target > 0.5)])
        panes[-1] = replace(panes[-1], note=note, share=share)
        yield panes
