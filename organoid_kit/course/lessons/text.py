"""What exercises and questions say: readable in a page and as plain text, and never by colour
alone.
"""

from __future__ import annotations

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
    """Plain text as HTML: all is escaped, `code` between backticks is set as code, lines stay
    lines.
    """
    escaped = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))
    return escaped.replace("\n", "<br>")


def _box(inside: str, ground: str, bar: str, role: str = "") -> str:
    style = f"background:{ground};color:{INK};border-left:4px solid {bar};padding:6px 10px;line-height:1.5"
    return f'<div {role} style="{style}">{inside}</div>'


@dataclass(frozen=True)
class Verdict:
    """What a checker says about an answer.

    Attributes:
        kind: "right", "wrong" or "not tried".
        text: why, in words.
    """

    kind: str
    text: str

    def __repr__(self) -> str:
        return f"{KINDS[self.kind][0]} {self.text}".rstrip()

    def _repr_html_(self) -> str:
        word, ground, bar = KINDS[self.kind]
        return _box(
            f"<b>{word}</b> {format_html(self.text)}",
            ground,
            bar,
            'role="status" aria-live="polite"',
        )


@dataclass(frozen=True)
class Text:
    """A hint or a solution.

    Attributes:
        title: such as "Hint 1 of 3".
        text: in words.
        code: lines of Python, shown above the words.
    """

    title: str
    text: str
    code: str = ""

    def __repr__(self) -> str:
        return "\n".join(part for part in (f"{self.title}.", self.code, self.text) if part)

    def _repr_html_(self) -> str:
        style = f"background:#ffffff;color:{INK};padding:6px 8px;margin:6px 0;overflow-x:auto"
        code = (
            f'<pre style="{style}"><code>{html.escape(self.code)}</code></pre>' if self.code else ""
        )
        return _box(
            f"<b>{html.escape(self.title)}.</b> {code}{format_html(self.text)}",
            "#eef6fb",
            COLOURS["blue"],
        )
