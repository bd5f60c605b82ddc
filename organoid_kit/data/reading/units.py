"""Units as microscopes and programs write them."""

from __future__ import annotations

from collections.abc import Sequence

UM_PER_UNIT = {
    "pm": 1e-6, "picometer": 1e-6,
    "å": 1e-4, "angstrom": 1e-4,
    "nm": 1e-3, "nanometer": 1e-3,
    "µm": 1.0, "um": 1.0, "micron": 1.0, "micrometer": 1.0,
    "mm": 1e3, "millimeter": 1e3,
    "cm": 1e4, "centimeter": 1e4,
    "in": 25400.0, "inch": 25400.0, '"': 25400.0,
    "m": 1e6, "meter": 1e6,
}  # fmt: skip

MINUTES_PER_UNIT = {
    "ms": 1 / 60_000, "msec": 1 / 60_000, "millisecond": 1 / 60_000,
    "s": 1 / 60, "sec": 1 / 60, "second": 1 / 60,
    "min": 1.0, "minute": 1.0,
    "h": 60.0, "hr": 60.0, "hour": 60.0,
    "d": 1440.0, "day": 1440.0,
}  # fmt: skip


def to_um(value: float | None, unit: str | None) -> float | None:
    """A length in µm, or None where value or unit do not say."""
    return _convert(value, unit, UM_PER_UNIT)


def to_minutes(value: float | None, unit: str | None) -> float | None:
    """A duration in minutes, or None where value or unit do not say."""
    return _convert(value, unit, MINUTES_PER_UNIT)


def ignore_default_spacing(spacing_um: Sequence[float | None]) -> tuple[float | None, ...]:
    """A spacing (zyx) whose unit does not stand beside it: 1 in y and x is what programs write that
    do not know it.
    """
    z, y, x = spacing_um
    return (z, None, None) if (y, x) == (1.0, 1.0) else (z, y, x)


def _convert(value: float | None, unit: str | None, table: dict[str, float]) -> float | None:
    factor = table.get(_plain(unit or ""))
    try:
        number = float(value or 0) * (factor or 0)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None


def _plain(unit: str) -> str:
    """ImageJ escapes its µ, Unicode has two of them, and there are two spellings and a plural of
    metre.
    """
    name = unit.replace("\\u00B5", "µ").strip().lower().replace("μ", "µ").replace("metre", "meter")
    return (
        name
        if name in UM_PER_UNIT or name in MINUTES_PER_UNIT
        else name.removesuffix("s").removesuffix("e")
    )
