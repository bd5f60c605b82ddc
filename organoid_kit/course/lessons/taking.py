"""A learner's own call, judged, and used further on if it is right: so that a notebook goes on
whatever was written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.course.lessons.exercise import Exercise


def choose_answer(exercise: Exercise, answer: Any, otherwise: Callable[[], Any]) -> Any:
    """The answer if it is right, and says whose is used.

    Args:
        exercise: judges it.
        answer: the learner's; may be untried or wrong.
        otherwise: makes what is used instead; called only then.
    """
    is_right = exercise.check(answer).kind == "right"
    print(f"The notebook goes on with {'yours' if is_right else 'that of the kit'}.")
    return answer if is_right else otherwise()


def judge_settings(network: str, answer: Any) -> str | None:
    """What is wrong with a learner's settings for the bundled movies; None if nothing is.

    Args:
        network: "position", "division" or "link", which they must be for.
        answer: what the learner made.
    """
    if not isinstance(answer, NetworkSettings):
        return f"Settings are what `make_settings` gives. Received: {type(answer).__name__}."
    if answer.network != network:
        return f"These are settings of a {answer.network} network. Its name is the first thing in the brackets."
    if answer.channels == (1,):
        return "The channels were left at (1,). In the bundled movies nuclei shine in 2 and 3: pass `channels`."
    return None
