"""What `other_programs.py` runs in the environment of the other programs: each function opens one
file with one program and says in plain lists what that program then holds. Nothing of ours is
imported here.

    python _other_readers.py JOBS.json RESULTS.json

A job is {"reader": name of a function, "path": …, "back": where the program may write again}. A
result has whatever the program can say of "positions" (zyx), "times", "links" (pairs of indices),
"divisions", "spacing", "minutes", "properties", "link_properties"; or "error".
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np


def say(
    ids: Iterable[Any],
    positions: Iterable[Iterable[float]],
    times: Iterable[float],
    links: Iterable[tuple[Any, Any]],
    **more: Any,
) -> dict[str, Any]:
    """A result, with indices in place of ids."""
    index = {node: number for number, node in enumerate(ids)}
    positions = [[float(value) for value in position] for position in positions]
    links = [(index[source], index[target]) for source, target in links]
    times = [float(time) for time in times]
    return {"positions": positions, "times": times, "links": links, **more}


def say_graph(graph: Any, time: str, axes: Iterable[str], **more: Any) -> dict[str, Any]:
    """The same of a networkx graph, with its attributes."""
    nodes, edges = dict(graph.nodes(data=True)), list(graph.edges(data=True))
    names = dict.fromkeys(name for data in nodes.values() for name in data)
    link_names = dict.fromkeys(name for *_, data in edges for name in data)
    return say(
        nodes,
        [[data[axis] for axis in axes] for data in nodes.values()],
        [data[time] for data in nodes.values()],
        [edge[:2] for edge in edges],
        properties={name: [data.get(name) for data in nodes.values()] for name in names},
        link_properties={name: [data.get(name) for *_, data in edges] for name in link_names},
        **more,
    )


def say_frame(frame: Any, time: str, axes: Iterable[str], links: list, **more: Any) -> dict:
    """The same of a table with a column `id`."""
    properties = {name: frame[name].tolist() for name in frame.columns}
    positions, times = frame[list(axes)].to_numpy().tolist(), frame[time].tolist()
    return say(frame["id"].tolist(), positions, times, links, properties=properties, **more)


def write_again(function: Callable, *arguments: Any) -> dict[str, str]:
    """What keeps the program from writing the file again, if anything does."""
    try:
        function(*arguments)
    except Exception as error:
        return {"not_back": describe(error)}
    return {}


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"[:200]


# ---- GEFF -------------------------------------------------------------------------------------------------


def geff(path: str, back: str) -> dict[str, Any]:
    import geff
    from geff.core_io import read_to_memory
    from geff.validate.data import ValidationConfig, validate_data

    geff.validate_structure(path)
    validate_data(read_to_memory(path), ValidationConfig(graph=True, tracklet=True, lineage=True))
    graph, metadata = geff.read(path)
    geff.write(graph, back, metadata=metadata)
    scales = [axis.scale for axis in metadata.axes]
    units = {"spacing": scales[1:], "minutes": scales[0]} if all(scales) else {}
    return say_graph(graph, "t", "zyx", **units)


def geff_to_tables(path: str, back: str) -> dict[str, Any]:
    from geff.convert import geff_to_dataframes

    nodes, edges = geff_to_dataframes(path)
    links = edges[["source", "target"]].to_numpy().tolist()
    properties = {name: edges[name].tolist() for name in edges.columns}
    return say_frame(nodes, "t", "zyx", links, link_properties=properties)


def pycellin(path: str, back: str) -> dict[str, Any]:
    from pycellin.io.geff.exporter import export_GEFF
    from pycellin.io.geff.loader import load_GEFF

    model = load_GEFF(path)
    result = say_pycellin(model, model.reference_time_property)
    axes = ["cell_x", "cell_y", "cell_z"]  # without these it writes none
    return result | write_again(export_GEFF, model, back, "t", axes)


def say_pycellin(model: Any, time: str) -> dict[str, Any]:
    import networkx

    graph = networkx.compose_all(list(model.data.cell_data.values()))
    metadata = vars(model.model_metadata)
    sizes = [metadata.get(f"pixel_{name}") for name in ("depth", "height", "width")]
    return say_graph(
        graph,
        time,
        ("cell_z", "cell_y", "cell_x"),
        divisions=len(model.get_divisions()),
        spacing=sizes if all(sizes) else None,
        minutes=metadata["time_step"] if metadata["time_unit"] == "minute" else None,
    )


def traccuracy(path: str, back: str) -> dict[str, Any]:
    from traccuracy.loaders import load_geff_data

    graph = load_geff_data(path, load_all_props=True)
    divisions = len(graph.get_divisions())
    return say_graph(graph.graph, graph.frame_key, graph.location_keys, divisions=divisions)


def funtracks(path: str, back: str) -> dict[str, Any]:
    """The data model of motile_tracker."""
    from funtracks.import_export import export_to_geff, import_from_geff

    tracks = import_from_geff(Path(path))
    return say_funtracks(tracks) | write_again(export_to_geff, tracks, Path(back))


def say_funtracks(tracks: Any) -> dict[str, Any]:
    nodes = list(tracks.nodes())
    names = tracks.graph_solution.node_attr_keys()
    properties = {name: [tracks.get_node_attr(node, name) for node in nodes] for name in names}
    edges = tracks.graph_solution.edge_list()
    link_names = tracks.graph_solution.edge_attr_keys()
    return say(
        nodes,
        tracks.get_positions(nodes).tolist(),
        tracks.get_times(nodes),
        edges,
        properties={name: list(values) for name, values in properties.items()},
        link_properties={
            name: [tracks.get_edge_attr(edge, name) for edge in edges] for name in link_names
        },
    )


def napari_geff(path: str, back: str) -> dict[str, Any]:
    """The layer of tracks that napari would show."""
    from napari_geff._reader import get_geff_reader

    reader = get_geff_reader(path)
    if reader is None:
        raise ValueError("not taken for a GEFF with tracks")
    [(tracks, layer, _)] = reader(path)
    return say_napari(tracks, layer["graph"], layer["features"], layer["scale"])


def say_napari(tracks: Any, graph: dict, features: Any, scale: list | None) -> dict[str, Any]:
    """Links as napari draws them: along a track, and from the end of a parent to the start."""
    rows = tracks.reset_index(drop=True)
    track, time, *axes = rows.columns
    ends = {key: (part.index[0], part.index[-1]) for key, part in rows.groupby(track)}
    links = [pair for _, p in rows.groupby(track) for pair in zip(p.index, p.index[1:])]
    links += [(ends[p][1], ends[child][0]) for child, parents in graph.items() for p in parents]
    features = features.loc[tracks.index]
    properties = {name: features[name].astype(object).tolist() for name in features.columns}
    units = {"minutes": scale[0], "spacing": list(scale[1:])} if scale else {}
    positions, times = rows[axes].to_numpy().tolist(), rows[time].tolist()
    return say(rows.index, positions, times, links, properties=properties, **units)


def intracktive(path: str, back: str) -> dict[str, Any]:
    """What its viewer gets: the bundle, read again."""
    import zarr
    from intracktive.convert import convert_file
    from scipy.sparse import csr_matrix

    bundle = convert_file(
        Path(path), Path(back).parent, overwrite_zarr=True, add_all_attributes=True
    )
    content = zarr.open(str(bundle), mode="r")
    points = np.asarray(content["points"][:], dtype=float)
    width = points.shape[1] // 3
    points = points.reshape(len(points), width, 3)
    there = points[..., 0] > -9999
    stored = {key: content[key] for key in ("points_to_tracks", "tracks_to_tracks")}
    matrices = {}
    for key, group in stored.items():
        rows, columns = group["indptr"][:], group["indices"][:]
        data = group["data"][:] if "data" in group else np.ones(len(columns))
        matrices[key] = csr_matrix((data, columns, rows))
    track_of = matrices["points_to_tracks"]
    nodes, members = {}, {}
    for time, place in zip(*np.nonzero(there)):
        number = time * width + place
        for track in track_of[number].indices:
            members.setdefault(int(track), []).append(int(number))
        nodes[int(number)] = (int(time), points[time, place].tolist())
    links = [pair for numbers in members.values() for pair in zip(numbers, numbers[1:])]
    above = matrices["tracks_to_tracks"].tocoo()
    parent_of = dict(zip(above.col.tolist(), above.data.tolist()))  # counted from 1, -1: none
    links += [(members[p - 1][-1], members[child][0]) for child, p in parent_of.items() if p > 0]
    times, positions = zip(*nodes.values())
    return say(nodes, positions, times, dict.fromkeys(links))


def tracksdata(path: str, back: str) -> dict[str, Any]:
    from tracksdata.graph import IndexedRXGraph

    graph, metadata = IndexedRXGraph.from_geff(path)
    written = write_again(graph.to_geff, back)
    scales = [axis.scale for axis in metadata.axes]
    units = {"spacing": scales[1:], "minutes": scales[0]} if all(scales) else {}
    return say_tracksdata(graph, **units) | written


def say_tracksdata(graph: Any, **more: Any) -> dict[str, Any]:
    nodes, edges = graph.node_attrs(), graph.edge_attrs()
    links = edges.select("source_id", "target_id").rows()
    return say(
        nodes["node_id"].to_list(),
        nodes.select("z", "y", "x").rows(),
        nodes["t"].to_list(),
        links,
        properties={name: nodes[name].to_list() for name in nodes.columns},
        link_properties={name: edges[name].to_list() for name in edges.columns},
        **more,
    )


def laptrack(path: str, back: str) -> dict[str, Any]:
    import geff
    from laptrack.data_conversion import geff_networkx_to_tree_coords_mapping

    graph, _ = geff.read(path)
    tree, coordinates, _ = geff_networkx_to_tree_coords_mapping(graph, "t", ["z", "y", "x"])
    first = min(frame for frame, _ in tree.nodes)
    positions = [coordinates[frame - first][index].tolist() for frame, index in tree.nodes]
    return say(tree.nodes, positions, [frame for frame, _ in tree.nodes], tree.edges)


# ---- Cell Tracking Challenge ---------------------------------------------------------------------------------


def ctc_metrics(path: str, back: str) -> dict[str, Any]:
    """Its validation, and its scores of results against the same as truth."""
    from ctc_metrics.scripts.evaluate import evaluate_sequence
    from ctc_metrics.scripts.validate import validate_sequence

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        metrics, folder = ["DET", "TRA", "LNK", "CHOTA"], Path(path)
        results, truth = str(folder / "01_RES"), str(folder / "01_GT")
        scores = evaluate_sequence(results, truth, metrics=metrics, threads=1)
        valid = validate_sequence(results, threads=1)["Valid"]
    if not valid:
        raise ValueError(f"not valid: {said.getvalue()[-200:]}")
    return {"scores": {name: float(scores[name]) for name in ("DET", "TRA", "LNK", "CHOTA")}}


def traccuracy_ctc(path: str, back: str) -> dict[str, Any]:
    from traccuracy.loaders import load_ctc_data

    truth = Path(path, "01_GT", "TRA")
    graph = load_ctc_data(str(truth), str(truth / "man_track.txt"), run_checks=True)
    divisions = len(graph.get_divisions())
    return say_graph(graph.graph, graph.frame_key, graph.location_keys, divisions=divisions)


def geff_from_ctc(path: str, back: str) -> dict[str, Any]:
    import geff
    from geff.convert import from_ctc_to_geff

    from_ctc_to_geff(Path(path, "01_GT", "TRA"), Path(back))
    graph, metadata = geff.read(back)
    return say_graph(graph, "t", [axis.name for axis in metadata.axes if axis.type == "space"])


def pycellin_ctc(path: str, back: str) -> dict[str, Any]:
    from pycellin.io.cell_tracking_challenge.loader import load_CTC_file

    results = Path(path, "01_RES")
    return say_pycellin(load_CTC_file(str(results / "res_track.txt"), results), "timepoint")


def tracksdata_ctc(path: str, back: str) -> dict[str, Any]:
    from tracksdata.graph import InMemoryGraph

    return say_tracksdata(InMemoryGraph.from_ctc(Path(path, "01_RES")))


def btrack_ctc(path: str, back: str) -> dict[str, Any]:
    """Objects of the label images; btrack does not read the text file."""
    import tifffile
    from btrack.io import segmentation_to_objects

    stack = np.stack(
        [tifffile.imread(image) for image in sorted(Path(path, "01_RES").glob("*.tif"))]
    )
    objects = segmentation_to_objects(stack)
    positions = [[item.z, item.y, item.x] for item in objects]
    return say(range(len(objects)), positions, [item.t for item in objects], [], tracks=False)


# ---- tables --------------------------------------------------------------------------------------------------


def pandas(path: str, back: str) -> dict[str, Any]:
    import pandas

    return say_table(pandas.read_csv(path))


def pandas_with_remarks(path: str, back: str) -> dict[str, Any]:
    import pandas

    frame = pandas.read_csv(path, comment="#")
    frame.to_csv(back, index=False)
    return say_table(frame)


def polars(path: str, back: str) -> dict[str, Any]:
    import polars

    frame = polars.read_csv(path, comment_prefix="#")
    frame.write_csv(back)
    return say_table(frame.to_pandas())


def say_table(frame: Any) -> dict[str, Any]:
    """Links from the column `parent_id`, merges and their data separated by semicolons."""
    links, names = [], [name for name in frame.columns if name.startswith("link_")]
    link_properties = {name: [] for name in names}
    for row in frame.to_dict("records"):
        parents = split(row["parent_id"])
        links += [(int(float(parent)), row["id"]) for parent in parents]
        for name in names:
            values = split(row[name]) or [""] * len(parents)
            link_properties[name] += map(to_value, values)
    plain = {name.removeprefix("link_"): values for name, values in link_properties.items()}
    return say_frame(frame, "time_point", "zyx", links, link_properties=link_properties | plain)


def to_value(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return text or None


def split(cell: Any) -> list[str]:
    """The parts of a cell; none where it is empty."""
    return [] if cell is None or cell != cell else str(cell).split(";")


def funtracks_csv(path: str, back: str) -> dict[str, Any]:
    """As motile_tracker opens a table whose columns it may name itself."""
    import pandas
    from funtracks.import_export import tracks_from_df

    return say_funtracks(tracks_from_df(pandas.read_csv(path, comment="#")))


def funtracks_csv_named(path: str, back: str) -> dict[str, Any]:
    """With the names of columns said, each other one for itself."""
    import pandas
    from funtracks.import_export import tracks_from_df

    table = pandas.read_csv(path, comment="#")
    own = {"id": "id", "parent_id": "parent_id", "time": "time_point", "pos": ["z", "y", "x"]}
    others = set(table.columns) - {"id", "parent_id", "time_point", "z", "y", "x"}
    names = own | {name: name for name in sorted(others)}
    return say_funtracks(tracks_from_df(table, node_name_map=names))


def intracktive_csv(path: str, back: str) -> dict[str, Any]:
    import pandas

    table = pandas.read_csv(path, comment="#")
    renamed = table.rename(columns={"time_point": "t"})
    renamed["parent_track_id"] = renamed["parent_track_id"].fillna(-1).astype(int)
    columns = ["track_id", "t", "z", "y", "x", "parent_track_id"]
    for_it = Path(back).with_suffix(".renamed.csv")
    renamed[columns].to_csv(for_it, index=False)
    return intracktive(str(for_it), back)


def btrack_csv(path: str, back: str) -> dict[str, Any]:
    """Its columns are t, x, y, z."""
    import pandas
    from btrack.io import import_CSV

    table = pandas.read_csv(path, comment="#").rename(columns={"time_point": "t"})
    for_it = Path(back).with_suffix(".renamed.csv")
    table[["t", "x", "y", "z"]].to_csv(for_it, index=False)
    objects = import_CSV(for_it)
    positions = [[item.z, item.y, item.x] for item in objects]
    return say(range(len(objects)), positions, [item.t for item in objects], [], tracks=False)


# ---- OrganoidTracker -----------------------------------------------------------------------------------------


def organoidtracker(path: str, back: str) -> dict[str, Any]:
    from organoid_tracker.imaging import io as tracker_io

    experiment = tracker_io.load_data_file(path, min_time_point=-(10**6), max_time_point=10**6)
    tracker_io.save_data_to_json(experiment, back)
    return say_experiment(experiment)


def organoidtracker_geff(path: str, back: str) -> dict[str, Any]:
    from organoid_tracker.imaging import io as tracker_io

    return say_experiment(tracker_io.load_data_file(path))


def organoidtracker_ctc(path: str, back: str) -> dict[str, Any]:
    from organoid_tracker.imaging import io as tracker_io

    table = Path(path, "01_GT", "TRA", "man_track.txt")
    return say_experiment(tracker_io.load_data_file(str(table)))


def organoidtracker_list(path: str, back: str) -> dict[str, Any]:
    """All movies of an .autlist, with the sum of the first stack of each channel."""
    from organoid_tracker.core import TimePoint
    from organoid_tracker.imaging import list_io

    movies = []
    for experiment in list_io.load_experiment_list_file(path):
        images, said = experiment.images, say_experiment(experiment)
        first, last = images.first_time_point_number(), images.last_time_point_number()
        stacks = [images.get_image_stack(TimePoint(first), each) for each in images.get_channels()]
        counts = {name: len(said[name]) for name in ("positions", "links")}
        movie = {"reach": [first, last], "shape": stacks[0].shape, "spacing": said["spacing"]}
        movies.append(movie | counts | {"sums": [int(each.sum(dtype=int)) for each in stacks]})
    return {"movies": movies}


def say_experiment(experiment: Any) -> dict[str, Any]:
    positions, links = experiment.positions, experiment.links
    nodes = [p for time in positions.time_points() for p in positions.of_time_point(time)]
    offsets = experiment.images.offsets
    moved = [node - offsets.of_time_point(node.time_point()) for node in nodes]
    pairs = list(links.find_all_links())
    pairs = [
        pair if pair[0].time_point_number() < pair[1].time_point_number() else pair[::-1]
        for pair in pairs
    ]
    names, link_names = positions.find_all_data_names(), links.find_all_data_names()
    try:
        sizes = experiment.images.resolution()
        units = {"spacing": list(sizes.pixel_size_zyx_um), "minutes": sizes.time_point_interval_m}
    except Exception:
        units = {}
    return say(
        [node.to_dict_key() for node in nodes],
        [[node.z, node.y, node.x] for node in moved],
        [node.time_point_number() for node in nodes],
        [tuple(end.to_dict_key() for end in pair) for pair in pairs],
        properties={
            name: [positions.get_position_data(node, name) for node in nodes] for name in names
        },
        link_properties={
            name: [links.get_link_data(*pair, name) for pair in pairs] for name in link_names
        },
        **units,
    )


def to_plain(value: Any) -> Any:
    """Numbers, texts, lists and None of whatever a program holds."""
    if isinstance(value, dict):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [to_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if (isinstance(value, float) and value != value) or str(value) == "<NA>":
        return None
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def main() -> None:
    jobs, results = json.loads(Path(sys.argv[1]).read_text()), []
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    for job in jobs:
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                result = globals()[job["reader"]](job["path"], job["back"])
        except BaseException as error:  # programs raise many kinds, SystemExit, too
            result = {"error": describe(error)}
        results.append(to_plain(result))
        Path(sys.argv[2]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
