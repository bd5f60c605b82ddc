"""Exercises and questions of notebook 00, start here."""

from __future__ import annotations

from organoid_kit.course.lessons.exercise import Exercise, match_numbers
from organoid_kit.course.lessons.question import Question

TOLERANCE = 0.005  # answers rounded to two digits count

which_channels = Question(
    text="A nucleus does not shine in every channel. Guess: which of the four pictures will show all nuclei?",
    choices={
        "a": "channel 1",
        "b": "channel 2",
        "c": "channel 3",
        "d": "channels 2 and 3, added up",
    },
    right="d",
    because={
        "a": "Channel 1 is ordinary light. Look for nuclei in it when you have run the next cell.",
        "b": "It shows one part of the nuclei: those that are in one part of the cell cycle.",
        "c": "It shows one part of the nuclei: those that are in one part of the cell cycle.",
        "d": "A nucleus is in one of the two, so the sum shows all.",
    },
)

three_epochs = Question(
    text="A guess: the network walks three times through a few examples. What will its curves look like?",
    choices={
        "a": "It is perfect after three walks.",
        "b": "It gets better, but is far from done.",
        "c": "Nothing changes in so short a time.",
    },
    right="b",
    because={
        "a": "That would be a very easy task. Run the cells and look whether the curves still change at the end.",
        "b": "Run the cells and look how far down the loss has come.",
        "c": "It changes a little at every step, and there are many steps in one walk. Run the cells and look.",
    },
)

test_movie = Question(
    text="Why must the network not learn from the test movie?",
    choices={
        "a": "It would take too long.",
        "b": "It could know that movie by heart, and the score would say nothing about other movies.",
        "c": "Test movies are dimmer than training movies.",
    },
    right="b",
    because={
        "a": "One movie more costs little time. Think of an exam whose answers were handed out before.",
        "b": "What you want to know is how good the network is on movies it has not seen.",
        "c": "They are of the same kind. Think of an exam whose answers were handed out before.",
    },
)

marks_everything = Question(
    text="A method marks every bright voxel. It finds all nuclei, and a thousand places that are none. How does it "
    "score?",
    choices={
        "a": "precision high, recall low",
        "b": "precision low, recall high",
        "c": "both high: it missed nothing",
        "d": "both low",
    },
    right="b",
    because={
        "a": "It is the other way round. Recall asks what part of the true nuclei was found: all of them.",
        "b": "It missed nothing, so recall is 1. Most of its marks are wrong, so precision is near 0, and so is F1.",
        "c": "Nothing was missed: that is recall. But of a thousand marks and more, how many are right?",
        "d": "It found every nucleus. So recall, the part of the nuclei that was found, is 1.",
    },
)


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


precision = Exercise(
    answer="precision",
    judge=_judge_precision,
    hints=(
        "Precision is about the marks only. It does not matter how many nuclei there are.",
        "12 marks were made, and 9 of them are right. Python divides with `/`.",
    ),
    code="precision = 9 / 12",
    others=("precision = 0.75", "precision = 1 - 3 / 12", "precision = np.float32(9) / 12"),
    mistakes=(
        ("precision = 9 / 15", "This is recall"),
        ("precision = 75", "Here scores go from 0 to 1"),
        ("precision = 12 / 15", "only 9 are right"),
        ("precision = '9 of 12'", "divided by the number of all marks"),
    ),
    because="Of 12 marks 9 are right: 9 / 12 = 0.75. The other 3 are false.",
)


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


recall = Exercise(
    answer="recall",
    judge=_judge_recall,
    hints=(
        "Recall is about the true nuclei. False marks do not matter here.",
        "There are 15 nuclei. Each right mark found one of them.",
    ),
    code="recall = 9 / 15",
    others=("recall = 0.6", "recall = (15 - 6) / 15"),
    mistakes=(
        ("recall = 9 / 12", "This is precision"),
        ("recall = 12 / 15", "They find nothing"),
        ("recall = 60", "As a percentage, yes"),
    ),
    because="Of 15 nuclei 9 were found: 9 / 15 = 0.6. The other 6 were missed.",
)
