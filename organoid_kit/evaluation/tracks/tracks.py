"""Whole lineages compared with lineages, by the field's own library, traccuracy.

TRA, the Cell Tracking Challenge's score, mostly counts positions: who deletes every division can
still reach 0.99. It is therefore never shown without the division scores.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.positions import format_score
from organoid_kit.evaluation.tracks.matching import fill_gaps, is_annotated, match_to_truth

if TYPE_CHECKING:
    from traccuracy import TrackingGraph
    from traccuracy.matchers import Matched

TOLERANCES = (0, 1, 2)


@dataclass(frozen=True)
class TrackScore:
    """Figures from 0 to 1 of a movie's lineages; None where truth cannot give them.

    Attributes:
        det: DET, positions: what had to be added and removed to make them right.
        lnk: LNK, the same of links.
        tra: TRA, the same of both together.
        chota: CHOTA, whether each nucleus and its relatives are kept apart from others.
        division_f1: tolerance in time points → F1 of divisions whose mother and daughters are
            right; the Cell Tracking Challenge calls it branching correctness, BC(i).
        mitotic_branching: part of true and found divisions together that is right, without
            tolerance.
        complete_tracks: part of the true tracks found without a mistake from end to end.
        complete_lineages: part of the true lineages found without a mistake, all divisions
        included. true_tracks, true_lineages, true_divisions, found_divisions: how many there are.
        left_out: found positions that were not judged, as nobody annotated there.
        max_distance_um: largest distance between a found and a true position that are the same.
    """

    det: float | None
    lnk: float | None
    tra: float | None
    chota: float | None
    division_f1: dict[int, float | None]
    mitotic_branching: float | None
    complete_tracks: float | None
    complete_lineages: float | None
    true_tracks: int
    true_lineages: int
    true_divisions: int
    found_divisions: int
    left_out: int
    max_distance_um: float

    def __str__(self) -> str:
        rows = [
            ("DET, positions", self.det, ""),
            ("LNK, links", self.lnk, ""),
            ("TRA, positions and links", self.tra, ""),
            ("CHOTA, lineages kept apart", self.chota, ""),
            *self._division_rows(),
            ("complete tracks", self.complete_tracks, f"of {self.true_tracks}"),
            ("complete lineages", self.complete_lineages, f"of {self.true_lineages}"),
        ]
        lines = [f"{name:<30}{format_score(value)} {note}".rstrip() for name, value, note in rows]
        return "\n".join(
            [
                *lines,
                f"within {self.max_distance_um:g} µm; {self.left_out} found positions not judged",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON; None where not measured."""
        return {
            name: {str(key): each for key, each in value.items()}
            if isinstance(value, dict)
            else value
            for name, value in vars(self).items()
        }

    def _division_rows(self) -> list[tuple[str, float | None, str]]:
        note = f"of {self.true_divisions}, {self.found_divisions} found"
        rows = [
            (f"division F1, ±{tolerance}", value, note)
            for tolerance, value in self.division_f1.items()
        ]
        return [*rows, ("mitotic branching", self.mitotic_branching, "")]


def score_tracks(
    truth: Annotations, tracks: Annotations, *, max_distance_um: float = 5.0, sparse: bool = False
) -> TrackScore:
    """Scores lineages with traccuracy, which must be installed (the extra `scores`).

    Positions are paired as in `score_positions`. A found position without a true partner is left
    out with its links where truth does not name every nucleus (outside `annotated_region`). Links
    over several time points are cut into single steps first, on both sides (`fill_gaps`): the Cell
    Tracking Challenge's figures know no others. It takes seconds for 15,000 positions, most of a
    minute for 100,000; `score_links` and `score_divisions` take one.

    Args:
        truth: the right answer, of known spacing.
        tracks: what is to be judged, in the same voxels.
        max_distance_um: partners are at most this far apart.
        sparse: truth names only some of the nuclei, anywhere: all found positions without a partner
            are left out, and what would need them (DET, TRA, CHOTA, division F1, mitotic branching)
            is None.

    Raises:
        UserError: traccuracy is not installed, nuclei merge, or the spacing is unknown or differs.
    """
    _check_library()
    truth, tracks = (_without_merges(fill_gaps(truth)), _without_merges(fill_gaps(tracks)))
    partners = match_to_truth(truth, tracks, max_distance_um)
    kept = (partners >= 0) | (is_annotated(truth, tracks) & (not sparse))
    with _silence_library():
        figures = _run(truth, tracks.select(kept), partners[kept])
    divisions = figures["divisions"]
    has_links, has_divisions = len(truth.links) > 0, divisions["Total GT Divisions"] > 0
    return TrackScore(
        det=_figure(figures["DET"], not sparse),
        lnk=_figure(figures["LNK"], has_links),
        tra=_figure(figures["TRA"], has_links and not sparse),
        chota=_figure(figures["CHOTA"], has_links and not sparse),
        division_f1={
            each: figures["f1"][each] if has_divisions and not sparse else None
            for each in TOLERANCES
        },
        mitotic_branching=_figure(
            divisions["Mitotic Branching Correctness"], has_divisions and not sparse
        ),
        complete_tracks=_figure(figures["complete_tracklets"], has_links),
        complete_lineages=_figure(figures["complete_lineages"], has_links),
        true_tracks=figures["total_tracklets"],
        true_lineages=figures["total_lineages"],
        true_divisions=divisions["Total GT Divisions"],
        found_divisions=divisions["Total Predicted Divisions"],
        left_out=int(np.count_nonzero(~kept)),
        max_distance_um=max_distance_um,
    )


def _run(truth: Annotations, tracks: Annotations, partners: np.ndarray) -> dict[str, Any]:
    """What traccuracy measures, all in one dictionary."""
    from traccuracy.metrics import CHOTAMetric, CompleteTracks, CTCMetrics, DivisionMetrics

    matched = _match(truth, tracks, partners)
    divisions = DivisionMetrics(max_frame_buffer=max(TOLERANCES)).compute(matched).results
    figures = {"divisions": divisions["Frame Buffer 0"]}
    figures["f1"] = {each: _compute_f1(divisions[f"Frame Buffer {each}"]) for each in TOLERANCES}
    for metric in (CTCMetrics(), CHOTAMetric(), CompleteTracks()):
        figures |= metric.compute(matched).results
    return figures


def _compute_f1(counts: dict[str, float]) -> float | None:
    """F1 from the counts: where no division at all is found, traccuracy has no number, and this has
    0.
    """
    called = counts["Total GT Divisions"] + counts["Total Predicted Divisions"]
    return 2 * counts["True Positive Divisions"] / called if called else None


def _match(truth: Annotations, tracks: Annotations, partners: np.ndarray) -> Matched:
    from traccuracy.matchers import Matched

    rows = np.flatnonzero(partners >= 0)
    pairs = list(zip(partners[rows].tolist(), rows.tolist()))
    return Matched(
        _make_graph(truth),
        _make_graph(tracks),
        pairs,
        {"name": "one-to-one", "matching type": "one-to-one"},
    )


def _make_graph(annotations: Annotations) -> TrackingGraph:
    import networkx as nx
    from traccuracy import TrackingGraph

    graph = nx.DiGraph()
    graph.add_nodes_from(
        (row, {"t": time_point}) for row, time_point in enumerate(annotations.time_points.tolist())
    )
    graph.add_edges_from(annotations.links.tolist())
    return TrackingGraph(graph, location_keys=None)


def _figure(value: float, measured: bool) -> float | None:
    return float(value) if measured and not math.isnan(value) else None


def _without_merges(annotations: Annotations) -> Annotations:
    merges = annotations.merges()
    if len(merges):
        raise UserError(
            f"In a lineage no two nuclei become one. Received: {len(merges)} positions with several links backward in "
            f"{annotations.name!r}, the first at time point {annotations.time_points[merges[0]]}. "
            "Score tracks, not candidate links, and remove merges."
        )
    return annotations


def _check_library() -> None:
    try:
        import networkx  # noqa: F401
        import traccuracy.metrics  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"Lineages are scored with the traccuracy library. Received: it is not installed ({error}). "
            'Install it with: pip install "organoid-kit[scores]"'
        ) from error


@contextlib.contextmanager
def _silence_library() -> Iterator[None]:
    """Keeps the library's progress bars, warnings and log to itself."""
    log = logging.getLogger("traccuracy")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
