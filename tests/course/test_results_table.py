import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.course import results_table
from organoid_kit.course.figures import plot_results
from organoid_kit.course.results_table import add_result, read_results
from organoid_kit.plots.drawing import describe, write_png


@pytest.fixture
def folder(tmp_path):
    for seed, f1 in ((1, 0.9), (2, 0.94), (3, 0.95)):
        add_result(
            tmp_path,
            "position",
            "from scratch",
            seed,
            {"F1": f1, "recall": None},
            tested_on="organoid_d",
        )
    add_result(
        tmp_path,
        "position",
        "blob detector",
        None,
        {"F1": 0.8, "recall": 0.75},
        tested_on="organoid_d",
    )
    add_result(
        tmp_path, "link", "from scratch", np.int64(1), {"average precision": np.float32(0.5)}
    )
    return tmp_path


def cells(table):
    return {(row.network, row.variant): row for row in table.rows}


def test_an_empty_folder_has_no_results(tmp_path):
    table = read_results(tmp_path)
    assert (
        table.results == ()
        and "No results yet." in repr(table)
        and "No results yet." in table._repr_html_()
    )


def test_a_row_is_the_mean_and_spread_over_the_seeds(folder):
    text = repr(read_results(folder))
    [line] = [line for line in text.splitlines() if "position" in line and "from scratch" in line]
    assert (
        line.split("  ")[0] == "position" and "1, 2, 3" in line and "0.930 (0.900 to 0.950)" in line
    )
    assert "organoid_d" in line


def test_what_was_not_measured_is_said(folder):
    lines = repr(read_results(folder)).splitlines()
    [scratch] = [line for line in lines if "1, 2, 3" in line]
    [blobs] = [line for line in lines if "blob detector" in line]
    assert scratch.count("not measured") == 1 and "not measured" not in blobs
    assert "no chance in it" in blobs and "0.000" not in "".join(lines)


def test_each_network_has_a_table_with_its_own_scores(folder):
    add_result(folder, "tracks", "all three", 1, {"TRA": 1.0})
    add_result(folder, "more", "something else", 1, {"F1": 1.0})
    add_result(folder, "tracks", "two", 1, {"TRA": 0.5})
    table = read_results(folder)
    headings = [line.split() for line in repr(table).splitlines() if line.startswith("network")]
    assert [heading[5:] for heading in headings] == [
        ["F1", "recall"],
        ["average", "precision"],
        ["TRA"],
        ["F1"],
    ]
    assert table._repr_html_().count("<table") == 4
    assert "position: mean over the seeds (lowest to highest)" in table._repr_html_()


def test_networks_stand_in_the_order_of_the_course(folder):
    add_result(folder, "tracks", "all three", 1, {"TRA": 1.0})
    add_result(folder, "division", "from scratch", 1, {"average precision": 0.3})
    networks = [row.network for row in read_results(folder).rows]
    assert networks == ["position", "position", "division", "link", "tracks"]


def test_a_result_on_other_movies_is_another_row(folder):
    add_result(folder, "position", "from scratch", 4, {"F1": 0.1}, tested_on="real organoid")
    rows = [
        row
        for row in read_results(folder).rows
        if row.variant == "from scratch" and row.network == "position"
    ]
    assert [(row.tested_on, row.seeds) for row in rows] == [
        ("organoid_d", [1, 2, 3]),
        ("real organoid", [4]),
    ]


def test_the_same_seed_again_shows_the_newest_and_keeps_both(folder):
    add_result(folder, "position", "from scratch", 1, {"F1": 0.96}, tested_on="organoid_d")
    table = read_results(folder)
    [row] = [
        row for row in table.rows if (row.network, row.variant) == ("position", "from scratch")
    ]
    assert sorted(row.values("F1")) == [0.94, 0.95, 0.96] and len(table.results) == 6
    assert all(each.written.endswith("+00:00") for each in table.results)
    assert (
        "kept, but not shown: 1" in repr(table) and "kept, but not shown: 1" in table._repr_html_()
    )


def test_a_coarse_clock_loses_nothing_and_keeps_the_order(tmp_path, monkeypatch):
    class Stopped(datetime):
        @classmethod
        def now(cls, zone):
            return cls(2026, 1, 1, tzinfo=zone)

    monkeypatch.setattr(results_table, "datetime", Stopped)
    for f1 in (0.1, 0.2, 0.3):
        add_result(tmp_path, "link", "the same", 1, {"F1": f1})
    table = read_results(tmp_path)
    assert [each.scores["F1"] for each in table.results] == [0.1, 0.2, 0.3] and table.rows[
        0
    ].values("F1") == [0.3]


def test_html_escapes_and_names_its_columns(tmp_path):
    add_result(tmp_path, "position", "<b>bold</b>", 1, {"F1": 0.5})
    html = read_results(tmp_path)._repr_html_()
    assert (
        "<b>" not in html
        and "&lt;b&gt;" in html
        and '<th scope="col"' in html
        and "<caption" in html
    )


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    def add(number):
        add_result(tmp_path, "position", "the same", 1, {"F1": number / 100})

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(add, range(60)))
    assert sorted(each.scores["F1"] for each in read_results(tmp_path).results) == [
        n / 100 for n in range(60)
    ]


def test_two_programs_lose_nothing(tmp_path):
    program = (
        "import sys\nfrom organoid_kit.course.results_table import add_result\n"
        "for number in range(30):\n"
        "    add_result(sys.argv[1], 'link', 'the same', int(sys.argv[2]), {'F1': number / 100})\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), seed]) for seed in "12"]
    assert [each.wait() for each in both] == [0, 0]
    table = read_results(tmp_path)
    assert len(table.results) == 60 and table.rows[0].seeds == [1, 2]
    assert table.rows[0].values("F1") == [0.29, 0.29]  # the newest of each


@pytest.mark.parametrize(
    "content", ["", '{"network": "posi', "[]", '{"network": "position"}', "null"]
)
def test_a_damaged_row_is_named_and_never_overwritten(folder, content):
    damaged = sorted((folder / "results").glob("*.json"))[1]
    damaged.write_text(content)
    add_result(folder, "division", "from scratch", 1, {"F1": 0.2})
    assert damaged.read_text() == content
    with pytest.warns(UserWarning, match=f"{damaged.name} is left out"):
        assert len(read_results(folder).results) == 5


@pytest.mark.parametrize(
    "change",
    [{"scores": {"F1": "high"}}, {"network": ["position"]}, {"variant": [1]}, {"tested_on": {}}]
    + [{"written": 5}, {"scores": []}, {"seed": [1]}, {"of_a_newer_kit": 1}],
)
def test_a_row_with_a_wrong_value_is_damaged(folder, change):
    damaged = min((folder / "results").glob("*.json"))
    changed = json.loads(damaged.read_text()) | change
    damaged.write_text(json.dumps(changed))
    with pytest.warns(UserWarning, match=f"{damaged.name} is left out"):
        assert len(read_results(folder).results) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": " "}, "name of its network"),
        ({"variant": ""}, "name of its variant"),
        ({"seed": 1.5}, "A seed is a whole number"),
        ({"seed": True}, "A seed is a whole number"),
        ({"scores": {"F1": float("nan")}}, "A score is a number"),
        ({"scores": {"F1": "0.9"}}, "A score is a number"),
        ({"scores": {3: 0.9}}, "name of its score"),
    ],
)
def test_wrong_results_are_refused(tmp_path, change, message):
    right = {"network": "position", "variant": "from scratch", "seed": 1, "scores": {"F1": 0.9}}
    with pytest.raises(UserError, match=message):
        add_result(tmp_path, **right | change)
    assert not (tmp_path / "results").exists()


def test_files_that_a_system_leaves_are_no_rows(folder):
    (folder / "results" / "._copy.json").write_text("?")
    (folder / "results" / "desktop.ini").write_text("?")
    assert len(read_results(folder).results) == 5


def test_the_plot_shows_each_seed_and_the_mean(folder):
    figure = plot_results(read_results(folder))
    assert [axes.get_title() for axes in figure.axes] == ["position: F1", "link: average precision"]
    seeds, mean, *_ = figure.axes[0].lines
    assert list(seeds.get_xdata()) == [0.9, 0.94, 0.95] and list(mean.get_xdata()) == pytest.approx(
        [0.93]
    )
    assert seeds.get_marker() != mean.get_marker()
    assert "from scratch (organoid_d) 0.930 (0.900 to 0.950)" in describe(figure)


def test_the_plot_leaves_out_what_was_not_measured(folder):
    figure = plot_results(read_results(folder), score="recall")
    assert [axes.get_title() for axes in figure.axes] == ["position: recall"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "blob detector\n(organoid_d)"
    ]


@pytest.mark.parametrize("score", [None, "never heard of"])
def test_nothing_is_plotted_without_results(tmp_path, score):
    figure = plot_results(read_results(tmp_path), score=score)
    assert describe(figure) == "No results yet." and write_png(figure)[1:4] == b"PNG"


def test_the_newer_result_counts_though_the_clock_went_back(tmp_path, monkeypatch):
    for year, f1 in ((2031, 0.1), (2030, 0.2), (2030, 0.3), (2032, 0.4), (2029, 0.5)):
        now = SimpleNamespace(now=lambda _, year=year: datetime(year, 1, 1))
        monkeypatch.setattr(results_table, "datetime", now)
        add_result(tmp_path, "position", "from scratch", 1, {"F1": f1})
        [row] = read_results(tmp_path).rows
        assert row.values("F1") == [f1]
