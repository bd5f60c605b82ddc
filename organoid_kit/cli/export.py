"""`export`: a network for OrganoidTracker."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from organoid_kit.cli.options import add_command, parse_lengths
from organoid_kit.cli.shared import load_keras


def add_options(commands: Any) -> None:
    """The command `export` and its options."""
    parser = add_command(
        commands, "export", _export, "Write a network for OrganoidTracker: a model folder."
    )
    parser.add_argument(
        "network", help="a network's folder, a run, or the name of a shipped network"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    spacing_help = "µm per voxel of the movies that OrganoidTracker will show the network"
    parser.add_argument(
        "--spacing", type=parse_lengths, required=True, metavar="Z,Y,X", help=spacing_help
    )
    parser.add_argument(
        "--planes",
        type=int,
        default=30,
        help="of these movies, at most (30); position networks only",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export")


def _export(options: argparse.Namespace) -> None:
    """Writes the folder, and says where what to set is written."""
    load_keras()
    from organoid_kit.networks.export import export_to_organoidtracker

    spacing, planes = options.spacing, options.planes
    folder = export_to_organoidtracker(
        options.network,
        options.output,
        spacing_um=spacing,
        planes=planes,
        overwrite=options.overwrite,
    )
    print(f"OrganoidTracker's model_folder: {folder}\nWhat to set there: {folder / 'README.txt'}")
