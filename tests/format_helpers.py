"""What the tests of all formats share: any annotations, and what must survive a round trip."""

import dataclasses
from collections import Counter

import numpy as np
from hypothesis import strategies as st

from organoid_kit.data.annotations import Annotations

values = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
)
nested = values | st.lists(values, max_size=3)
names = st.text("abcXYZ_2é", min_size=1, max_size=6).filter(
    lambda name: name not in ("z", "y", "x", "t", "id") and not name.startswith("__")
)


@st.composite
def annotations_strategy(draw, merges=True, extra=True):
    """Up to a dozen positions at whole or odd places, links to the next time point, values of every
    kind.
    """
    corners = st.tuples(*[st.integers(-3, 60)] * 3)
    places = draw(st.lists(st.tuples(st.integers(2, 5), corners), unique=True, max_size=12))
    shift = draw(st.sampled_from([0.0, 0.1, 1 / 3, 0.987654321]))
    positions = np.array([corner for _, corner in places], dtype=float).reshape(-1, 3) + shift
    time_points = np.array([time_point for time_point, _ in places], dtype=int)
    pairs = [
        (a, b)
        for a in range(len(places))
        for b in range(len(places))
        if time_points[b] == time_points[a] + 1
    ]
    links = (
        draw(
            st.lists(
                st.sampled_from(pairs), unique_by=None if merges else lambda p: p[1], max_size=10
            )
        )
        if pairs
        else []
    )
    links = list(dict.fromkeys(links))
    columns = lambda n: st.dictionaries(names, st.lists(nested, min_size=n, max_size=n), max_size=2)  # noqa: E731
    spacing_um = draw(st.none() | st.tuples(*[st.floats(0.01, 10)] * 3))
    return Annotations(
        positions=positions,
        time_points=time_points,
        links=np.array(links, dtype=int).reshape(-1, 2),
        properties={name: column(value) for name, value in draw(columns(len(places))).items()},
        link_properties={name: column(value) for name, value in draw(columns(len(links))).items()},
        spacing_um=spacing_um,
        minutes_per_time_point=draw(st.none() | st.floats(0.01, 100)),
        name=draw(st.text(max_size=5)),
        region=draw(st.none() | st.just([[1, 2, 3], [4.5, 6, 7]])),
        extra=draw(st.dictionaries(names, nested, max_size=2)) if extra else {},
    )


def with_probabilities(lineage):
    """The lineage of the tests as tracks that networks made; not every position and link has every
    value.
    """
    properties = {
        "probability": np.linspace(0.4, 1, 7),
        "division_probability": [0.01, 0.97, None, None, 0.02, 1e-9, 0.5],
        "division_error_probability": [None, 0.002, 0.0, 0.0, 0.03, None, 0.0],
    }
    links = {
        "link_probability": np.array([0.99, 0.8, 0.7, 1.0, 0.25]),
        "error_probability": [0.001, 0.2, None, 0.0, 0.01],
    }
    return dataclasses.replace(lineage, properties=properties, link_properties=links)


def column(values):
    """An object array with one element each, also where the values are lists."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def facts(annotations, without=()):
    """All that annotations say, whatever the order of rows. Types count: 1 is neither 1.0 nor True."""
    places = [
        (int(t), *position)
        for t, position in zip(annotations.time_points, annotations.positions.tolist(), strict=True)
    ]
    said = [("position", place) for place in places]
    ends = [(places[source], places[target]) for source, target in annotations.links]
    said += [("link", pair) for pair in ends]
    for kind, owners, table in (
        ("property", places, annotations.properties),
        ("link property", ends, annotations.link_properties),
    ):
        for name in table.keys() - set(without):
            said += [
                (kind, o, name, repr(v))
                for o, v in zip(owners, table[name], strict=True)
                if v is not None
            ]
    return Counter(said)
