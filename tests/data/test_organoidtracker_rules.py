import json

import numpy as np
import pytest
from hypothesis import given, settings

from data.organoidtracker_rules import find_broken_rules
from format_helpers import annotations_strategy, column, grow_lineages
from organoid_kit.base import UserError
from organoid_kit.data.formats import add_organoidtracker_data, write_annotations

KINDS = ({}, {"daughters": 3}, {"merges": 0.3}, {"alone": 0.9}, {"first": 3, "texts": True})


def write_and_check(annotations, path):
    write_annotations(annotations, path)
    return find_broken_rules(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("kind", KINDS)
def test_random_lineages_keep_the_rules(tmp_path, kind):
    for seed in range(20):
        lineage = grow_lineages(np.random.default_rng(seed), **kind)
        for name, data in (("plain", lineage), ("data", add_organoidtracker_data(lineage))):
            assert write_and_check(data, tmp_path / f"{name}_{seed}.aut") == []


@settings(max_examples=40, deadline=None)
@given(annotations=annotations_strategy())
def test_any_annotations_keep_the_rules(annotations, tmp_path_factory):
    assert write_and_check(annotations, tmp_path_factory.mktemp("rules") / "a.aut") == []


@pytest.mark.parametrize(("apart", "fits"), [(0.002, False), (0.009, False), (0.02, True)])
def test_two_positions_that_it_takes_for_one_are_refused(lineage, tmp_path, apart, fits):
    lineage.positions[1] = lineage.positions[5] + (apart, 0, apart)  # whatever their decimals
    if fits:
        assert write_and_check(lineage, tmp_path / "a.aut") == []
    else:
        with pytest.raises(UserError, match="positions 1 and 5 at time point 2.*Remove or repair"):
            write_annotations(lineage, tmp_path / "a.aut")


def shorten(name):
    """A change that takes one value away from the first track that has such data."""

    def change(content):
        track = next(track for track in content["tracks"] if track.get(name))
        next(iter(track[name].values())).pop()

    return change


CHANGES = {
    "version": lambda content: content.update(version="v1"),
    "image_resolution": lambda content: content["image_resolution"].pop("t_m"),
    "records": lambda content: content["positions"].append(content["positions"][0]),
    "which is no position": lambda content: content["tracks"][0]["coords_xyz_px"][0].reverse(),
    "are one to it": lambda content: content["positions"][0]["coords_xyz_px"].append(
        [value + 0.001 for value in content["positions"][0]["coords_xyz_px"][0]]
    ),
    "no track ends": lambda content: content["tracks"].pop(0),
    "share a position": lambda content: content["tracks"].append(content["tracks"][-1]),
    "values of": shorten("link_meta"),
    "called source": lambda content: content["positions"][0]["position_meta"].update(source=[]),
    "called id": lambda content: content["tracks"][0].update(lineage_meta={"id": 1}),
    "a parent and data of a lineage": lambda content: next(
        track for track in content["tracks"] if "coords_xyz_px_before" in track
    ).update(lineage_meta={"color": 1}),
}


@pytest.mark.parametrize("rule", CHANGES)
def test_a_broken_rule_is_found(rule, lineage, tmp_path):
    lineage.properties["kind"] = column(["stem"] * 7)
    lineage.link_properties["link_probability"] = column([0.5] * 5)
    assert write_and_check(lineage, tmp_path / "a.aut") == []
    content = json.loads((tmp_path / "a.aut").read_text("utf-8"))
    CHANGES[rule](content)
    assert any(rule in sentence for sentence in find_broken_rules(content))
