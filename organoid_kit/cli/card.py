"""`card`: a network with its model card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from organoid_kit.cli.options import add_command
from organoid_kit.cli.shared import load_keras


def add_options(commands: Any) -> None:
    """The command `card` and its options."""
    text = "Put a network into a folder with its model card: what it is for, and what is known about it."
    parser = add_command(commands, "card", _card, text)
    parser.add_argument(
        "network",
        help="a run, which knows its data and scores; a network's folder or shipped network",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--author", default="", help="whose network it is")
    license_help = "of the network, such as CC-BY-4.0; else the card says that there is none"
    parser.add_argument("--license", default="", help=license_help)


def _card(options: argparse.Namespace) -> None:
    """Writes the folder."""
    load_keras()
    from organoid_kit.report.model_card import write_model_card

    folder = write_model_card(
        options.network, options.output, author=options.author, license=options.license
    )
    print(f"Card: {folder / 'README.md'}")
