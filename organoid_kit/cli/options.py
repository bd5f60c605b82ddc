"""What can be typed: `commands.json`, as a parser."""

import json
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

READING = ("axes", "spacing_um", "pattern", "accept_guess")  # as `read_timelapse` names them


def add_commands(parser: ArgumentParser) -> None:
    """All commands. What is not typed is not passed: defaults are those of the functions."""
    specifications = json.loads(Path(__file__).with_name("commands.json").read_text("utf-8"))
    common = specifications.pop("common")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in specifications.items():
        text = command["help"]
        added = commands.add_parser(name, help=text, description=text, argument_default=SUPPRESS)
        exclusive = None
        for flags, stated in command["options"].items():
            facts = dict(stated or common[flags])
            group = added
            if facts.pop("exclusive", False):
                group = exclusive = exclusive or added.add_mutually_exclusive_group()
            group.add_argument(*flags.split(), **_as_argparse_wants(facts))


def _as_argparse_wants(facts: dict[str, Any]) -> dict[str, Any]:
    """JSON has neither types nor tuples."""
    types = {"path": Path, "int": int, "float": float}
    types |= {"numbers": _parse_numbers, "lengths": _parse_lengths}
    if "type" in facts:
        facts["type"] = types[facts["type"]]
    if isinstance(facts.get("metavar"), list):
        facts["metavar"] = tuple(facts["metavar"])
    return facts


def _parse_numbers(text: str) -> tuple[int, ...]:
    """2,3 → (2, 3)."""
    try:
        return tuple(map(int, text.split(",")))
    except ValueError:
        message = f"whole numbers are needed, such as 2,3; received {text!r}"
        raise ArgumentTypeError(message) from None


def _parse_lengths(text: str) -> tuple[float, ...]:
    """2,0.5,0.5 → (2.0, 0.5, 0.5)."""
    try:
        z, y, x = map(float, text.split(","))
        return z, y, x
    except ValueError:
        message = f"three lengths are needed, such as 2,0.5,0.5; received {text!r}"
        raise ArgumentTypeError(message) from None


def spell_option(name: str) -> str:
    """batch_size → --batch-size."""
    flags = {"output_folder": "output", "patch_shape_zyx": "patch", "spacing_um": "spacing"}
    return f"--{flags.get(name, name).replace('_', '-')}"


def spell_options(**options: object) -> list[str]:
    """Options as one types them, without those that are None or False."""
    words = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append(spell_option(name))
        if value is not True:
            words.append(",".join(map(str, value)) if isinstance(value, tuple) else str(value))
    return words
