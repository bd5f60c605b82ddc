"""This build beside an earlier one: processor seconds, peak memory and scores of the same commands,
and where the seconds of this build go.

    python benchmarks/against_build.py 0af280b [--only help stack positions links tracks training]
        [--times 3] [--seeds 1 2 3] [--movies slow fast restless]
    python benchmarks/against_build.py --where

Both builds are asked in turn, each time in a process of its own with one thread, through the
command line, which both have. Seconds are those that the processor spent on that process; so other
work on the machine matters little, though it shares caches. Scores are counted by this build, on
files that either wrote. Movies are invented, of seeds that nothing was chosen by.
"""

from __future__ import annotations

import argparse
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from _held_out import FAST, RESTLESS, make_like_samples
from house import ROOT, extract

from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data import AnnotatedMovie, read_annotations, read_timelapse, write_annotations
from organoid_kit.data.dataset import write_dataset
from organoid_kit.data.timelapse import make_timelapse, write_timelapse
from organoid_kit.evaluation import score_positions
from organoid_kit.evaluation.tracks import score_links
from organoid_kit.training.runs import list_runs

SAMPLES = ROOT / "data_samples"
KINDS = {"slow": {}, "fast": FAST, "restless": RESTLESS}
SEED = 341
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
# What a line of the table adds up: the function whose time it is, with all that it calls
PARTS = {
    "importing": ("_find_and_load",),
    "opening networks": ("load_network",),
    "comparing with the training": ("warn_if_unlike", "state_size"),
    "preparing stacks": ("prepare_stack",),
    "cutting crops and patches": ("cut_crop",),
    "position network": ("_predict_tiles",),
    "peaks": ("find_peaks",),
    "division and link network": ("_answer",),
    "what distance says": ("estimate_link_probabilities",),
    "tracks": ("build_tracks",),
    "errors": ("add_error_probabilities",),
    "training steps": ("learn",),
    "validating": ("validate",),
    "calibrating": ("calibrate_network",),
    "pages": ("save_tracking", "save_report", "write_page"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit", nargs="?", help="of the earlier build")
    parser.add_argument("--where", action="store_true", help="only where this build's seconds go")
    parser.add_argument("--only", nargs="+", default=["help", "positions", "links", "tracks"])
    parser.add_argument("--times", type=int, default=3, help="each command is run so often")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of trainings")
    parser.add_argument("--movies", nargs="+", choices=KINDS, default=list(KINDS))
    choices = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if choices.where:
            print_where(Path(folder))
            return
        if not choices.commit:
            parser.error("which commit?")
        earlier = extract(choices.commit, Path(folder) / "earlier")
        compare({choices.commit: earlier, "now": ROOT}, choices, Path(folder))


def compare(builds: dict[str, Path], choices: argparse.Namespace, folder: Path) -> None:
    """Prints a line for each command, build by build, and the ratio of the two."""
    for title, command, truth, times in list_commands(choices, folder):
        seconds: dict[str, list[float]] = {name: [] for name in builds}
        said = {}
        for time in range(times):
            for name, build in builds.items():
                place = folder / f"{title.replace(' ', '_')}_{time}_{name}"
                spent, peak_gb = run(build, [*command, *name_output(command, place)])
                seconds[name].append(spent)
                said[name] = f"{peak_gb:.2f} GB{count(place, truth)}"
        middle = {name: statistics.median(values) for name, values in seconds.items()}
        for name, values in seconds.items():
            spread = f"{min(values):.2f} to {max(values):.2f} s" if times > 1 else ""
            print(f"{title:24} {name:8} {middle[name]:7.2f} s  {spread}  {said[name]}")
        before, now = middle.values()
        files = [path.read_bytes() for path in sorted(folder.glob(f"{place.name[:-3]}*.aut"))]
        same = f"  the same file: {files[0] == files[1]}" if len(files) == 2 else ""
        print(f"{title:24} ratio    {before / now:7.2f}{same}\n", flush=True)


def list_commands(
    choices: argparse.Namespace, folder: Path
) -> Iterator[tuple[str, list[str], Path | None, int]]:
    """Title, command without its output, the true annotations, and how often to run it."""
    if "help" in choices.only:
        yield "help", ["--help"], None, choices.times
    if "stack" in choices.only:
        with ProcessPoolExecutor(
            1, get_context("spawn")
        ) as apart:  # else its peak counts as theirs
            movie, truth = apart.submit(save_stack, folder).result()
        yield "stack", ["predict", "position_small", str(movie)], truth, choices.times
    channels = ["--channels", "2,3"]
    for kind in choices.movies if {"positions", "links", "tracks"} & {*choices.only} else ():
        movie, dataset, truth = save_movie(kind, folder)
        networks = {
            "positions": ["predict", "position_small", str(movie)],
            "links": ["predict", "link_small", str(dataset)],
            "tracks": ["track", str(movie)],
        }
        for name in networks:
            if name in choices.only:
                yield f"{name} {kind}", [*networks[name], *channels], truth, choices.times
    if "training" in choices.only:
        for network in ("position", "division", "link"):
            file = "settings.json" if network == "position" else f"settings_{network}.json"
            command = ["train", str(SAMPLES / "training.autlist"), "--settings"]
            command += [str(SAMPLES / file), "--validation", str(SAMPLES / "validation.autlist")]
            for seed in choices.seeds:
                yield f"training {network} {seed}", [*command, "--seed", str(seed)], None, 1


def save_movie(kind: str, folder: Path) -> tuple[Path, Path, Path]:
    """An invented movie, a list with its truth, and that truth alone."""
    made = make_like_samples(SEED, kind, **KINDS[kind])
    movie, dataset = folder / f"{kind}.ome.tif", folder / f"{kind}.autlist"
    write_timelapse(made.movie, movie)
    entry = AnnotatedMovie(read_timelapse(movie), made.annotations)
    return movie, dataset, *write_dataset([entry], dataset)


def save_stack(folder: Path) -> tuple[Path, Path]:
    """One stack of 32 × 512 × 512 voxels of the spacing that the networks see, and its truth."""
    settings = SyntheticSettings(
        time_points=1, shape_zyx=(32, 512, 512), spacing_um=(2.0, 1.0, 1.0), nuclei=400
    )
    made, truth = make_synthetic_movie(settings, SEED, "stack")
    images = made.stack(0, (2, 3))[None, None]
    write_timelapse(make_timelapse(images, spacing_um=made.spacing_um), folder / "stack.ome.tif")
    write_annotations(truth, folder / "stack.aut")
    return folder / "stack.ome.tif", folder / "stack.aut"


def name_output(command: list[str], place: Path) -> list[str]:
    if command[0] == "train":
        return ["--output", str(place)]
    return [] if command == ["--help"] else ["-o", str(place.with_suffix(".aut"))]


def run(build: Path, command: list[str]) -> tuple[float, float]:
    """Seconds of processor and peak memory, GB, of a command of a build."""
    own = os.environ | QUIET | ONE_THREAD | {"PYTHONPATH": str(build)}
    asked = [sys.executable, "-m", "organoid_kit", *command]
    child = subprocess.Popen(asked, cwd=build, env=own, stdout=subprocess.DEVNULL, stderr=-1)
    errors = child.stderr.read().decode()
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(asked)} failed:\n{errors[-2000:]}")
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return used.ru_utime + used.ru_stime, peak / 1e9


def count(place: Path, truth: Path | None) -> str:
    """What of an output is right, by this build; empty where nothing can be scored."""
    for run in list_runs(place) if place.is_dir() else ():
        qualities = ("validation_f1", "validation_average_precision")
        return "".join(f"; {name} {run[name]:.3f}" for name in qualities if run.get(name))
    if truth is None:
        return ""
    true, found = (read_annotations(path) for path in (truth, place.with_suffix(".aut")))
    if not len(found.links):
        return f"; F1 {score_positions(true, found).f1:.3f}"
    return f"; {str(score_links(true, found)).split('(')[0].strip()}"


# ---- where the seconds go ------------------------------------------------------------------------


def print_where(folder: Path) -> None:
    """Prints a table for each command."""
    print("# Where each second goes\n")
    print("Processor seconds of `python benchmarks/against_build.py --where`, one thread, with the")
    print("profiler on, which makes Python itself slower. Lines may lie in each other: a training")
    print("validates and calibrates by predicting.\n")
    movie, _, _ = save_movie("slow", folder)
    bundled = ["train", str(SAMPLES / "training.autlist"), "--settings"]
    bundled += [str(SAMPLES / "settings.json"), "--validation", str(SAMPLES / "validation.autlist")]
    commands = {
        "tracking (prediction, tracks, report)": [
            *("track", str(SAMPLES / "test.autlist"), "--channels", "2,3", "--score")
        ],
        "prediction (positions)": [*("predict", "position_small", str(movie), "--channels", "2,3")],
        "training (position network, 4 epochs)": [*bundled, "--epochs", "4"],
    }
    for number, (title, command) in enumerate(commands.items()):
        profile = folder / f"{number}.profile"
        code = "import cProfile, sys, time; from organoid_kit.cli import main; "
        code += "p = cProfile.Profile(time.process_time); p.enable(); main(sys.argv[2:]); "
        code += "p.disable(); p.dump_stats(sys.argv[1])"
        asked = [sys.executable, "-c", code, str(profile), *command]
        asked += name_output(command, folder / f"where_{number}")
        own = os.environ | QUIET | ONE_THREAD | {"PYTHONPATH": str(ROOT)}
        subprocess.run(asked, check=True, env=own, cwd=ROOT, capture_output=True)
        print(f"## {title}\n\n| what | seconds | part |\n| --- | ---: | ---: |")
        total, rows = read_profile(profile)
        for name, seconds in rows:
            print(f"| {name} | {seconds:.1f} | {seconds / total:.0%} |")
        print(f"| all | {total:.1f} | |\n", flush=True)


def read_profile(file: Path) -> tuple[float, list[tuple[str, float]]]:
    """All seconds, and those of each part that takes some, the longest first."""
    stats = pstats.Stats(str(file))
    spent = {
        name: sum(
            cumulative
            for (path, _, function), (_, _, _, cumulative, _) in stats.stats.items()
            if function in functions and ("organoid_kit" in path or "importlib" in path)
        )
        for name, functions in PARTS.items()
    }
    rows = sorted(spent.items(), key=lambda row: -row[1])
    return stats.total_tt, [(name, seconds) for name, seconds in rows if seconds >= 0.05]


if __name__ == "__main__":
    main()
