"""Options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

CHANNELS_HELP = "with nuclei, from 1, such as 2,3 (summed); needed where a movie has several"


def add_command(commands: Any, name: str, command: Callable, text: str) -> argparse.ArgumentParser:
    """A command, and the parser that takes its options."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command)
    return parser


def add_time_point_offset(parser: argparse.ArgumentParser) -> None:
    """Where the frames of an .xml begin."""
    help_text = "time point of frame 0 of an .xml (0), where the movie counts from another number"
    parser.add_argument("--time-point-offset", type=int, default=0, metavar="N", help=help_text)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """What files may not say."""
    parser.add_argument("--axes", help="of the images, such as tzyx; else as the files say")
    parser.add_argument(
        "--spacing", dest="spacing_um", type=parse_lengths, metavar="Z,Y,X", help="µm per voxel"
    )
    parser.add_argument(
        "--pattern", help="of the files in a folder, such as im_t{time:03}c{channel}.tif"
    )
    parser.add_argument(
        "--accept-guess", action="store_true", help="take what neither files nor you say as guessed"
    )


def reading_options(options: argparse.Namespace) -> dict[str, Any]:
    """What `read_timelapse` is told beyond the path."""
    stated = {
        key: getattr(options, key)
        for key in ("axes", "spacing_um", "pattern")
        if getattr(options, key)
    }
    return stated | ({"accept_guess": True} if options.accept_guess else {})


def parse_numbers(text: str) -> tuple[int, ...]:
    """2,3 → (2, 3)."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"whole numbers are needed, such as 2,3; received {text!r}"
        ) from None


def parse_lengths(text: str) -> tuple[float, ...]:
    """2,0.5,0.5 → (2.0, 0.5, 0.5)."""
    try:
        z, y, x = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"three lengths are needed, such as 2,0.5,0.5; received {text!r}"
        ) from None
    return z, y, x
