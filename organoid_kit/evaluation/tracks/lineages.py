"""Whole lineages compared with lineages, by the field's own library, traccuracy.

TRA, the Cell Tracking Challenge's score, mostly counts positions: who deletes every division can
still reach 0.99. It is therefore never shown without the division scores.
"""

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from organoid_kit.base import make_error
from organoid_kit.data import Annotations
from organoid_kit.evaluation.matching import is_annotated, match_to_truth
from organoid_kit.evaluation.positions import format_score
from organoid_kit.evaluation.tracks.links import fill_gaps, leave_out

TOLERANCES = (0, 1, 2)


@dataclass(frozen=True)
class TrackScore:
    """Figures from 0 to 1 of a movie's lineages; None where truth cannot give them."""

    det: float | None  # DET, positions: what had to be added and removed to make them right
    lnk: float | None  # LNK, the same of links
    tra: float | None  # TRA, the same of both together
    chota: float | None  # CHOTA, whether each nucleus and its relatives are kept apart from others
    # tolerance in time points → F1 of divisions whose mother and daughters are right; the Cell
    # Tracking Challenge calls it branching correctness, BC(i). `score_divisions` asks for less: the
    # mother's place and time, wherever her daughters go
    division_f1: dict[int, float | None]
    mitotic_branching: float | None  # part of true and found divisions together that is right
    complete_tracks: float | None  # part of the true tracks found without a mistake, end to end
    complete_lineages: float | None  # part of the true lineages without a mistake, with divisions
    true_tracks: int
    true_lineages: int
    true_divisions: int
    found_divisions: int
    left_out: int  # found positions that were not judged, as nobody annotated there
    merges: int  # true positions with several links backward: these links were not judged
    many_daughters: int  # true mothers of three or more: their links were not judged
    max_distance_um: float  # between a found and a true position that are the same

    def __str__(self) -> str:
        of_divisions = f"of {self.true_divisions}, {self.found_divisions} found"
        rows = [
            ("DET, positions", self.det, ""),
            ("LNK, links", self.lnk, ""),
            ("TRA, positions and links", self.tra, ""),
            ("CHOTA, lineages kept apart", self.chota, ""),
            *(
                (f"division F1 by daughters, ±{time}", f1, of_divisions)
                for time, f1 in self.division_f1.items()
            ),
            ("mitotic branching", self.mitotic_branching, ""),
            ("complete tracks", self.complete_tracks, f"of {self.true_tracks}"),
            ("complete lineages", self.complete_lineages, f"of {self.true_lineages}"),
        ]
        lines = [f"{name:<30}{format_score(value)} {note}".rstrip() for name, value, note in rows]
        within, left_out = f"within {self.max_distance_um:g} µm", self.left_out
        lines.append(f"{within}; {left_out} found positions not judged")
        if self.merges:
            lines.append(f"not judged: links into {self.merges} merges of the truth")
        if self.many_daughters:
            count = self.many_daughters
            lines.append(f"not judged: links of {count} true mothers of more than two daughters")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; None where not measured."""
        by_tolerance = {str(tolerance): f1 for tolerance, f1 in self.division_f1.items()}
        return vars(self) | {"division_f1": by_tolerance}


def score_tracks(
    truth: Annotations, tracks: Annotations, *, max_distance_um: float = 5.0
) -> TrackScore:
    """Scores lineages with traccuracy, which must be installed (the extra `scores`).

    Positions are paired by `match_to_truth`. A found position without a true partner is left out
    with its links where truth does not name every nucleus (outside `annotated_region`); where
    annotations are scattered, everywhere, and what would need them (DET, TRA, CHOTA, division F1,
    mitotic branching) is None. Links over several time points are cut into single steps first
    (`fill_gaps`): the Cell Tracking Challenge's figures know no others. Links into a merge, or out
    of a mother of three, of truth are left out on both sides, and the score says so.

    UserError where traccuracy is missing, found nuclei merge, or the spacing is unknown or differs.
    """
    try:
        import networkx  # noqa: F401
        import traccuracy.metrics  # noqa: F401
    except ImportError as error:
        raise make_error("traccuracy missing", error=error) from error
    for merge in tracks.merges()[:1]:
        found = {"count": len(tracks.merges()), "time_point": tracks.time_points[merge]}
        raise make_error("lineages merge", tracks.name, **found)
    truth, tracks = fill_gaps(truth), fill_gaps(tracks)
    sparse = truth.known_um is not None
    partners = match_to_truth(truth, tracks, max_distance_um)
    merges, many = truth.merges(), np.flatnonzero(truth.links_forward() > 2)
    truth, tracks = leave_out(truth, tracks, partners, merges=merges, mothers=many)
    kept = (partners >= 0) | (is_annotated(truth, tracks) & (not sparse))
    with _silence_library():
        figures, divisions = _measure(truth, tracks.select(kept), partners[kept])
    counts = divisions["Frame Buffer 0"]
    has_links = len(truth.links) > 0
    true, found = counts["Total GT Divisions"], counts["Total Predicted Divisions"]
    judges_divisions = true > 0 and not sparse
    division_f1 = dict.fromkeys(TOLERANCES)
    if judges_divisions:  # computed here, as traccuracy has no number where no division is found
        for tolerance in TOLERANCES:
            right = divisions[f"Frame Buffer {tolerance}"]["True Positive Divisions"]
            division_f1[tolerance] = 2 * right / (true + found)

    def get(value: float, measured: bool) -> float | None:
        return float(value) if measured and not math.isnan(value) else None

    return TrackScore(
        det=get(figures["DET"], not sparse),
        lnk=get(figures["LNK"], has_links),
        tra=get(figures["TRA"], has_links and not sparse),
        chota=get(figures["CHOTA"], has_links and not sparse),
        division_f1=division_f1,
        mitotic_branching=get(counts["Mitotic Branching Correctness"], judges_divisions),
        complete_tracks=get(figures["complete_tracklets"], has_links),
        complete_lineages=get(figures["complete_lineages"], has_links),
        true_tracks=figures["total_tracklets"],
        true_lineages=figures["total_lineages"],
        true_divisions=true,
        found_divisions=found,
        left_out=int(np.count_nonzero(~kept)),
        merges=len(merges),
        many_daughters=len(many),
        max_distance_um=max_distance_um,
    )


def _measure(
    truth: Annotations, tracks: Annotations, partners: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What traccuracy measures, and what it counts of divisions."""
    from traccuracy.matchers import Matched
    from traccuracy.metrics import CHOTAMetric, CompleteTracks, CTCMetrics, DivisionMetrics

    rows = np.flatnonzero(partners >= 0)
    pairs = list(zip(partners[rows].tolist(), rows.tolist()))
    matcher = {"name": "one-to-one", "matching type": "one-to-one"}
    matched = Matched(_make_graph(truth), _make_graph(tracks), pairs, matcher)
    divisions = DivisionMetrics(max_frame_buffer=max(TOLERANCES)).compute(matched).results
    figures = {}
    for metric in (CTCMetrics(), CHOTAMetric(), CompleteTracks()):
        figures |= metric.compute(matched).results
    return figures, divisions


def _make_graph(annotations: Annotations) -> Any:
    """A `TrackingGraph`."""
    import networkx as nx
    from traccuracy import TrackingGraph

    graph = nx.DiGraph()
    times = annotations.time_points.tolist()
    graph.add_nodes_from((row, {"t": time_point}) for row, time_point in enumerate(times))
    graph.add_edges_from(annotations.links.tolist())
    return TrackingGraph(graph, location_keys=None)


@contextlib.contextmanager
def _silence_library() -> Iterator[None]:
    """Keeps the library's progress bars, warnings and log to itself."""
    log = logging.getLogger("traccuracy")
    level = log.level
    log.setLevel(logging.CRITICAL)
    nowhere, numbers = contextlib.redirect_stderr(io.StringIO()), np.errstate(all="ignore")
    try:
        with warnings.catch_warnings(), nowhere, numbers:
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
