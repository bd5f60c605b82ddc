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
        known_um=draw(st.none() | st.floats(0.5, 20)),
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


def grow_lineages(
    rng, *, first=0, time_points=8, daughters=2, merges=0.0, skips=0.0, alone=0.0, texts=False
):
    """Nuclei that move, divide, end and appear, far apart in an image of `SHAPE_ZYX` voxels.

    `daughters` is how many a mother has; `merges`, `skips` and `alone` are how often two nuclei
    become one, a link skips a time point, and a nucleus is seen at one time point only. There are
    properties of each simple kind with and without gaps; `texts` as well, if asked for.
    """
    alive, places, times, links = [], [], [], []
    for time_point in range(first, first + time_points):
        corners = rng.permutation(np.stack(np.indices((4, 6, 6)), axis=-1).reshape(-1, 3))
        free = iter((corners + 0.5) * (4, 16, 32) + rng.uniform(-0.9, 0.9, corners.shape))

        def appear(parents=(), time_point=time_point, free=free):
            places.append(next(free))
            times.append(time_point)
            links.extend((parent, len(places) - 1) for parent in parents)
            return len(places) - 1

        following = [appear() for _ in range(6 if time_point == first else rng.integers(2))]
        rng.shuffle(alive)
        while alive:
            mother, chance = alive.pop(), rng.random()
            if chance < skips and times[mother] == time_point - 1:
                following.append(mother)
            elif alive and rng.random() < merges and times[mother] == times[alive[-1]]:
                following.append(appear((mother, alive.pop())))
            elif chance < 0.95:
                count = daughters if rng.random() < 0.2 and len(following) < 20 else 1
                following += [appear((mother,)) for _ in range(count)]
        for _ in range(rng.binomial(3, alone)):
            appear()
        alive = following
    n, m = len(places), len(links)
    properties = {
        "score": rng.random(n).round(6),
        "count": rng.integers(-5, 10**6, n),
        "dead": rng.random(n) < 0.3,
        "with_gaps": np.where(rng.random(n) < 0.5, rng.random(n).round(6), None),
    }
    link_properties = {
        "link_probability": rng.random(m).round(6),
        "link_gaps": np.where(rng.random(m) < 0.5, rng.random(m).round(6), None),
    }
    if texts:
        properties["kind"] = rng.choice(["Paneth", "stem cell", "50 µm"], n)
        properties["seldom"] = np.where(rng.random(n) < 0.5, "seen", None)
        link_properties["note"] = np.where(rng.random(m) < 0.5, "seen twice", None)
    return Annotations(
        positions=np.array(places),
        time_points=times,
        links=links,
        properties=properties,
        link_properties=link_properties,
        spacing_um=(2.0, 0.5, 0.25),
        minutes_per_time_point=10.0,
        name="grown",
    )


SHAPE_ZYX = (16, 96, 192)
