"""What dashboards have in common: a state, also as one short string, handlers, late work."""

import base64
import json
import re
import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import ipywidgets
from ipywidgets import HTML, Button, Layout, VBox, Widget
from traitlets import TraitError

from organoid_kit.base import files, make_error, refuse_if
from organoid_kit.dashboards.parts import common
from organoid_kit.dashboards.parts.common import CheckboxGroup, Messages, add_controls

_STRING = re.compile(r"okit(\d+)\.([\w-]+)", flags=re.ASCII)
_VERSION = 1
_MOST_BYTES = 1_000_000  # of a state, unpacked: strings come from other people
CONTROLS = files.read_json(Path(__file__).with_name("controls.json"))
_RAW = -zlib.MAX_WBITS  # no header; the checksum is our own


class Dashboard(VBox):
    """A box of widgets, some of which are its public attributes."""

    kept: tuple[str, ...] = ()  # names of the controls, dashboards and traits that are the state
    shows_errors = False  # of `restore`; else they are raised

    def __init__(self, children: Any = ()) -> None:
        super().__init__(children)
        self.add_class("ok" + re.sub("(?=[A-Z])", "-", type(self).__name__).lower())

    @cached_property
    def messages(self) -> Messages:
        """What happened, and what went wrong."""
        return Messages()

    def state(self) -> dict[str, Any]:
        """The values of the controls, as plain JSON values."""
        state = {}
        for name, kept in self._kept.items():
            value = kept.state() if hasattr(kept, "restore") else getattr(kept, "value", kept)
            state[name] = list(value) if isinstance(value, tuple) else value
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for an unknown control or value."""
        with self.at_once():
            unknown, known = sorted(set(state) - set(self._kept)), ", ".join(self._kept)
            refuse_if(unknown, "control", known=known, unknown=unknown)
            for name, kept in self._kept.items():
                if name not in state:
                    continue
                value = state[name]
                if hasattr(kept, "restore"):
                    kept.restore(value)
                    continue
                owner, trait = (kept, "value") if isinstance(kept, Widget) else (self, name)
                value = tuple(value) if isinstance(value, list) else value
                try:
                    setattr(owner, trait, value)
                    if (held := getattr(owner, trait)) != value and not isinstance(held, tuple):
                        raise ValueError(f"taken for {held!r}")
                except (TraitError, ValueError, TypeError) as error:
                    raise make_error("value", value=value, name=name, error=error) from error

    def at_once(self) -> AbstractContextManager:
        """Inside, controls are restored."""
        return self.messages.watch() if self.shows_errors else nullcontext()

    @property
    def _kept(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.kept}

    def _watch(self, action: Callable[[], None]) -> Callable[[Any], None]:
        """The action as an observer or click handler whose errors are shown."""

        def act(_: Any = None) -> None:
            with self.messages.watch():
                action()

        return act

    def _connect(self, action: Callable[[], None], *controls: Widget) -> None:
        """Does something when one of these is pressed or gets another value; errors are shown."""
        act = self._watch(action)
        for control in controls:
            control.on_click(act) if isinstance(control, Button) else control.observe(act, "value")

    def _add_controls(self, section: str, **given: Any) -> VBox:
        """Those of ``controls.json`` as attributes, and in a box, with what is said of each below it.

        `given`: by name, more options of a control, or what a button does; errors are shown.
        """
        box = []
        for name, table in CONTROLS[section].items():
            options, more = dict(table), given.get(name, {})
            pop = options.pop
            kind, said = pop("kind"), pop("help", "")
            if kind == "Button":
                options["layout"] = Layout(width=pop("width", "max-content"))
            if "width" in options:
                options |= common.fit(pop("width"), pop("tooltip", ""), **pop("style", {}))
            make = CheckboxGroup if kind == "CheckboxGroup" else getattr(ipywidgets, kind)
            control = common.make_strict(make)(**options | ({} if callable(more) else more))
            add_controls(self, **{name: control})
            if callable(more):
                self._connect(more, control)
            box += [control, HTML(common.render("field_help.html", text=said))][: 1 + bool(said)]
        return VBox(box)


def encode_state(name: str, state: dict[str, Any]) -> str:
    """The state of a "StackBrowser" or other as one string of letters, digits, `-` and `_`."""
    try:
        text = json.dumps([name, state], ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise make_error("plain", name=name, error=error) from error
    packer = zlib.compressobj(level=9, wbits=_RAW)
    packed = packer.compress(text.encode()) + packer.flush()
    checked = zlib.crc32(packed).to_bytes(4, "big") + packed
    return f"okit{_VERSION}.{base64.urlsafe_b64encode(checked).decode().rstrip('=')}"


def decode_state(text: str) -> tuple[str, dict[str, Any]]:
    """Name and state of a string of `encode_state`, in whatever words; else a UserError."""
    found = _STRING.search(text)
    refuse_if(found is None, "string", version=_VERSION, text=shorten(text))
    received = {"text": shorten(found[0]), "found": found[1]}
    refuse_if(int(found[1]) != _VERSION, "version", version=_VERSION, **received)
    try:
        packed = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
        if zlib.crc32(packed[4:]) != int.from_bytes(packed[:4], "big"):
            raise ValueError("The checksum differs.")
        text = zlib.decompressobj(wbits=_RAW).decompress(packed[4:], _MOST_BYTES)
        name, state = json.loads(text)
        return str(name), dict(state)
    except (ValueError, TypeError, zlib.error) as error:
        raise make_error("letters", **received) from error


def shorten(text: str, most: int = 40) -> str:
    """The beginning of a text, in one line, of letters that can be shown."""
    text = " ".join(text.split()).encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


class Later:
    """Calls a function, which shows its own errors, in a thread once nothing changes any more."""

    def __init__(self, function: Callable[[], None], seconds: float = 0.3) -> None:
        self.function, self.seconds, self._asked = function, seconds, None
        self._working = threading.Lock()

    def ask(self) -> None:
        """Something changed."""
        self._asked = asked = object()
        timer = threading.Timer(self.seconds, self._work, [asked])
        timer.daemon = True
        timer.start()

    def _work(self, asked: object) -> None:
        with self._working:
            if asked is self._asked:
                self.function()
