"""An option that would do nothing, or that cannot be meant, is refused: none is corrected in silence."""

import json
from pathlib import Path

import pytest

from organoid_kit import cli
from organoid_kit.base.errors import UserError
from organoid_kit.cli import main
from organoid_kit.cli.files import select_time_points
from organoid_kit.data.formats import write_annotations

TABLE = json.loads(Path(cli.__file__).with_name("commands.json").read_text())
COMMON = TABLE.pop("common")
OPTIONS = {
    (command, flags): stated or COMMON[flags]
    for command, table in TABLE.items()
    for flags, stated in table["options"].items()
}


def list_flags(command):
    return {flags for own, flags in OPTIONS if own == command}


def type_command(command, *words):
    """With what is required, and no more."""
    needed = []
    for flags in list_flags(command):
        facts = OPTIONS[command, flags]
        if flags[0] != "-" and facts.get("nargs") not in ("?", "*"):
            needed.append("x")
        elif facts.get("required"):
            needed += [flags.split()[-1], "x"]
    return [command, *needed, *words]


def find_needed(command, flag):
    names = {
        flags.split()[-1].removeprefix("--").replace("-", "_") for flags in list_flags(command)
    }
    return names & set(OPTIONS[command, flag].get("needs", ()))


@pytest.mark.parametrize(("command", "flag"), [key for key in OPTIONS if find_needed(*key)])
def test_an_option_without_what_it_acts_on_is_refused(command, flag, capsys):
    if TABLE[command]["options"].get("movies", {}).get("nargs") == "+":
        if find_needed(command, flag) == {"movies"}:
            return  # they are always there
    if any(
        "=" in name and OPTIONS[command, "--" + name.partition("=")[0]]["default"] in name
        for name in find_needed(command, flag)
    ):
        return  # what is usual; below with what is not
    facts = OPTIONS[command, flag]
    value = [] if facts.get("action") else [facts.get("choices", ["1"])[0]]
    assert main(type_command(command, flag, *value)) == 2
    said = capsys.readouterr().err
    assert f"Received: {flag} without" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["export", "x", "-o", "y", "--planes", "3", "--to", "bioimageio"], "--planes"),
        (["export", "x", "-o", "y", "--spacing", "2,1,1", "--to", "bioimageio"], "--spacing"),
        (["export", "x", "-o", "y", "--spacing", "2,1,1", "--author", "Ada"], "--author"),
        (["demo", "--networks", "shipped", "--epochs", "3"], "--epochs"),
        (["score", "x.autlist", "y", "--units", "um"], "--units"),
    ],
)
def test_options_that_do_nothing_together_are_refused(words, option, capsys):
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"Received: {option} without " in said


def test_a_training_of_no_epochs_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--epochs", "0"]) == 2
    assert "The setting epochs must be 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("ends", [(2, 1), (50, 60), (-5, -1)])
def test_time_points_that_are_not_there_are_refused(ends, lineage):
    with pytest.raises(UserError, match=r"Time points go from the first to the last.* 1 to 3"):
        select_time_points(lineage, *ends)


def test_scores_of_other_time_points_are_refused(lineage, tmp_path, capsys):
    write_annotations(lineage, tmp_path / "a.aut")
    files = [str(tmp_path / "a.aut")] * 2
    assert main(["score", *files, "--time-points", "7", "9"]) == 2
    assert "Choose others" in capsys.readouterr().err
    assert main(["score", *files, "--time-points", "1", "9"]) == 0
