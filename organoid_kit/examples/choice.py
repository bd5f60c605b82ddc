"""Examples for whichever network the settings name."""

from collections.abc import Sequence
from typing import Any

from organoid_kit.base import NetworkSettings
from organoid_kit.data import AnnotatedMovie
from organoid_kit.examples.division import DivisionExamples
from organoid_kit.examples.link import LinkExamples
from organoid_kit.examples.position import PositionExamples

Examples = PositionExamples | DivisionExamples | LinkExamples


def make_examples(
    annotated_movies: Sequence[AnnotatedMovie], settings: NetworkSettings, **options: Any
) -> Examples:
    """The examples that the network of these settings is trained on; options as of `Examples`."""
    kinds = {"position": PositionExamples, "division": DivisionExamples, "link": LinkExamples}
    return kinds[settings.network](annotated_movies, settings, **options)
