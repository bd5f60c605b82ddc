"""What dashboards have in common: a state, which is what stands on some of their controls."""

from collections.abc import Callable, Mapping
from typing import Any

from ipywidgets import Button, VBox, Widget
from traitlets import TraitError

from organoid_kit.base import UserError
from organoid_kit.dashboards.parts.common import Messages


def read_controls(controls: Mapping[str, Widget]) -> dict[str, Any]:
    """The value of each control, or the state of a dashboard, as plain JSON values."""
    state = {}
    for name, control in controls.items():
        value = control.state() if hasattr(control, "restore") else control.value
        state[name] = list(value) if isinstance(value, tuple) else value
    return state


def set_controls(controls: Mapping[str, Widget], state: Mapping[str, Any]) -> None:
    """Sets controls to what `read_controls` gave; those that the state lacks stay as they are.

    A control there is not, and a value it cannot have, are UserErrors.
    """
    if unknown := sorted(set(state) - set(controls)):
        raise UserError(
            f"A state must name {', '.join(controls)}. Received: {unknown}. "
            "Copy the whole state again."
        )
    for name in (name for name in controls if name in state):
        control, value = controls[name], state[name]
        if hasattr(control, "restore"):
            control.restore(value)
            continue
        try:
            control.value = tuple(value) if isinstance(value, list) else value
        except (TraitError, ValueError, TypeError) as error:
            raise UserError(
                "A state must hold values that the controls can have. Received: "
                f"{value!r} for {name} ({error}). "
                "Copy the whole state again, and use it with the same data."
            ) from error


def guard(messages: Messages, action: Callable[[], None]) -> Callable[[Any], None]:
    """The action as an observer or click handler whose errors are shown."""

    def act(_: Any = None) -> None:
        with messages.watch():
            action()

    return act


def connect(messages: Messages, action: Callable[[], None], *controls: Widget) -> None:
    """Does something when one of these is pressed or gets another value; errors are shown."""
    for control in controls:
        act = guard(messages, action)
        control.on_click(act) if isinstance(control, Button) else control.observe(act, "value")


class Dashboard(VBox):
    """A box of widgets, some of which are its public attributes."""

    kept: tuple[str, ...] = ()  # names of the controls (and dashboards) whose values are the state
    messages: Messages  # what happened, and what went wrong

    @property
    def _kept(self) -> dict[str, Widget]:
        return {name: getattr(self, name) for name in self.kept}

    def state(self) -> dict[str, Any]:
        """The values of the controls, as plain JSON values."""
        return read_controls(self._kept)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for an unknown control or value."""
        set_controls(self._kept, state)
