"""What Sphinx needs to know to build the slides: reveal.js, all of it from this machine."""

import json
from pathlib import Path

from docutils import nodes

project = "organoid_kit"
author = "organoid_kit contributors"
extensions = ["myst_parser", "sphinx_revealjs"]
html_title = "Networks that track cells"
revealjs_style_theme = "white"
revealjs_static_path = [str(Path(__file__).parent / "static")]
revealjs_css_files = ["slides.css"]
revealjs_script_plugins = [{"name": "RevealNotes", "src": "revealjs/plugin/notes/notes.js"}]
revealjs_script_conf = {
    "slideNumber": "c/t",
    "hash": True,
    "transition": "none",
    "width": 1280,
    "height": 720,
}


def add_alternative_texts(app, doctree: nodes.document) -> None:
    """Gives each figure of the kit its own words."""
    words = json.loads((Path(app.srcdir) / "figures.json").read_text(encoding="utf-8"))
    for image in doctree.findall(nodes.image):
        image["alt"] = image.get("alt") or words[image["uri"]]


def setup(app) -> None:
    """Connects the above."""
    app.connect(
        "doctree-read", add_alternative_texts, priority=400
    )  # before Sphinx gathers pictures
