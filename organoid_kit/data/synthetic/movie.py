"""An invented organoid movie with its truth: the organoid lives, and a microscope looks at it."""

from __future__ import annotations

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.synthetic.life import Nucleus, Snapshot, get_stage, grow_organoid, is_in_g1
from organoid_kit.data.synthetic.light import Microscope
from organoid_kit.data.synthetic.settings import SyntheticSettings, apply_difficulty, check_settings
from organoid_kit.data.timelapse import TimeLapse, make_timelapse

CHANNEL_NAMES = ("brightfield", "nuclei in G1", "nuclei in S, G2 and M")


def make_synthetic_movie(
    settings: SyntheticSettings | None = None, seed: int = 0, name: str | None = None
) -> tuple[TimeLapse, Annotations]:
    """A movie of an invented organoid, with its truth.

    Channel 1 is brightfield; each nucleus is bright either in channel 2 (G1) or in channel 3 (S,
    G2, M), so only the sum of the two shows all nuclei. The same settings and seed give the same
    movie, bit for bit.

    Returns:
        The movie, uint16, and its annotations: every nucleus whose centre is in the image, links,
        and the properties `phase` ("G1", "S/G2", "M") and `cycle` (age relative to the lifetime, 0
        to 1).

    Raises:
        UserError: the settings cannot be met, for example when no nucleus lies inside the image.
    """
    settings = settings or SyntheticSettings()
    check_settings(settings)
    settings = apply_difficulty(settings)
    name = name or f"synthetic organoid {seed}"
    life, light = (np.random.default_rng((seed, part)) for part in (1, 2))
    snapshots = list(grow_organoid(settings, life))
    images = Microscope(settings, light).images(snapshots)
    movie = make_timelapse(
        images,
        settings.spacing_um,
        name=name,
        channel_names=CHANNEL_NAMES,
        minutes_per_time_point=settings.minutes_per_time_point,
    )
    return movie, _make_annotations(snapshots, settings, name)


def _make_annotations(
    snapshots: list[Snapshot], settings: SyntheticSettings, name: str
) -> Annotations:
    """The truth about what lies in the image."""
    nuclei = [nucleus for snapshot in snapshots for nucleus in snapshot.nuclei]
    last = np.array(settings.shape_zyx) - 1
    truth = Annotations(
        positions=np.round(
            np.concatenate([each.positions_um for each in snapshots]) / settings.spacing_um, 3
        ),
        time_points=np.repeat(
            np.arange(len(snapshots)), [len(snapshot.nuclei) for snapshot in snapshots]
        ),
        links=_make_links(snapshots),
        properties={
            "phase": [_phase(nucleus) for nucleus in nuclei],
            "cycle": [_cycle(nucleus) for nucleus in nuclei],
        },
        spacing_um=settings.spacing_um,
        minutes_per_time_point=settings.minutes_per_time_point,
        name=name,
        region=np.stack([np.zeros(3), last]),
    )
    inside = np.all((truth.positions >= 0) & (truth.positions <= last), axis=1)
    if not inside.any():
        raise UserError(
            f"The organoid must lie in the image. Received: shape_zyx {settings.shape_zyx}, spacing_um "
            f"{settings.spacing_um}, {settings.nuclei} nuclei, none of them inside. Choose a larger shape_zyx."
        )
    return truth.select(inside)


def _make_links(snapshots: list[Snapshot]) -> list[tuple[int, int]]:
    """From each nucleus, counted through all snapshots, to itself or its daughters in the next one."""
    links: list[tuple[int, int]] = []
    rows: dict[int, int] = {}
    first = 0
    for snapshot in snapshots:
        previous, rows = (
            rows,
            {nucleus.number: first + row for row, nucleus in enumerate(snapshot.nuclei)},
        )
        for nucleus in snapshot.nuclei:
            before = previous.get(nucleus.number, previous.get(nucleus.mother))
            if before is not None:
                links.append((before, rows[nucleus.number]))
        first += len(snapshot.nuclei)
    return links


def _phase(nucleus: Nucleus) -> str:
    """Of the cell cycle."""
    if get_stage(nucleus) in ("metaphase", "prometaphase"):
        return "M"
    return "G1" if is_in_g1(nucleus) else "S/G2"


def _cycle(nucleus: Nucleus) -> float:
    """Part of its life that lies behind a nucleus."""
    return round(float(nucleus.age / nucleus.lifetime), 4)
