"""The command line: `python -m organoid_kit`. Thin wrappers around what the notebooks call.

Its modules, in the order of use:

    commands.json   what can be typed, and what --help says; a parser is made of it here
    check  dataset  train  predict  track  score  convert  view  demo    a command each
    units           `track` with several processes
    sweep           a training for each point of a grid
    runs            the small ones: runs, report, card, export
    files           movies and annotations that were named, and where results go

Keras is loaded only by the commands that need it, so that `--help` comes at once.
"""

import json
import re
import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

from organoid_kit import __version__
from organoid_kit.base import UserError, refuse_if

# As `read_dataset` names them
READING = ("axes", "spacing_um", "pattern", "accept_guess", "nucleus_diameter_um")
READING += ("whole_image", "scattered")
_ARGUMENT = re.compile(
    rf"""(, )?\b({"|".join(READING)}|units|overwrite)=(True|"\w+"|\([^)]*\)|[\d.]*\d)"""
)
_OF_RUNS = ("report", "card", "export")  # stand in the module `runs`


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Exit codes: 0 well, 1 errors in annotations, 2 to mend, 130 interrupted."""
    options = vars(build_parser().parse_args(arguments))
    name, needs = options.pop("command"), options.pop("needs")
    given = {text for key, value in options.items() if value for text in (key, f"{key}={value}")}
    try:
        for option, others in needs.items():  # without them it would do nothing
            names = {"option": spell_option(option), "others": " or ".join(others)}
            refuse_if(option in options and given.isdisjoint(others), "option needs", **names)
        module = import_module(f"organoid_kit.cli.{'runs' if name in _OF_RUNS else name}")
        return getattr(module, name)(**options) or 0
    except UserError as error:
        print(f"Error: {spell_advice(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. Nothing was left half written.", file=sys.stderr)
        return 130


def build_parser() -> ArgumentParser:
    """All commands. What is not typed is not passed: defaults are those of the functions."""
    description = "Follow nuclei in movies of organoids."
    parser = ArgumentParser(prog="python -m organoid_kit", description=description)
    parser.add_argument("--version", action="version", version=f"organoid_kit {__version__}")
    specifications = json.loads(Path(__file__).with_name("commands.json").read_text("utf-8"))
    common = specifications.pop("common")
    types = {"path": Path, "int": int, "float": float}
    types |= {"numbers": partial(_parse, int), "lengths": partial(_parse, float)}
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in specifications.items():
        text = command["help"]
        added = commands.add_parser(name, help=text, description=text, argument_default=SUPPRESS)
        exclusive, needs = None, {}
        for flags, stated in command["options"].items():
            facts = dict(stated or common[flags])
            if "type" in facts:  # JSON has neither types nor tuples
                facts["type"] = types[facts["type"]]
            if isinstance(facts.get("metavar"), list):
                facts["metavar"] = tuple(facts["metavar"])
            group = added
            if facts.pop("exclusive", False):
                group = exclusive = exclusive or added.add_mutually_exclusive_group()
            needed = facts.pop("needs", ())
            needs[group.add_argument(*flags.split(), **facts).dest] = needed
        here = ((name, [n for n in needs[name] if n.partition("=")[0] in needs]) for name in needs)
        added.set_defaults(needs={name: others for name, others in here if others})
    return parser


def _parse(kind: type, text: str) -> tuple:
    """2,3 → (2, 3), whole numbers, or 2,0.5,0.5 → (2.0, 0.5, 0.5), three lengths."""
    needed = {int: "whole numbers are needed, such as 2,3"}
    needed[float] = "three lengths are needed, such as 2,0.5,0.5"
    with suppress(ValueError):
        numbers = tuple(map(kind, text.split(",")))
        if kind is int or len(numbers) == 3:
            return numbers
    raise ArgumentTypeError(f"{needed[kind]}; received {text!r}")


def spell_option(name: str) -> str:
    """batch_size → --batch-size."""
    flags = {"output_folder": "output", "patch_shape_zyx": "patch"}
    return f"--{flags.get(name, name.removesuffix('_um')).replace('_', '-')}"


def spell_advice(text: str) -> str:
    """Pass axes="zyx", accept_guess=True → Pass --axes zyx --accept-guess."""
    for comma, name, value in _ARGUMENT.findall(text):
        typed = value.strip('"()').replace(", ", ",")
        words = [""] * bool(comma) + spell_options(**{name: value == "True" or typed})
        text = text.replace(f"{comma}{name}={value}", " ".join(words), 1)
    return text


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
