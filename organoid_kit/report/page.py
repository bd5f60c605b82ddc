"""The parts of a page: HTML that needs nothing from elsewhere, and in which whatever comes from
files is escaped.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from organoid_kit.evaluation.positions import format_score
from organoid_kit.plots.drawing import Drawing, describe, write_png

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { line-height: 1.2; overflow-wrap: anywhere } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
th { background: #f3f3f3 } td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.code { font-family: ui-monospace, monospace; font-size: .8rem; overflow-wrap: anywhere }
img { max-width: 100%; height: auto } figure { margin: 1.5rem 0 } figcaption { color: #555; font-size: .9rem }
"""
_NUMBER = re.compile(r"-?[\d.]+( %| s)?|not measured")


def build_page(title: str, written: str, sections: Iterable[tuple[str, str]]) -> str:
    """A whole page.

    Args:
        title: its heading.
        written: when.
        sections: heading and HTML of each; those without HTML are left out.
    """
    body = "".join(
        f"<section><h2>{escape(name)}</h2>{content}</section>\n"
        for name, content in sections
        if content
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1>{make_paragraph('Written ' + written)}\n"
        f"{body}</main></body></html>\n"
    )


def make_table(
    heading: Sequence[str], rows: Iterable[Sequence[Any]], code: int | None = None
) -> str:
    """A table; numbers stand to the right, the column `code` in small fixed letters. None is "not
    measured".
    """
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heading)
    body = "".join(
        f"<tr>{''.join(_make_cell(format_table_value(cell), number == code) for number, cell in enumerate(row))}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _make_cell(text: str, code: bool) -> str:
    kind = ' class="code"' if code else ' class="number"' if _NUMBER.fullmatch(text) else ""
    return f"<td{kind}>{escape(text)}</td>"


def format_table_value(value: Any) -> str:
    """A text or whole number as it is, any other number with three decimals or one, None as "not
    measured".
    """
    if isinstance(value, (str, int)):
        return str(value)
    return f"{value:.1f}" if value is not None and abs(value) >= 10 else format_score(value)


def make_pairs(values: dict[str, Any]) -> str:
    """A table of names and values; those within a value, such as of the augmentation, follow it."""
    flat = []
    for key, value in values.items():
        flat += (
            [(f"{key}: {inner}", each) for inner, each in value.items()]
            if isinstance(value, dict)
            else [(key, value)]
        )
    return make_table(("name", "value"), [[str(key), format_value(value)] for key, value in flat])


def format_value(value: Any) -> str:
    """A setting in words."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(format_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def make_paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def make_list(lines: Iterable[str]) -> str:
    """A list of plain texts."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def make_figure(drawing: Drawing) -> str:
    """A drawing with its words."""
    return make_image(write_png(drawing), describe(drawing))


def make_image(png: bytes, words: str) -> str:
    """A picture inside the page, with its words for those who cannot see it, and below it for all
    who ask.
    """
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img alt="{escape(words)}" src="data:image/png;base64,{data}">'
        f"<figcaption><details><summary>In words</summary>{escape(words)}</details></figcaption></figure>"
    )


def join_words(words: Iterable[str]) -> str:
    """A, b and c; "nothing" of none."""
    *first, last = list(words) or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last
