"""Invented organoid movies whose truth is known: `settings` → `life` → `movie`."""

from organoid_kit.course.synthetic.movie import make_synthetic_movie
from organoid_kit.course.synthetic.settings import SyntheticSettings

__all__ = ["SyntheticSettings", "make_synthetic_movie"]
