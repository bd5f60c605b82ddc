"""A lineage tree in the page: `lineage_tree.js` shows it, and tells what was clicked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets


class LineageTree(anywidget.AnyWidget):
    """Shows a tree in the page, once the script is loaded; where it cannot, something else must."""

    _esm = Path(__file__).with_name("lineage_tree.js")
    _css = (
        ".ok-lineage-tree { max-height: 440px; overflow-y: auto; cursor: pointer }"
        ".ok-lineage-tree:focus { outline: 3px solid #0072B2 }"
    )
    ready = traitlets.Bool(False).tag(sync=True)  # the page has loaded the script
    svg = traitlets.Unicode("").tag(sync=True)  # as `places` of `DrawnTree`
    places = traitlets.List().tag(sync=True)
    now = traitlets.Float(0.0).tag(sync=True)  # where the line of the time point is

    def __init__(self, answer: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self.on_msg(lambda _, content, buffers: answer(content))
