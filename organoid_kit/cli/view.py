"""`view`: the stack browser as a page of its own, served by Voila on this machine only."""

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from organoid_kit import dashboards
from organoid_kit.base import refuse_if
from organoid_kit.cli.files import open_movies

_CODE = "from organoid_kit.cli.view import make_browser\n\nmake_browser(**{})"


def view(
    movie: Path,
    tracks: Path | None = None,
    port: int = 8866,
    no_browser: bool = False,
    **options: Any,
) -> None:
    """Serves the browser's page until Ctrl+C; its address holds a token, which keeps others out."""
    refuse_if(find_spec("voila") is None, "voila missing")
    from voila.app import Voila

    options = {"movie": str(movie.absolute()), **options}
    if tracks:
        options["tracks"] = str(tracks.absolute())
    make_browser(**options)  # whatever is wrong is said here, not on the page
    with tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / f"{movie.stem}.ipynb"
        cell = {"cell_type": "code", "id": "view", "metadata": {}, "outputs": []}
        cell |= {"execution_count": None, "source": _CODE.format(options)}
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        content = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        notebook.write_text(json.dumps(content), encoding="utf-8")
        command = [str(notebook), "--token", "--Voila.ip=127.0.0.1", f"--port={port}"]
        Voila.launch_instance(command + ["--no-browser"] * no_browser)


def make_browser(
    movie: str, tracks: str | None = None, channels: tuple[int, ...] | None = None, **reading: Any
) -> "dashboards.StackBrowser":
    """The browser of one movie, with its tracks or positions where a file is named."""
    movies = open_movies([Path(movie)], Path(tracks) if tracks else None, **reading)
    names = ", ".join(annotated.name for annotated in movies)
    refuse_if(len(movies) > 1, "one movie viewed", movie, names=names)
    [shown] = movies
    known = shown.with_spacing().annotations
    layers = {"tracks" if len(known.links) else "positions": known} if len(known) else {}
    return dashboards.StackBrowser(shown.movie, layers, channels=channels)
