"""Keys that press a dashboard's buttons: a script that runs in the page without being shown."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path

import anywidget
import traitlets
from ipywidgets import Button, Widget

_numbers = count(1)


class KeyboardShortcuts(anywidget.AnyWidget):
    """Presses `buttons` of a box when their keys, such as "A" or "Ctrl+Z", are pressed in it."""

    _esm = Path(__file__).with_name("annotation_keys.js")
    box = traitlets.Unicode().tag(sync=True)
    pressable = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, box: Widget, buttons: Mapping[str, Button]) -> None:
        name = f"ok-keys-{next(_numbers)}"  # by which the script finds the box
        super().__init__(box=name, pressable=list(buttons))
        box.add_class(name)
        self._buttons = dict(buttons)
        self.on_msg(lambda _, content, buffers: self.press(content["key"]))

    def press(self, key: str) -> None:
        """As if this key were pressed."""
        button = self._buttons.get(key)
        if button and not button.disabled:
            button.click()
