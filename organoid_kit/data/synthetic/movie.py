"""An invented organoid movie with its truth: the organoid lives, and a microscope looks at it."""

import numpy as np

from organoid_kit.base import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.synthetic.life import Snapshot, grow_organoid
from organoid_kit.data.synthetic.light import Microscope
from organoid_kit.data.synthetic.settings import SyntheticSettings, apply_difficulty, check_settings
from organoid_kit.data.timelapse import TimeLapse, make_timelapse

CHANNEL_NAMES = ("brightfield", "nuclei in G1", "nuclei in S, G2 and M")


def make_synthetic_movie(
    settings: SyntheticSettings | None = None, seed: int = 0, name: str | None = None
) -> tuple[TimeLapse, Annotations]:
    """A movie of an invented organoid, uint16, and its truth. The same settings and seed give the
    same movie, bit for bit. Raises UserError where no nucleus lies in the image or finds room.

    Channel 1 is brightfield; each nucleus is bright either in channel 2 (G1) or in channel 3 (S,
    G2, M), so only the sum of the two shows all nuclei. The annotations hold every nucleus whose
    centre is in the image, links, and the properties `phase` ("G1", "S/G2", "M") and `cycle` (age
    relative to the lifetime, 0 to 1).
    """
    settings = settings or SyntheticSettings()
    check_settings(settings)
    settings = apply_difficulty(settings)
    name = name or f"synthetic organoid {seed}"
    life, light = (np.random.default_rng((seed, part)) for part in (1, 2))
    snapshots = list(grow_organoid(settings, life))
    movie = make_timelapse(
        Microscope(settings, light).images(snapshots),
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
    links, phases, cycles, time_points = [], [], [], []
    rows: dict[int, int] = {}  # number of a nucleus → its row at this time point
    for time_point, snapshot in enumerate(snapshots):
        before, rows = rows, {}
        for nucleus in snapshot.nuclei:
            source = before.get(nucleus.number, before.get(nucleus.mother))
            rows[nucleus.number] = len(phases)
            if source is not None:
                links.append((source, len(phases)))
            divides = nucleus.stage in ("metaphase", "prometaphase")
            phases.append("M" if divides else "G1" if nucleus.is_in_g1 else "S/G2")
            cycles.append(round(float(nucleus.age / nucleus.lifetime), 4))
            time_points.append(time_point)
    positions_um = np.concatenate([snapshot.positions_um for snapshot in snapshots])
    last = np.array(settings.shape_zyx) - 1
    truth = Annotations(
        positions=np.round(positions_um / settings.spacing_um, 3),
        time_points=time_points,
        links=links,
        properties={"phase": phases, "cycle": cycles},
        spacing_um=settings.spacing_um,
        minutes_per_time_point=settings.minutes_per_time_point,
        name=name,
        region=np.stack([np.zeros(3), last]),
    )
    inside = np.all((truth.positions >= 0) & (truth.positions <= last), axis=1)
    if not inside.any():
        received = f"shape_zyx {settings.shape_zyx}, spacing_um {settings.spacing_um}"
        rule = "At least one nucleus must lie in the image"
        raise UserError(f"{rule}. Received: {received}. Choose a larger shape_zyx.")
    return truth.select(inside)
