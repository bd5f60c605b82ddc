"""What stands in a file, or comes from a user, compared with its description: names and types."""

import math
import numbers
import os
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from organoid_kit.base.errors import UserError, make_error

# Of a type: what is taken for it, NumPy's numbers included; how it is converted; its name
_TYPES = {
    int: (numbers.Integral, int, "a whole number"),
    float: (numbers.Real, float, "a number"),
    bool: (bool, bool, "true or false"),
    str: ((str, os.PathLike), os.fspath, "a text"),
}


def convert(value: Any, wanted: Any, name: str) -> Any:
    """The value as the wanted type, or UserError. pydantic takes three times as long to import."""
    if wanted is Any or (value is None and isinstance(wanted, types.UnionType)):
        return value
    if isinstance(wanted, types.UnionType):  # of something and None
        wanted = typing.get_args(wanted)[0]
    kinds, origin = typing.get_args(wanted), typing.get_origin(wanted)
    if wanted in _TYPES:
        accepted, make, words = _TYPES[wanted]
        if isinstance(value, accepted) and (wanted is bool or not isinstance(value, bool)):
            with suppress(OverflowError):
                if wanted is not float or math.isfinite(value):
                    return make(value)
    elif origin is dict:
        words = "names with values"
        if isinstance(value, dict):
            return {key: convert(part, kinds[1], f"{name}: {key!r}") for key, part in value.items()}
    else:
        is_open = origin is list or kinds[-1] is Ellipsis
        count, part = "" if is_open else f"{len(kinds)} ", _TYPES.get(kinds[0], [""])[-1]
        words = f"a list of {count}numbers, each {part}" if part else "a list"
        if isinstance(value, (list, tuple)) and (is_open or len(value) == len(kinds)):
            kinds = [kinds[0]] * len(value) if is_open else kinds
            return origin(convert(part, kind, name) for part, kind in zip(value, kinds))
    raise UserError(f"{name} must be {words}. Received: {value!r:.80}. Correct it.")


def check_record(values: Any, description: Mapping[str, Any], source: Any) -> dict[str, Any]:
    """The values, each as described by {"epoch": int, "validation_f1?": float | None} (? may be
    missing); what is not described stays as it is. UserError where they are others.
    """
    values = convert(values, dict[str, Any], f"What stands in {source}")
    for name, wanted in description.items():
        key = name.removesuffix("?")
        if key in values:
            values[key] = convert(values[key], wanted, f"{key!r} in {source}")
        elif key == name:
            raise make_error("key missing", source, key=key, found=", ".join(values) or "nothing")
    return values
