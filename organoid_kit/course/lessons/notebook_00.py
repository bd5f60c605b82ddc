"""Exercises and questions of notebook 00, start here."""

from organoid_kit.course.lessons import LessonTexts

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.which_channels`
TOLERANCE = 0.005  # answers rounded to two digits count


@TEXTS.exercise
def precision(answer: float) -> str | None:
    """The part of 12 marks that lie on nuclei, which 9 do."""
    return TEXTS.judge("precision", locals(), answer, 9 / 12, TOLERANCE)


@TEXTS.exercise
def recall(answer: float) -> str | None:
    """The part of 15 nuclei that are marked, which 9 are."""
    return TEXTS.judge("recall", locals(), answer, 9 / 15, TOLERANCE)
