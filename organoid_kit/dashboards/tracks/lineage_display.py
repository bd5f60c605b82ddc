"""Where lineage trees appear: in the page (`lineage_canvas`), or, where it cannot load, a picture."""

import sys
from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, Box, Layout, VBox

from organoid_kit.dashboards.parts.common import mark
from organoid_kit.dashboards.tracks.lineage_tree import DrawnTree


class TreeDisplay(VBox):
    """Trees to click on: `tree` is the `LineageTree`, None without the package anywidget.

    It calls `hear` with clicks and keys, `changed` when the page has loaded the script.
    """

    def __init__(self, hear: Callable[[dict[str, Any]], None], changed: Callable[[], None]) -> None:
        self._picture = mark(HTML(), "ok-plain-tree")
        self._box, self.tree = Box(layout=Layout(display="block")), None
        super().__init__([self._box, self._picture])
        try:
            from organoid_kit.dashboards.tracks.lineage_canvas import LineageTree
        except ImportError:
            return
        self.tree = mark(LineageTree(hear), "ok-tree")
        self.tree.observe(lambda _: changed(), "ready")

    @property
    def in_page(self) -> bool:
        """Whether the page shows the trees; else the line of the time point is drawn, too."""
        return self.tree is not None and self.tree.ready

    def show(self, drawn: DrawnTree, time_point: int) -> None:
        """These trees, and the time point of the movie."""
        if self.tree is not None and self.tree.svg != drawn.svg:
            self.tree.places = drawn.places
            self.move_line(drawn, time_point)
            self.tree.svg = drawn.svg
        if self.in_page or (self.tree is not None and "google.colab" in sys.modules):
            # Not before: with ipywidgets 7 all would stay empty where it cannot load.
            self._box.children = [self.tree]
        self._picture.layout.display = "none" if self.in_page else None
        self._picture.value = "" if self.in_page else drawn.svg

    def move_line(self, drawn: DrawnTree, time_point: int) -> None:
        """The line goes to another time point."""
        self.tree.now = drawn.compute_x(time_point)
