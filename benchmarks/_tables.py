"""Tables of trainings that are written after each of them, so that an interrupted benchmark goes on
where it was.
"""

from __future__ import annotations

import datetime
import platform
from pathlib import Path
from typing import Any

import keras

import organoid_kit
from organoid_kit.base.files import read_json, write_json_safely
from organoid_kit.networks.devices import detect_device


def open_table(path: Path, **plan: Any) -> dict[str, Any]:
    """The table at this path, or an empty one; ends the program where its trainings followed
    another plan.
    """
    if not path.exists():
        return {**plan, "records": []}
    table = read_json(path)
    other = [name for name, value in plan.items() if table.get(name) != value]
    if other:
        raise SystemExit(
            f"{path} has other {', '.join(other)}. Choose another --output, or move it away."
        )
    return table


def is_missing(table: dict[str, Any], **key: Any) -> bool:
    """Whether no training with this key is in the table."""
    return not any(key.items() <= record.items() for record in table["records"])


def write_table(table: dict[str, Any], path: Path) -> None:
    """Writes the table with where and when it was measured."""
    table |= {
        "machine": f"{detect_device().name}, {platform.system()}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {"organoid_kit": organoid_kit.__version__, "keras": keras.__version__},
    }
    write_json_safely(path, table, overwrite=True)
