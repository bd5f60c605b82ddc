"""Exercises and questions of the course: one module a notebook, imported there as `lesson`.

An `Exercise` judges what a learner wrote by what it does; a `Question` answers every choice with a
reason. Nothing here needs a server, and Keras is loaded only when an exercise needs it.
"""

from organoid_kit.course.lessons.exercise import choose_answer, match_numbers, run_answer
from organoid_kit.course.lessons.texts import LessonTexts

__all__ = ["LessonTexts", "choose_answer", "match_numbers", "run_answer"]
