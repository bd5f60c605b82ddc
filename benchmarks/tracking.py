"""Measures tracking on coordinates alone: time and memory by size, the ways to solve it, and how
right it is.

The movies are made here: nuclei that move around their places, divide and die, some of them missed,
some invented, and probabilities as calibrated networks give them. Each size runs in a process of
its own and reports its peak memory.

    python benchmarks/tracking.py            # up to 100,000 positions
    python benchmarks/tracking.py --whole    # and 200 time points of 5,000 nuclei
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_array, coo_array, eye_array
from scipy.special import expit, logit

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.tracks import judge_links
from organoid_kit.tracking.build import METHODS, build_tracks
from organoid_kit.tracking.costs import TrackingProblem, build_problem
from organoid_kit.tracking.errors import add_error_probabilities, estimate_errors
from organoid_kit.tracking.linking import find_candidates
from organoid_kit.tracking.optimal import choose_optimally
from tracking_helpers import sum_costs

SPACING_UM = np.array([2.0, 0.5, 0.5])
SIZES = ((300, 10), (1000, 15), (1000, 100))  # nuclei, time points
WHOLE = (5000, 200)
SOLVER_SIZE = (200, 5)
DIVISIONS = DEATHS = 0.005  # of the nuclei, at each time point
MISSED = INVENTED = 0.02
SURENESS = {
    "link": 5.0,
    "division": 6.0,
    "position": 4.0,
}  # mean log-odds of evidence; variance is twice that


def make_truth(nuclei: int, time_points: int, rng: np.random.Generator) -> Annotations:
    """Nuclei 10 µm apart that move by about 2 µm around places of their own; daughters get places
    beside each other.
    """
    side = int(np.ceil(nuclei ** (1 / 3)))
    places = np.stack(np.meshgrid(*[np.arange(side) * 10.0] * 3, indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    places = rng.permutation(places)[:nuclei] + rng.uniform(-2, 2, (nuclei, 3))
    offsets = rng.normal(0, 2, places.shape)
    positions_um, links, count = [places + offsets], [], 0
    for _ in range(1, time_points):
        fate = rng.random(len(places))
        dividing, living = fate < DIVISIONS, fate < 1 - DEATHS
        apart = rng.normal(size=places.shape)
        apart *= 3 / np.linalg.norm(apart, axis=1, keepdims=True) * dividing[:, np.newaxis]
        mothers = np.concatenate([np.flatnonzero(living), np.flatnonzero(dividing)])
        steps = np.concatenate([apart[living], -apart[dividing]])
        links.append(
            np.stack([count + mothers, count + len(places) + np.arange(len(mothers))], axis=1)
        )
        count += len(places)
        places = places[mothers] + steps
        offsets = 0.75 * offsets[mothers] + rng.normal(0, 1.3, places.shape)
        positions_um.append(places + offsets)
    times = np.repeat(np.arange(time_points), [len(part) for part in positions_um])
    return Annotations(
        np.concatenate(positions_um) / SPACING_UM,
        times,
        np.concatenate(links),
        spacing_um=tuple(SPACING_UM),
    )


def make_candidates(truth: Annotations, rng: np.random.Generator) -> Annotations:
    """Positions as a detector finds them, and all that three calibrated networks would say of them."""
    seen = np.flatnonzero(rng.random(len(truth)) >= MISSED)
    near = rng.choice(seen, int(INVENTED * len(seen)))
    rows, real = np.append(seen, near), np.repeat([True, False], [len(seen), len(near)])
    scatter_um = rng.normal(size=(len(rows), 3)) * np.where(real, 0.3, 5.0)[:, np.newaxis]
    order = np.argsort(truth.time_points[rows], kind="stable")
    rows, real, scatter_um = rows[order], real[order], scatter_um[order]
    positions = truth.positions[rows] + scatter_um / SPACING_UM
    found = find_candidates(
        Annotations(positions, truth.time_points[rows], spacing_um=tuple(SPACING_UM))
    )
    true_links = truth.links @ [len(truth), 1]
    right = real[found.links].all(axis=1) & np.isin(rows[found.links] @ [len(truth), 1], true_links)
    divides = np.isin(rows, truth.divisions()) & real
    found.link_properties["link_probability"] = answer(rng, right, SURENESS["link"])
    found.properties["division_probability"] = answer(rng, divides, SURENESS["division"])
    found.properties["probability"] = answer(rng, real, SURENESS["position"])
    return found


def answer(rng: np.random.Generator, right: np.ndarray, sureness: float) -> np.ndarray:
    """Calibrated probabilities, (n,) object, for questions whose right answers are known, (n,)
    bool.
    """
    evidence = np.where(right, sureness, -sureness) + rng.normal(
        0, np.sqrt(2 * sureness), len(right)
    )
    frequency = np.clip(right.mean(), 1e-6, 1 - 1e-6)
    return expit(evidence + logit(frequency)).astype(object)


def find_peak_mb() -> float:
    """Peak memory of this process, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def measure_size(nuclei: int, time_points: int, seed: int, errors: bool) -> dict:
    """Seconds and memory of tracks and of their errors, and how many of the links are wrong."""
    rng = np.random.default_rng(seed)
    truth = make_truth(nuclei, time_points, rng)
    candidates = make_candidates(truth, rng)
    figures = {
        "positions": len(candidates),
        "links": len(candidates.links),
        "made_mb": find_peak_mb(),
    }
    begin = time.perf_counter()
    tracks = build_tracks(candidates)
    figures |= {
        "seconds": time.perf_counter() - begin,
        "peak_mb": find_peak_mb(),
        **count_wrong(tracks, truth),
    }
    if errors:
        begin = time.perf_counter()
        estimate = estimate_errors(add_error_probabilities(candidates, tracks))
        figures |= {
            "error_seconds": time.perf_counter() - begin,
            "error_peak_mb": find_peak_mb(),
            "estimate": str(estimate),
        }
    return figures


def say_size(figures: dict) -> str:
    """What `measure_size` found, in a line."""
    tracks = (
        f"{figures['positions']} positions, {figures['links']} candidates; tracks {figures['seconds']:.1f} s, peak "
        f"{figures['peak_mb']:.0f} MB (the candidates alone {figures['made_mb']:.0f}); {figures['wrong']} links wrong, "
        f"{figures['missing']} missing"
    )
    if "estimate" not in figures:
        return tracks
    errors = f"errors {figures['error_seconds']:.1f} s, peak {figures['error_peak_mb']:.0f} MB. {figures['estimate']}"
    return f"{tracks}; {errors}"


def count_wrong(tracks: Annotations, truth: Annotations) -> dict:
    """Links that are wrong, missing true links, and numbers of divisions."""
    right = judge_links(truth, tracks)
    correct = int(np.equal(right, True).sum())
    return {
        "wrong": int(np.equal(right, False).sum()),
        "missing": len(truth.links) - correct,
        "divisions": [len(tracks.divisions()), len(truth.divisions())],
    }


def compare_methods(nuclei: int, time_points: int, seed: int) -> None:
    """Prints wrong and missing links of each method."""
    rng = np.random.default_rng(seed)
    truth = make_truth(nuclei, time_points, rng)
    candidates = make_candidates(truth, rng)
    for method in METHODS:
        begin = time.perf_counter()
        tracks = build_tracks(candidates, method=method)
        seconds = time.perf_counter() - begin
        figures = count_wrong(tracks, truth)
        print(
            f"{method:11s} {seconds:6.2f} s, {figures['wrong']:4d} links wrong, {figures['missing']:4d} missing of "
            f"{len(truth.links)}, divisions {figures['divisions'][0]} (true {figures['divisions'][1]})",
            flush=True,
        )


def compare_solvers(nuclei: int, time_points: int, seed: int) -> None:
    """Prints seconds and costs of the same problem solved in three ways."""
    rng = np.random.default_rng(seed)
    problem = build_problem(make_candidates(make_truth(nuclei, time_points, rng), rng))
    print(
        f"\nsolvers, {len(problem.time_points)} positions, {len(problem.links)} links that may be chosen:"
    )
    ways = {
        "ours": solve_ours,
        "one integer program, HiGHS": solve_whole,
        "motile": solve_with_motile,
    }
    for name, solve in ways.items():
        begin = time.perf_counter()
        try:
            cost = solve(problem)
        except ImportError as error:
            print(f"  {name}: not measured, {error}")
            continue
        print(f"  {name:27s} {time.perf_counter() - begin:7.2f} s, cost {cost:.4f}", flush=True)


def solve_ours(problem: TrackingProblem) -> float:
    """Cost found by `choose_optimally` in one window."""
    return sum_costs(problem, *choose_optimally(problem, len(problem.time_points)))


def solve_whole(problem: TrackingProblem) -> float:
    """Cost of the integer program stated without any shortcut."""
    sources, targets = problem.links.T
    m, n = len(problem.links), len(problem.time_points)
    leaves, reaches = (
        coo_array((np.ones(m), (ends, np.arange(m))), shape=(n, m)) for ends in (sources, targets)
    )
    one, none, no_link = eye_array(n), coo_array((n, n)), coo_array((n, m))
    rules = block_array(  # links, divisions, appearances, disappearances, nuclei
        [
            [reaches, none, one, none, -one],
            [leaves, -one, none, one, -one],
            [no_link, one, none, one, -one],
        ]
    )
    costs = (
        problem.link_costs,
        problem.division_costs,
        problem.appearance_costs,
        problem.disappearance_costs,
    )
    return milp(
        np.concatenate([*costs, problem.position_costs]),
        integrality=1,
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(rules.tocsr(), np.repeat([0, 0, -np.inf], n), 0),
        options={"mip_rel_gap": 0},
    ).fun


def solve_with_motile(problem: TrackingProblem) -> float:
    """Cost found by the library motile with the solver that comes with it."""
    import motile
    import networkx
    from motile import constraints, costs

    graph = networkx.DiGraph()
    names = ("position", "division", "appearance", "disappearance")
    for row, time_point in enumerate(problem.time_points.tolist()):
        graph.add_node(
            row,
            t=time_point,
            **{name: float(getattr(problem, f"{name}_costs")[row]) for name in names},
        )
    for (source, target), cost in zip(problem.links.tolist(), problem.link_costs.tolist()):
        graph.add_edge(source, target, link=cost)
    solver = motile.Solver(motile.TrackGraph(graph))
    kinds = (
        costs.NodeSelectedCost,
        costs.NodeSplitCost,
        costs.NodeAppearCost,
        costs.NodeDisappearCost,
    )
    for kind, name in zip((*kinds, costs.EdgeSelectedCost), (*names, "link")):
        solver.add_cost(kind(attribute=name), name=name)
    solver.add_constraint(constraints.MaxParents(1))
    solver.add_constraint(constraints.MaxChildren(2))
    solver.solve()
    selected = solver.get_selected_subgraph()
    chosen = np.array([link in selected.edges for link in map(tuple, problem.links.tolist())])
    return sum_costs(
        problem,
        chosen,
        np.array([row in selected.nodes for row in range(len(problem.time_points))]),
    )


def main() -> None:
    """Prints everything, or measures one size where told to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--whole", action="store_true", help="also 200 time points of 5,000 nuclei")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("NUCLEI", "TIME_POINTS"),
        help="only this size, as JSON",
    )
    parser.add_argument("--no-errors", action="store_true", help="with --size: tracks only")
    options = parser.parse_args()
    if options.size:
        print(json.dumps(measure_size(*options.size, options.seed, not options.no_errors)))
        return
    print("tracks, and their error probabilities, in a process each:")
    for nuclei, time_points in (*SIZES, *([WHOLE] if options.whole else [])):
        command = [
            sys.executable,
            __file__,
            "--size",
            str(nuclei),
            str(time_points),
            "--seed",
            str(options.seed),
        ]
        command += ["--no-errors"] * (
            (nuclei, time_points) == WHOLE
        )  # they would take ten minutes more
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        print(
            f"  {nuclei} nuclei x {time_points} time points: {say_size(json.loads(ran.stdout))}",
            flush=True,
        )
    print("\nmethods:")
    compare_methods(*SIZES[1], options.seed)
    compare_solvers(*SOLVER_SIZE, options.seed)


if __name__ == "__main__":
    main()
