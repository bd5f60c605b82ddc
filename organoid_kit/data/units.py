"""Units as microscopes and programs write them."""

import math
from collections.abc import Sequence

from organoid_kit.base import UserError

_UM_PER_UNIT = {
    **dict.fromkeys(("pm", "picometer"), 1e-6),
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
    **dict.fromkeys(("µm", "um", "micron", "micrometer"), 1.0),
    **dict.fromkeys(("mm", "millimeter"), 1e3),
    **dict.fromkeys(("cm", "centimeter"), 1e4),
    **dict.fromkeys(("in", "inch", '"'), 25400.0),
    **dict.fromkeys(("m", "meter"), 1e6),
}
_MINUTES_PER_UNIT = {
    **dict.fromkeys(("ms", "msec", "millisecond"), 1 / 60_000),
    **dict.fromkeys(("s", "sec", "second"), 1 / 60),
    **dict.fromkeys(("min", "minute"), 1.0),
    **dict.fromkeys(("h", "hr", "hour"), 60.0),
    **dict.fromkeys(("d", "day"), 1440.0),
}


def to_um(value: float | None, unit: str | None) -> float | None:
    """A length in µm, or None where value or unit do not say."""
    return _convert(value, unit, _UM_PER_UNIT)


def to_minutes(value: float | None, unit: str | None) -> float | None:
    """A duration in minutes, or None where value or unit do not say."""
    return _convert(value, unit, _MINUTES_PER_UNIT)


def check_spacing(spacing_um: Sequence[float]) -> tuple[float, float, float]:
    """A spacing as the user passes it, zyx. Raises UserError where it is not positive."""
    spacing = tuple(float(value) for value in spacing_um)
    if len(spacing) != 3 or not all(0 < value < math.inf for value in spacing):
        raise UserError(
            "The spacing must be three positive numbers, z, y, x, in µm. Received: "
            f"spacing_um={tuple(spacing_um)}. Pass for example spacing_um=(2.0, 0.26, 0.26)."
        )
    return spacing


def ignore_default_spacing(spacing_um: Sequence[float | None]) -> tuple[float | None, ...]:
    """A spacing (zyx) without its unit: programs that do not know it write 1 in y and x."""
    z, y, x = spacing_um
    return (z, None, None) if (y, x) == (1.0, 1.0) else (z, y, x)


def _convert(value: float | None, unit: str | None, table: dict[str, float]) -> float | None:
    """ImageJ escapes its µ, Unicode has two of them, and metre has two spellings and a plural."""
    name = (unit or "").replace("\\u00B5", "µ").strip().lower().replace("μ", "µ")
    name = name.replace("metre", "meter")
    factor = table.get(name, table.get(name.removesuffix("s").removesuffix("e"), 0))
    try:
        number = float(value or 0) * factor
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
