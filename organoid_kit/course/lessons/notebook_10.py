"""Exercises and questions of notebook 10: another layer, and an augmentation of one's own."""

from collections.abc import Callable

import numpy as np

from organoid_kit.course.lessons import LessonTexts, run_answer

TEXTS = LessonTexts(__file__)
__getattr__ = TEXTS.question  # such as `lesson.which_layer`


@TEXTS.exercise
def layer(add_layer: Callable) -> str | None:
    """A tiny network with one convolution more."""
    from keras import Input, Model, layers

    features = layers.Conv3D(4, 3, padding="same")(image := Input((None, None, None, 3)))
    tiny = Model(image, layers.Conv3D(1, 1, activation="sigmoid")(features))
    answer, bright = run_answer(add_layer, tiny), np.full((1, 4, 8, 8, 3), 1e4, "float32")
    numbers = np.asarray(answer.predict(bright * [1, 1, -1], verbose=0))
    convolutions = sum(isinstance(each, layers.Conv3D) for each in answer.layers)
    holds = {"behind": tiny.layers[-1] in answer.layers, "shape": numbers.shape != (1, 4, 8, 8, 1)}
    holds |= {"no_layer": convolutions < 3, "open_end": (np.abs(numbers - 0.5) > 0.501).any()}
    return TEXTS.say_first("layer", holds | {None: True}, shape=numbers.shape)


@TEXTS.exercise
def darker(darken: Callable) -> str | None:
    """One random factor for a whole image, drawn from the generator that is passed."""
    image = np.random.default_rng(1).uniform(0.1, 1, (3, 4, 5, 3)).astype("float32")
    tried = [run_answer(darken, image, np.random.default_rng(s)) for s in (0, *range(40))]
    factors = np.array(tried, float) / image
    lowest, highest = factors.min(), factors.max()
    holds = {"one": np.ptp(factors[0]) > 1e-3, "dice": np.ptp(factors[:2]) > 1e-3}
    holds["range"] = not (0.299 < lowest < 0.45 and 0.85 < highest < 1.001)
    return TEXTS.say_first("darker", holds | {None: True}, lowest=lowest, highest=highest)
