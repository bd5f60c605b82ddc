"""`view`: what is shown, and to whom."""

import json
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.cli import main, view
from organoid_kit.data.dataset import AnnotatedMovie, write_dataset
from organoid_kit.data.formats import write_annotations
from organoid_kit.data.timelapse import make_timelapse, read_timelapse, write_timelapse


@pytest.fixture
def movie(tmp_path):
    images = np.random.default_rng(1).integers(0, 99, (4, 2, 8, 32, 32)).astype(np.uint16)
    path = tmp_path / "a movie.ome.tif"
    write_timelapse(make_timelapse(images, (2.0, 0.5, 0.5), channel_names=("a", "b")), path)
    return path


@pytest.fixture
def served(monkeypatch):
    """The command that would serve the page, and the code in it."""
    app = pytest.importorskip("voila.app", reason="voila, an extra, is not installed")
    served = {}

    def launch(command):
        notebook = json.loads(Path(command[0]).read_text("utf-8"))
        served.update(command=command, code=notebook["cells"][0]["source"])

    monkeypatch.setattr(app.Voila, "launch_instance", launch)
    return served


def test_the_page_shows_the_movie_with_its_tracks(movie, lineage, tmp_path, monkeypatch, served):
    write_annotations(lineage, tmp_path / "tracks.csv")
    monkeypatch.chdir(tmp_path)  # the page's kernel runs in another folder
    assert main(["view", movie.name, "tracks.csv", "--channels", "2"]) == 0
    monkeypatch.chdir("/")
    shown = {}
    exec(f"{served['code'].replace('make_browser(**', 'browser = make_browser(**')}", shown)
    browser = shown["browser"]
    assert len(browser.layers["tracks"].annotations.links) == 5
    assert browser.channels.value == (2,)


def test_only_this_machine_sees_the_page_and_only_with_its_token(movie, served):
    assert main(["view", str(movie), "--port", "9000", "--no-browser"]) == 0
    assert {"--Voila.ip=127.0.0.1", "--token", "--port=9000", "--no-browser"} <= set(
        served["command"]
    )


def test_positions_alone_and_a_movie_alone_are_shown(movie, lineage, tmp_path):
    assert view.make_browser(str(movie)).layers == {}
    bare = lineage.without_links(np.arange(5))
    write_annotations(bare, tmp_path / "a.aut")
    assert list(view.make_browser(str(movie), str(tmp_path / "a.aut")).layers) == ["positions"]


def test_what_is_wrong_is_said_before_a_page_opens(movie, lineage, tmp_path, served, capsys):
    assert main(["view", str(tmp_path / "none.tif")]) == 2
    assert "none.tif" in capsys.readouterr().err
    entries = [AnnotatedMovie(read_timelapse(movie, name=name), lineage) for name in "ab"]
    write_dataset(entries, tmp_path / "two.autlist")
    assert main(["view", str(tmp_path / "two.autlist")]) == 2
    assert "One movie can be viewed at a time" in capsys.readouterr().err
    assert not served


def test_voila_is_asked_for_where_it_is_missing(movie, monkeypatch, capsys):
    monkeypatch.setattr(view, "find_spec", lambda name: None)
    assert main(["view", str(movie)]) == 2
    assert 'pip install "organoid-kit[lab]"' in capsys.readouterr().err
