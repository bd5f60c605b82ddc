import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_json_safely
from organoid_kit.course import measured
from organoid_kit.course.figures import plot_annotated_positions, plot_leakage, plot_results
from organoid_kit.course.measured import (
    choose_records,
    describe_difference,
    describe_spread,
    read_demonstration,
)
from organoid_kit.course.results_table import Result, ResultsTable
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.examples.splits import Split, find_leaks

ROOT = measured._FOLDER.parents[2]
MOST_BYTES = 300_000


def make_records(*values, **more):
    return [{"f1": value, "seed": seed, **more} for seed, value in enumerate(values, 1)]


def make_table():
    def train(start, time_points, error_rate, *values):
        keys = {
            "start": start,
            "time_points": time_points,
            "error_rate": error_rate,
            "positions": 30 * time_points,
        }
        return make_records(*values, **keys)

    records = (
        train("scratch", 1, 0.0, 0.2, 0.4)
        + train("scratch", 24, 0.0, 0.8, 0.9)
        + train("tiny", 0, 0.0, 0.7)
    )
    return {
        "records": records
        + train("scratch", 24, 0.1, 0.6, 0.7)
        + train("tiny", 24, 0.0, 0.98, None)
    }


LEAKS = [
    {"part": part, "seed": seed, "shown": shown, "held_out": 0.8 + seed / 100}
    for part, shown in (("random time points", 0.95), ("another movie", 0.8))
    for seed in (1, 2)
]


# ---- tables that come with the package


@pytest.mark.parametrize("name", ["annotations", "five_microscopes", "leakage"])
def test_each_table_says_how_it_was_measured(name):
    table = read_demonstration(name)
    script = table["command"].split()[1]
    assert (ROOT / script).is_file(), "The command that the table names must exist."
    assert all(
        table[key] for key in ("machine", "date", "versions", "steps", "judged_on", "records")
    )
    assert len({record["seed"] for record in table["records"]}) >= 3


def test_the_tables_are_small():
    assert sum(path.stat().st_size for path in measured._FOLDER.glob("*.json")) < MOST_BYTES


def test_everything_compared_in_the_course_was_measured_with_three_seeds():
    table = read_demonstration("annotations")
    shipped = {each["start"] for each in table["records"]} - {"scratch"}
    assert shipped == {"position_small"}
    most = max(each["time_points"] for each in table["records"])
    kinds = [("scratch", 1, 0.0), ("position_small", 1, 0.0), ("position_small", most, 0.0)]
    kinds += [("scratch", most, rate) for rate in (0.0, 0.01, 0.1)]
    for start, time_points, error_rate in kinds:
        found = choose_records(table, start=start, time_points=time_points, error_rate=error_rate)
        assert len({each["seed"] for each in found}) >= 3, (start, time_points, error_rate)


def test_what_notebook_08_says_of_few_annotations_was_measured():
    few = choose_records(read_demonstration("annotations"), time_points=1, error_rate=0.0)
    assert {each["start"] for each in few} == {"scratch", "position_small"} and min(
        each["f1"] for each in few
    ) > 0.9


def test_what_notebook_04_says_of_five_microscopes_was_measured():
    table = read_demonstration("five_microscopes")
    blobs, scratch, shipped, own_blobs = (
        choose_records(table, way=way) for way in dict.fromkeys(r["way"] for r in table["records"])
    )
    means = [np.mean([each["f1"] for each in part]) for part in (blobs, scratch, shipped)]
    assert means == sorted(means) and "Better with every seed" in describe_difference(
        shipped, blobs
    )
    of_shipped, of_own = ([each["f1"] for each in part] for part in (shipped, own_blobs))
    assert means[0] < np.mean(of_own) < np.mean(of_shipped) and min(of_shipped) > max(of_own)


def test_what_notebook_09_says_of_the_steepest_lines_was_measured():
    records = read_demonstration("leakage")["records"]
    steepest = sorted(records, key=lambda each: each["held_out"] - each["shown"])[:3]
    assert {(each["movie"], each["part"]) for each in steepest} == {
        ("organoid_b", "end of the movie")
    }
    others = [
        each
        for each in records
        if each["movie"] == "organoid_b" and each["part"] == "another movie"
    ]
    assert (
        max(each["threshold"] for each in steepest) <= 0.2
        and min(each["threshold"] for each in others) > 0.5
    )


def test_another_name_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="'weather'.*annotations"):
        read_demonstration("weather")
    monkeypatch.setattr(measured, "_FOLDER", tmp_path)
    write_json_safely(tmp_path / "weather.json", {"records": []})
    assert read_demonstration("weather") == {"records": []}


# ---- what records say


def test_spread():
    records = make_records(0.5, None, 0.6)
    assert describe_spread(records) == "0.550 (0.500 to 0.600)"
    assert describe_spread(make_records(0.5)) == "0.500"
    assert describe_spread(make_records(None)) == describe_spread([]) == "not measured"


@pytest.mark.parametrize(
    "values, others, words",
    [
        (
            (0.8, 0.9),
            (0.6, 0.7),
            "Better with every seed, by 0.200 on average. Chance alone would do that in 1 of 3 ",
        ),
        ((0.6, 0.7), (0.8, 0.9), "Worse with every seed, by 0.200"),
        ((0.5, 0.6, 0.7), (0.8, None, 0.9, 1.0), "in 1 of 10 comparisons"),
        ((0.6, 0.8), (0.7, 0.9), "No clear difference"),
        ((0.6, 0.8), (0.8, 0.9), "No clear difference"),
        ((None,), (0.8, 0.9), "Not measured"),
    ],
)
def test_a_difference_is_claimed_only_where_no_seed_contradicts(values, others, words):
    assert words in describe_difference(make_records(*values), make_records(*others))


def test_records_are_chosen_by_their_values():
    found = choose_records(make_table(), start="scratch", error_rate=0.0)
    assert [each["f1"] for each in found] == [0.2, 0.4, 0.8, 0.9]


# ---- figures


def test_the_figure_of_data_size_says_what_it_shows():
    figure = plot_annotated_positions(
        make_table()["records"], marked=("scratch", 24, 0.1), title="Data"
    )
    figure.canvas.draw()
    for words in (
        "Data: F1",
        "from scratch, 30 positions: 0.300 (0.200 to 0.400)",
        "from scratch, 10 % wrong, 720 positions: 0.650",
        "fine-tuned, 720 positions: 0.980",
        "fine-tuned, 0 positions: 0.700",
    ):
        assert words in figure.description
    [axes] = figure.axes
    rings = [line.get_xydata().tolist() for line in axes.lines if line.get_markersize() == 18]
    assert rings == [
        [[pytest.approx(720 * 1.09), pytest.approx(0.65)]]
    ]  # right annotations stand at 720
    [right] = [line for line in axes.lines if line.get_label() == "from scratch"]
    assert right.get_xdata().tolist() == [30, 720]


def test_small_differences_look_small():
    values = (0.990, 0.992)
    rows = [Result("position", "same", seed, {"F1": f1}, "", "") for seed, f1 in enumerate(values)]
    assert plot_results(ResultsTable(tuple(rows))).axes[0].get_xlim()[0] == 0.9


def test_the_figure_of_leakage():
    figure = plot_leakage(LEAKS)
    figure.canvas.draw()
    assert (
        "random time points: promised 0.950 on average, came true 0.815: 0.135 too high ("
        in figure.description
    )
    assert "+0.130 to +0.140)" in figure.description
    assert [each.get_text() for each in figure.axes[0].texts] == ["0.135 too high", "0.015 too low"]


@pytest.mark.parametrize("plot", [plot_annotated_positions, plot_leakage])
def test_nothing_measured_is_not_drawn(plot):
    with pytest.raises(UserError, match="no records"):
        plot([])


# ---- how they are measured


@pytest.fixture
def benchmarks(monkeypatch):
    pytest.importorskip("keras")
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("The benchmarks are in the repository only.")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import annotations
    import leakage

    return annotations, leakage


@pytest.fixture
def movie(lineage):
    positions = np.random.default_rng(1).uniform(2, 30, (120, 3))
    annotations = type(lineage)(
        positions, np.repeat(range(12), 10), spacing_um=(1, 1, 1), name="sample"
    )
    images = np.zeros((12, 1, 32, 32, 32), np.uint8)
    return AnnotatedMovie(make_timelapse(images, (1, 1, 1), name="sample"), annotations)


def test_so_many_annotations_are_wrong(benchmarks, movie):
    spoil = benchmarks[0].spoil
    right = {tuple(each) for each in movie.annotations.positions}
    spoilt = spoil(movie, 0.1, np.random.default_rng(1)).annotations
    now = {tuple(each) for each in spoilt.positions}
    assert len(right - now) == 8  # of 12 wrong ones, 4 are missing, 4 moved, and 4 added
    assert len(now - right) == 8 and len(spoilt) == 120
    untouched = spoil(movie, 0.0, np.random.default_rng(1)).annotations
    assert {tuple(each) for each in untouched.positions} == right


def test_so_many_time_points_are_drawn(benchmarks, movie):
    kept = benchmarks[0].draw_time_points([movie, movie], 5, seed=1)
    assert sum(len(each.annotations.annotated_time_points) for each in kept) == 5
    times = [each.annotations.annotated_time_points.tolist() for each in kept]
    again = benchmarks[0].draw_time_points([movie, movie], 5, seed=1)
    assert times == [each.annotations.annotated_time_points.tolist() for each in again]
    whole = benchmarks[0].draw_time_points([movie, movie], 24, seed=1)
    assert [len(each.annotations) for each in whole] == [120, 120]


def test_only_time_points_dealt_at_random_leak(benchmarks, movie):
    leakage = benchmarks[1]
    other = AnnotatedMovie(
        make_timelapse(np.zeros((3, 1, 4, 4, 4)), (1, 1, 1), name="other"), movie.annotations
    )
    parts = leakage.make_parts(movie, other, seed=1)
    leaks = {part: find_leaks(Split(parts["training"], parts[part])) for part in leakage.PARTS}
    assert [bool(leaks[part]) for part in leakage.PARTS] == [True, False, False]
