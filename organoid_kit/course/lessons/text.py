"""What exercises and questions say: readable as a page and as text, never by colour alone."""

import html
import re
from dataclasses import dataclass

from organoid_kit.plots.drawing import COLOURS

INK = "#1a1a1a"  # on all the grounds below: a contrast of at least 14:1 in light and dark themes
KINDS = {  # mark and word, ground, bar at the left
    "right": ("✓ Right.", "#e4f3ec", COLOURS["green"]),
    "wrong": ("✗ Not yet.", "#fbe9e0", COLOURS["vermillion"]),
    "not tried": ("○ Not tried yet.", "#eef6fb", COLOURS["blue"]),
}


def format_html(text: str) -> str:
    """Plain text as HTML: all is escaped, `code` is set as code, lines stay lines."""
    escaped = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))
    return escaped.replace("\n", "<br>")


def _box(inside: str, ground: str, bar: str, role: str = "") -> str:
    style = f"background:{ground};color:{INK};border-left:4px solid {bar}"
    return f'<div {role} style="{style};padding:6px 10px;line-height:1.5">{inside}</div>'


@dataclass(frozen=True)
class Verdict:
    """What a checker says about an answer: "right", "wrong" or "not tried", and why, in words."""

    kind: str
    text: str

    def __repr__(self) -> str:
        return f"{KINDS[self.kind][0]} {self.text}".rstrip()

    def _repr_html_(self) -> str:
        word, ground, bar = KINDS[self.kind]
        inside = f"<b>{word}</b> {format_html(self.text)}"
        return _box(inside, ground, bar, 'role="status" aria-live="polite"')


@dataclass(frozen=True)
class Text:
    """A hint or a solution: a title such as "Hint 1 of 3", words, and code above the words."""

    title: str
    text: str
    code: str = ""

    def __repr__(self) -> str:
        return "\n".join(part for part in (f"{self.title}.", self.code, self.text) if part)

    def _repr_html_(self) -> str:
        style = f"background:#ffffff;color:{INK};padding:6px 8px;margin:6px 0;overflow-x:auto"
        code = f'<pre style="{style}"><code>{html.escape(self.code)}</code></pre>'
        words = f"{code if self.code else ''}{format_html(self.text)}"
        return _box(f"<b>{html.escape(self.title)}.</b> {words}", *KINDS["not tried"][1:])
