"""Exercises and questions of notebook 00, start here."""

from organoid_kit.course.lessons import LessonTexts

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.which_channels`
TOLERANCE = 0.005  # answers rounded to two digits count


@TEXTS.exercise
def precision(answer: float) -> str | None:
    """The part of 12 marks that lie on nuclei, which 9 do."""
    slips = {"recall": 9 / 15, "percent": 75, "marks": 12 / 15}
    return TEXTS.judge("precision", answer, 9 / 12, slips, TOLERANCE)


@TEXTS.exercise
def recall(answer: float) -> str | None:
    """The part of 15 nuclei that are marked, which 9 are."""
    slips = {"precision": 9 / 12, "percent": 60, "marks": 12 / 15}
    return TEXTS.judge("recall", answer, 9 / 15, slips, TOLERANCE)
