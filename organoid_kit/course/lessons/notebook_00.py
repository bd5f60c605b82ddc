"""Exercises and questions of notebook 00, start here."""

from __future__ import annotations

from organoid_kit.course.lessons.exercise import match_numbers
from organoid_kit.course.lessons.texts import LessonTexts

TEXTS = LessonTexts(__file__)

TOLERANCE = 0.005  # answers rounded to two digits count
which_channels = TEXTS.question("which_channels")
three_epochs = TEXTS.question("three_epochs")
test_movie = TEXTS.question("test_movie")
marks_everything = TEXTS.question("marks_everything")


def _judge_precision(answer: float) -> str | None:
    if match_numbers(answer, 9 / 12, TOLERANCE):
        return None
    if match_numbers(answer, 9 / 15, TOLERANCE):
        return "This is recall: 9 of the 15 nuclei were found. Precision asks about the 12 marks: which part is right?"
    if match_numbers(answer, 75, 0.5):
        return "As a percentage, yes. Here scores go from 0 to 1: write 9 of 12 as `9 / 12`."
    if match_numbers(answer, 12 / 15, TOLERANCE):
        return "You divided the number of marks by the number of nuclei. Of the 12 marks, only 9 are right."
    return "Precision is the number of right marks, divided by the number of all marks. How many marks are there?"


precision = TEXTS.exercise("precision", _judge_precision)


def _judge_recall(answer: float) -> str | None:
    if match_numbers(answer, 9 / 15, TOLERANCE):
        return None
    if match_numbers(answer, 9 / 12, TOLERANCE):
        return "This is precision: 9 of the 12 marks are right. Recall asks about the 15 nuclei: which part was found?"
    if match_numbers(answer, 60, 0.5):
        return "As a percentage, yes. Here scores go from 0 to 1."
    if match_numbers(answer, 12 / 15, TOLERANCE):
        return "3 of the 12 marks lie where no nucleus is. They find nothing."
    return "Recall is the number of nuclei that were found, divided by the number of all nuclei."


recall = TEXTS.exercise("recall", _judge_recall)
