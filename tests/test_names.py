"""What a user calls things is text: in figures, Markdown, pages, file names and apps."""

import dataclasses
import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

import organoid_kit
from organoid_kit.base.errors import UserError
from organoid_kit.base.files import make_file_name, write_text_safely
from organoid_kit.base.settings import make_settings
from organoid_kit.course.figures import plot_fits, plot_losses
from organoid_kit.dashboards import EpochExplorer
from organoid_kit.dashboards.parts.common import Messages, show_app
from organoid_kit.networks.building import build_network
from organoid_kit.networks.saving import save_network
from organoid_kit.plots.curves import plot_annotation_counts, plot_history
from organoid_kit.plots.drawing import draw_panels, write_png
from organoid_kit.plots.images import plot_channels, plot_problems
from organoid_kit.report.model_card import write_model_card
from organoid_kit.training.runs import make_run
from training_helpers import make_blobs

ROW = {"epoch": 1, "loss": 1.0, "validation_loss": 1.0, "best": True, "seconds": 1}
NAMES = [
    "costs $5 and $6",
    "$\\frac$",
    "$\\mathdefault{\\frac$",
    "_$x$",
    "<b>*a* | [b](c) `d` & #e ~~f~~",
    "- \\",
    "../../etc \n x",
]
each_name = pytest.mark.parametrize("name", NAMES)


def name_blobs(name):
    blobs = make_blobs()
    movie = dataclasses.replace(blobs.movie, name=name, channel_names=(name,))
    annotations = dataclasses.replace(blobs.annotations, name=name)
    return dataclasses.replace(blobs, movie=movie, annotations=annotations)


@each_name
def test_names_stand_in_figures_and_their_legends_as_they_are(name):
    """Of two $ matplotlib would make a formula; what begins with _ it would leave out of a legend."""
    blobs, curve = name_blobs(name), np.arange(3.0)
    figures = [
        plot_annotation_counts([blobs]),
        plot_history([ROW], {name: [ROW]}, title=name),
        plot_fits((curve, curve), {name: (curve, curve)}, labels=(name, name), title=name),
        plot_losses({name: 1000.0**-curve}),
    ]
    for figure in figures:
        write_png(figure)
        legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
        said = [text.get_text() for legend in legends if legend for text in legend.get_texts()]
        assert any(text.strip() == name.strip() for text in said)
    write_png(plot_channels(blobs.movie, 0, [(1,)]))
    write_png(plot_problems(blobs.movie, blobs.annotations, [], 0))


def test_every_figure_is_one_in_which_text_is_no_formula():
    for path in Path(organoid_kit.__file__).parent.rglob("*.py"):
        made = re.findall(r"pyplot|(?<!\w)Figure\((?!\):)", path.read_text("utf-8"))
        assert made == ["Figure("] * (path.name == "drawing.py") or not made, path


def test_powers_of_ten_on_an_axis_stay_powers():
    figure, axes = draw_panels()
    axes.plot([1, 1e6])
    axes.set_yscale("log")
    write_png(figure)
    shown = [label for label in axes.get_yticklabels() if label.get_text()]
    assert shown and all(label.get_parse_math() for label in shown)


@each_name
def test_names_in_a_card_are_no_markdown(tmp_path, name):
    markdown = pytest.importorskip("markdown_it")
    settings = make_settings("position", output_folder=str(tmp_path / "runs"))
    run = make_run(settings, [name_blobs(name)], [make_blobs(1)])
    save_network(build_network(settings), settings, run.network_folder)
    (run.folder / "history.json").write_text(json.dumps([ROW]))
    card = write_model_card(run.folder, tmp_path / "card", author=name, license="CC-BY-4.0")
    read = markdown.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    page = read.render((card / "README.md").read_text("utf-8"))
    text = " ".join(name.split())
    cells = [html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", page)]
    assert text in cells and cells[0] == text
    assert f"<p>{html.escape(text)}. CC-BY-4.0.</p>" in page.replace("&quot;", '"')
    assert f"of {html.escape(text)}." in page.replace("\n", " ")  # what it learned from


@pytest.mark.parametrize("name", [*NAMES, "con", "NUL.aut", "é" * 300, "\U0001f9eb" * 99, "..", ""])
def test_every_name_makes_a_file_in_its_folder(tmp_path, name):
    made = make_file_name(name)
    path = tmp_path / f"{made}-checked-2.autlist"
    write_text_safely(path, "here")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert made == make_file_name(made) and made.split(".")[0].lower() not in ("con", "nul")


def test_what_an_app_cannot_show_stands_on_its_page(tmp_path):
    """Voila would show a server error; here a run that was stopped in its first epoch."""
    said = show_app(lambda: EpochExplorer(tmp_path))
    assert isinstance(said, Messages) and "once an epoch is finished" in said.value
    with pytest.raises(UserError):
        EpochExplorer(tmp_path)
    assert show_app(Messages).value == ""
    broken = show_app(lambda: {}["no such key"])
    assert "KeyError" in broken.value
