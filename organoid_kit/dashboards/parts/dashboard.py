"""What dashboards have in common: a state, which is what stands on some of their controls."""

from collections.abc import Mapping
from typing import Any

from ipywidgets import VBox, Widget

from organoid_kit.dashboards.parts.common import Messages
from organoid_kit.dashboards.parts.control_states import read_controls, set_controls


class Dashboard(VBox):
    """A box of widgets, some of which are its public attributes.

    Attributes:
        messages: what happened, and what went wrong.
    """

    kept: tuple[str, ...] = ()  # names of the controls whose values are the state
    messages: Messages

    @property
    def _kept(self) -> dict[str, Widget]:
        return {name: getattr(self, name) for name in self.kept}

    def state(self) -> dict[str, Any]:
        """The values of the controls, as plain JSON values."""
        return read_controls(self._kept)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for an unknown control or value."""
        set_controls(self._kept, state)
