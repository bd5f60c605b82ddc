"""What every test starts from, and the one lineage that many share."""

import os
from collections import Counter

import pytest

from organoid_kit.data.annotations import Annotations


def pytest_collection_modifyitems(items):
    """Files with most slow tests, or tests in a browser, first: no process waits for them in the end."""
    slow = Counter(item.path for item in items if {"slow", "browser"} & set(item.keywords))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def environment():
    """Takes back what a library said to all processes to come: bioimageio.core says
    KERAS_BACKEND=torch once it has opened a network of Keras.
    """
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def lineage() -> Annotations:
    """Seven positions, five links, one division.

    time point   1      2      3

                              (2)
                             /
                 (0)────(1)<
                             \\
                              (3)

                 (4)────(5)────(6)
    """
    return Annotations(
        positions=[
            [2, 8, 8],
            [2, 9, 8.5],
            [2, 7, 7],
            [3, 12, 10],
            [5, 20, 25],
            [5, 20.25, 24],
            [5.5, 21, 23],
        ],
        time_points=[1, 2, 3, 3, 1, 2, 3],
        links=[[0, 1], [1, 2], [1, 3], [4, 5], [5, 6]],
        spacing_um=(2.0, 0.5, 0.5),
        minutes_per_time_point=10.0,
        name="lineage",
    )
