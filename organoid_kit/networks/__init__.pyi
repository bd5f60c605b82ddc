"""What this room offers; each is loaded when it is first asked for."""

from . import (
    blocks,
    building,
    devices,
    division,
    export,
    folders,
    link,
    opening,
    own,
    position,
    resampling,
    saving,
)
from .building import build_network
from .division import build_division_network
from .folders import list_shipped_networks, load_settings, make_fine_tuning_settings
from .link import build_link_network
from .position import build_position_network
from .saving import load_network, measure_field_of_view, save_network

__all__ = [
    "blocks",
    "build_division_network",
    "build_link_network",
    "build_network",
    "build_position_network",
    "building",
    "devices",
    "division",
    "export",
    "folders",
    "link",
    "list_shipped_networks",
    "load_network",
    "load_settings",
    "make_fine_tuning_settings",
    "measure_field_of_view",
    "opening",
    "own",
    "position",
    "resampling",
    "save_network",
    "saving",
]
