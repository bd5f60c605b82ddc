"""Makes the film of README.md and notebook 00: the bundled test movie, tracked by the three shipped networks.

    python docs/make_film.py        # docs/pictures/film.gif

The networks were not trained on this movie. The organoid sways as it grows, so that its depth shows; each family,
a nucleus with all its descendants, has one colour, and a tail says where its nuclei were.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import affine_transform, zoom

from organoid_kit import read_dataset
from organoid_kit.data import Annotations
from organoid_kit.plots.drawing import COLOURS
from organoid_kit.plots.lineages import number_lineages
from organoid_kit.prediction import track_movie

ROOT = Path(__file__).parents[1]
CHANNELS = (2, 3)
FRAMES_PER_TIME_POINT = 3
MILLISECONDS = 120  # a frame is shown
SIZE, DRAWN = 320, 640  # pixels of the film, and of what is drawn and then made smaller
SIDE_UM = 48.0
TAIL = 4.0  # time points
SWAY = 55.0  # degrees
FAMILIES = [
    COLOURS[name] for name in ("orange", "sky blue", "green", "yellow", "vermillion", "purple")
]
LIGHT, DARK = np.array([96, 112, 150]), np.array([6, 9, 20])


def make_palette() -> Image.Image:
    """The colours of the film: 14 of nuclei, and of each family four that fade."""
    shades = [DARK + LIGHT * share for share in np.linspace(0, 1, 14)]
    bright = [np.array(fade(colour, 1)[:3]) for colour in FAMILIES]
    faded = [DARK + (colour - DARK) * share for colour in bright for share in (1, 0.8, 0.6, 0.4)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.array([[0, 0, 0], *shades, *faded]).astype("uint8").tobytes())
    return palette


def turn(angle: float) -> np.ndarray:
    """The rotation about y that brings z, y, x in µm to what is seen: depth, down, right."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])


def project(stack: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """The brightest along the line of sight of a stack with voxels of 1 µm, (y, x) 0..1."""
    size = np.array([int(SIDE_UM)] * 3)
    offset = (np.array(stack.shape) - 1) / 2 - rotation.T @ ((size - 1) / 2)
    return affine_transform(stack, rotation.T, offset, tuple(size), order=1).max(axis=0)


def place(positions_um: np.ndarray, middle_um: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Depth in µm, and pixels down and right, of positions, (n, 3) zyx."""
    seen = (positions_um - middle_um) @ rotation.T
    return seen * [1, DRAWN / SIDE_UM, DRAWN / SIDE_UM] + [0, DRAWN / 2, DRAWN / 2]


def fade(colour: str, share: float) -> tuple[int, int, int, int]:
    """A colour such as #e69f00 with so much opacity, 0..1."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue, round(255 * max(0.0, min(1.0, share)))


def draw_frame(stack, tracks: Annotations, moment: float, middle_um, rotation) -> Image.Image:
    """One picture of the film, at a moment between two time points."""
    light = np.clip(project(stack, rotation) * 1.06 - 0.06, 0, 1) ** 0.8
    grey = Image.fromarray((light[..., None] * LIGHT + DARK).astype("uint8"))
    picture = grey.resize((DRAWN, DRAWN), Image.Resampling.BICUBIC).convert("RGBA")
    layer = Image.new("RGBA", picture.size)
    draw, families = ImageDraw.Draw(layer), number_lineages(tracks)
    seen, times = place(tracks.positions_um, middle_um, rotation), tracks.time_points
    order = sorted(tracks.links, key=lambda link: times[link[0]])
    for source, target in order:
        begin, part = times[source], np.clip(moment - times[source], 0, 1)
        age = moment - begin - part
        if begin >= moment or age >= TAIL:
            continue
        end = seen[source] + part * (seen[target] - seen[source])
        colour = fade(FAMILIES[families[target] % len(FAMILIES)], 0.95 * (1 - age / TAIL))
        draw.line([*seen[source][:0:-1], *end[:0:-1]], fill=colour, width=11)
        if part < 1 or moment == times[target]:
            draw_nucleus(draw, end, fade(FAMILIES[families[target] % len(FAMILIES)], 1))
    if moment == times.min():
        for row in np.flatnonzero(times == moment):
            draw_nucleus(draw, seen[row], fade(FAMILIES[families[row] % len(FAMILIES)], 1))
    return (
        Image.alpha_composite(picture, layer)
        .convert("RGB")
        .resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    )


def draw_nucleus(draw: ImageDraw.ImageDraw, seen: np.ndarray, colour: tuple[int, ...]) -> None:
    """A disc with a dark rim, smaller if it is farther away."""
    radius = 13 * (1 - seen[0] / 120)
    x, y = seen[:0:-1]
    draw.ellipse(
        [x - radius, y - radius, x + radius, y + radius], fill=colour, outline="black", width=3
    )


def make_film(path: Path) -> None:
    """Tracks the movie, draws all frames and writes the film."""
    [sample] = read_dataset(ROOT / "data_samples" / "test.autlist")
    movie = sample.movie
    names = (f"{kind}_small" for kind in ("position", "division", "link"))
    tracks = track_movie(movie, *names, channels=CHANNELS).tracks
    stacks = []
    for time in movie.time_points:
        stack = zoom(movie.stack(time, CHANNELS).astype(np.float32), movie.spacing_um, order=1)
        low, high = np.quantile(stack, [0.1, 0.999])
        stacks.append((stack - low) / (high - low))
    middle_um = (np.array(stacks[0].shape) - 1) / 2
    count = (len(stacks) - 1) * FRAMES_PER_TIME_POINT + 1
    frames = []
    for number in range(count):
        moment = movie.time_points[0] + number / FRAMES_PER_TIME_POINT
        before, part = divmod(number / FRAMES_PER_TIME_POINT, 1)
        later = stacks[min(int(before) + 1, len(stacks) - 1)]
        stack = (1 - part) * stacks[int(before)] + part * later
        rotation = turn(np.deg2rad(SWAY) * np.sin(2 * np.pi * number / count))
        frames.append(draw_frame(stack, tracks, moment, middle_um, rotation))
    colours = make_palette()
    small = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    pauses = [MILLISECONDS] * (count - 1) + [1500]
    small[0].save(
        path, save_all=True, append_images=small[1:], duration=pauses, loop=0, optimize=True
    )
    print(
        f"{path.name}: {count} frames, {path.stat().st_size / 1e6:.2f} MB, {len(tracks)} positions"
    )


if __name__ == "__main__":
    make_film(ROOT / "docs" / "pictures" / "film.gif")
