"""Exercises and questions: one module a notebook, imported there as `lesson`. An `Exercise` judges
what a learner wrote by what it does; a `Question` gives a reason to every choice.
"""

from organoid_kit.course.lessons.exercise import choose_answer, match_numbers, run_answer
from organoid_kit.course.lessons.texts import LessonTexts

__all__ = ["LessonTexts", "choose_answer", "match_numbers", "run_answer"]
