"""Examples for whichever network the settings name."""

from typing import Any

from organoid_kit.base import NetworkSettings
from organoid_kit.examples.batches import Examples, Movies
from organoid_kit.examples.division import DivisionExamples
from organoid_kit.examples.link import LinkExamples
from organoid_kit.examples.position import PositionExamples

_KINDS = {"position": PositionExamples, "division": DivisionExamples, "link": LinkExamples}


def make_examples(annotated_movies: Movies, settings: NetworkSettings, **options: Any) -> Examples:
    """The examples that the network of these settings is trained on; options as of `Examples`."""
    return _KINDS[settings.network](annotated_movies, settings, **options)
