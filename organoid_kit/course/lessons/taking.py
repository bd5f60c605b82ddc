"""A learner's own call, used further on if it is right: so a notebook goes on in any case."""

from collections.abc import Callable
from typing import Any

from organoid_kit.base import NetworkSettings
from organoid_kit.course.lessons.exercise import Exercise


def choose_answer(exercise: Exercise, answer: Any, otherwise: Callable[[], Any]) -> Any:
    """The answer if it is right, else what `otherwise` makes; prints whose is used."""
    is_right = exercise.check(answer).kind == "right"
    print(f"The notebook goes on with {'yours' if is_right else 'that of the kit'}.")
    return answer if is_right else otherwise()


def judge_settings(network: str, answer: Any) -> str | None:
    """What is wrong with a learner's settings of a network for the bundled movies, or None."""
    if not isinstance(answer, NetworkSettings):
        return f"Settings are what `make_settings` gives. Received: {type(answer).__name__}."
    if answer.network != network:
        where = "Its name is the first thing in the brackets."
        return f"These are settings of a {answer.network} network. {where}"
    if answer.channels == (1,):
        unset = "The channels were left at (1,)."
        return f"{unset} In the bundled movies nuclei shine in 2 and 3: pass `channels`."
    return None
