"""Pages from the templates beside this module; whatever comes from files is escaped."""

import base64
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2

from organoid_kit.base.files import write_json_safely, write_text_safely
from organoid_kit.evaluation.positions import format_score
from organoid_kit.plots.drawing import count, describe, write_png

_NUMBER = re.compile(r"-?[\d.]+( %| s)?|not measured")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|$&~#]|^[-+]")  # what it takes for more than text


def write_page(
    path: str | Path, template: str, facts: dict[str, Any], overwrite: bool, **parts: Any
) -> dict[str, Any]:
    """Writes a page, and what it says, with the time, as JSON beside it; returns that."""
    facts = facts | {"written": time.strftime("%Y-%m-%d %H:%M:%S")}
    write_text_safely(path, render(template, facts=facts, **parts), overwrite=overwrite)
    write_json_safely(Path(path).with_suffix(".json"), facts, overwrite=overwrite)
    return facts


def render(template: str, **values: Any) -> str:
    """A template of this room, filled in."""
    return _TEMPLATES.get_template(template).render(values)


def render_lines(template: str, **values: Any) -> list[str]:
    """The lines of a template of this room, without empty ones."""
    return [line for line in render(template, **values).splitlines() if line.strip()]


def format_cell(value: Any) -> str:
    """A text or whole number as it is, other numbers with three decimals, or one from 10 on."""
    if isinstance(value, (str, int)):
        return str(value)
    return format_score(value, digits=1 if value is not None and abs(value) >= 10 else 3)


def format_setting(value: Any) -> str:
    """A setting in words."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(format_setting, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def join_words(words: Iterable[str]) -> str:
    """A, b and c; "nothing" of none."""
    *first, last = list(words) or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=jinja2.select_autoescape(["html"]),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.tests["numeric"] = lambda text: bool(_NUMBER.fullmatch(text))
_TEMPLATES.filters |= {
    "base64": lambda png: base64.b64encode(png).decode(),
    "cell": format_cell,
    "count_of": count,
    "digits": lambda value: "not measured" if value is None else f"{value:.3g}",
    "join_words": join_words,
    "markdown": lambda text: _MARKDOWN.sub(r"\\\g<0>", " ".join(str(text).split())),
    "merge": lambda values, others: {**values, **others},
    "percent": lambda number, of: f"{100 * number / of:.1f} %" if of else "none",
    "pick": lambda values, keys, missing=None: [(values or {}).get(key, missing) for key in keys],
    "png": write_png,
    "repr": repr,
    "score": lambda value, digits=3: format_score(value, digits=digits),
    "seconds": lambda value: f"{value:.1f} s",
    "setting": format_setting,
    "squeeze": lambda text: type(text)(" ").join(text.split()),  # escaped text stays so
    "words": describe,
}
