"""Exercises and questions of notebook 06: candidates, a turned displacement, wrong links, the calls
of a training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from organoid_kit.base.settings import AugmentationSettings, NetworkSettings, make_settings
from organoid_kit.course.lessons.exercise import Exercise, find_slip, match_numbers, run_answer
from organoid_kit.course.lessons.question import Question
from organoid_kit.course.lessons.taking import choose_answer, judge_settings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.examples.augmentation import draw_augmentation
from organoid_kit.tracking.build import build_tracks
from organoid_kit.training.runs import Run

# ---- candidates -----------------------------------------------------------------------------------------------------
_FIRST = np.array([(2.0, 10.0, 10.0), (2.0, 30.0, 30.0), (8.0, 50.0, 20.0)])
_SECOND = np.array(
    [(3.0, 11.0, 12.0), (9.0, 12.0, 10.0), (2.0, 33.0, 16.0), (8.0, 58.0, 27.0), (2.0, 10.0, 18.0)]
)
_SPACING_UM = (2.0, 0.5, 0.25)
_MOST_UM = 5.0


def _find_near(
    first: np.ndarray, second: np.ndarray, spacing_um: Any, most_um: float
) -> set[tuple[int, int]]:
    distances_um = np.linalg.norm((second - first[:, np.newaxis]) * spacing_um, axis=-1)
    return set(map(tuple, np.argwhere(distances_um <= most_um).tolist()))


def _judge_pairs(find_pairs: Callable) -> str | None:
    answer = run_answer(find_pairs, _FIRST, _SECOND, _SPACING_UM, _MOST_UM)
    pairs = {tuple(int(row) for row in pair) for pair in np.asarray(answer, float).reshape(-1, 2)}
    right = _find_near(_FIRST, _SECOND, _SPACING_UM, _MOST_UM)
    if pairs == right:
        return None
    if pairs == {pair[::-1] for pair in right}:
        return "Each pair must name the row of the first time point first, then that of the second."
    slips = (
        ((1, 1, 1), "Distances are in voxels. Multiply by spacing_um before you compute them."),
        (
            _SPACING_UM[::-1],
            "The spacing of z and that of x are swapped. It is (z, y, x), as positions are.",
        ),
        ((0, *_SPACING_UM[1:]), "z is left out: nuclei above each other seem to touch."),
    )
    for spacing_um, reason in slips:
        if pairs == _find_near(_FIRST, _SECOND, spacing_um, _MOST_UM):
            return reason
    if pairs == _find_near(_FIRST, _SECOND, _SPACING_UM, _MOST_UM**0.5):
        return "You compared the squared distance. Take its root, or square max_distance_um, too."
    if pairs < right:
        return f"There are {len(right)} pairs, you found {len(pairs)} of them. Keep all that are near, not the nearest."
    return f"The pairs are {sorted(right)}. Yours: {sorted(pairs)}."


pairs = Exercise(
    answer="find_pairs",
    judge=_judge_pairs,
    hints=(
        "Two loops: for each row of first, for each row of second. range(len(first)) gives the rows.",
        "(second[b] - first[a]) * spacing_um is the way in micrometres; np.linalg.norm gives its length.",
        "If it is at most max_distance_um, append (a, b) to a list.",
    ),
    code="""def find_pairs(first, second, spacing_um, max_distance_um):
    pairs = []
    for a in range(len(first)):
        for b in range(len(second)):
            way_um = (second[b] - first[a]) * spacing_um
            if np.linalg.norm(way_um) <= max_distance_um:
                pairs.append((a, b))
    return pairs""",
    because="The kit also takes the drift out first, and keeps a few nearest ones only.",
    others=(
        """def find_pairs(first, second, spacing_um, max_distance_um):
    from scipy.spatial.distance import cdist
    distances_um = cdist(first * spacing_um, second * spacing_um)
    return np.argwhere(distances_um <= max_distance_um)""",
    ),
    mistakes=(
        (
            """def find_pairs(first, second, spacing_um, max_distance_um):
    return np.argwhere(np.linalg.norm(second - first[:, None], axis=-1) <= max_distance_um)""",
            "Multiply by spacing_um",
        ),
        (
            """def find_pairs(first, second, spacing_um, max_distance_um):
    ways_um = (second - first[:, None]) * spacing_um[::-1]
    return np.argwhere(np.linalg.norm(ways_um, axis=-1) <= max_distance_um)""",
            "swapped",
        ),
        (
            """def find_pairs(first, second, spacing_um, max_distance_um):
    ways_um = ((second - first[:, None]) * spacing_um)[..., 1:]
    return np.argwhere(np.linalg.norm(ways_um, axis=-1) <= max_distance_um)""",
            "z is left out",
        ),
        (
            """def find_pairs(first, second, spacing_um, max_distance_um):
    ways_um = (second - first[:, None]) * spacing_um
    return np.argwhere((ways_um**2).sum(axis=-1) <= max_distance_um)""",
            "squared distance",
        ),
    ),
)


# ---- a turned displacement ------------------------------------------------------------------------------------------
_TURN_ONLY = AugmentationSettings(False, 180.0, None, None, None, None, None, None, None)


def _make_turn(seed: int) -> tuple[np.ndarray, float]:
    """The kit's matrix of a turn, and its angle in degrees, anticlockwise as one sees it with y
    pointing down.
    """
    matrix = draw_augmentation(_TURN_ONLY, np.random.default_rng(seed)).matrix
    return matrix, float(np.degrees(np.arctan2(matrix[2, 1], matrix[1, 1])))


def _judge_turn(turn: Callable) -> str | None:
    matrix, degrees = _make_turn(3)
    way_um = np.array([4.0, -2.0, 7.0])
    answer = run_answer(turn, way_um, degrees)
    if match_numbers(answer, matrix @ way_um, 1e-3):
        return None
    radians = np.radians(degrees)
    slips = (
        (_turn(way_um, degrees), "np.cos and np.sin want radians. np.radians(degrees) makes them."),
        (_turn(way_um, -radians), "You turn the other way round: the sign of both sines is wrong."),
        (
            _turn(way_um[::-1], radians)[::-1],
            "You turn z and y. The turn is in the plane: y and x; z stays.",
        ),
        (way_um, "Nothing was turned."),
    )
    if slip := find_slip(answer, slips, 1e-3):
        return slip
    if not match_numbers(np.linalg.norm(np.asarray(answer, float)), np.linalg.norm(way_um), 1e-3):
        return "The turned displacement has another length. A turn changes none: look at the signs of the two sines."
    return (
        f"For (4, -2, 7) µm and {degrees:.1f}° the kit gives {(matrix @ way_um).round(2)}, z, y, x."
    )


def _turn(way_um: np.ndarray, radians: float) -> np.ndarray:
    z, y, x = way_um
    return np.array(
        [z, np.cos(radians) * y - np.sin(radians) * x, np.sin(radians) * y + np.cos(radians) * x]
    )


turn = Exercise(
    answer="turn_displacement",
    judge=_judge_turn,
    hints=(
        "z stays as it is. Take the three apart: z, y, x = displacement_um",
        "NumPy computes angles in radians: angle = np.radians(degrees).",
        "The new y is cos · y − sin · x, the new x is sin · y + cos · x.",
    ),
    code="""def turn_displacement(displacement_um, degrees):
    z, y, x = displacement_um
    angle = np.radians(degrees)
    new_y = np.cos(angle) * y - np.sin(angle) * x
    new_x = np.sin(angle) * y + np.cos(angle) * x
    return z, new_y, new_x""",
    because="It is a matrix times the displacement. The kit turns the image by the same matrix.",
    others=(
        """def turn_displacement(displacement_um, degrees):
    turned = np.array(displacement_um, dtype=float)
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turned[1:] = np.array([[c, -s], [s, c]]) @ turned[1:]
    return turned""",
    ),
    mistakes=(
        (
            """def turn_displacement(displacement_um, degrees):
    z, y, x = displacement_um
    c, s = np.cos(degrees), np.sin(degrees)
    return z, c * y - s * x, s * y + c * x""",
            "want radians",
        ),
        (
            """def turn_displacement(displacement_um, degrees):
    x, y, z = displacement_um
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return s * y + c * x, c * y - s * x, z""",
            "You turn z and y",
        ),
        (
            """def turn_displacement(displacement_um, degrees):
    z, y, x = displacement_um
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return z, c * y + s * x, c * x - s * y""",
            "the other way round",
        ),
    ),
)


# ---- settings -------------------------------------------------------------------------------------------------------
settings = Exercise(
    answer="my_settings",
    judge=partial(judge_settings, "link"),
    hints=(
        "It is called as in notebooks 04 and 05.",
        "pairs_per_time_point and neighbours have longer names there: patches_per_time_point, link_neighbours.",
        'make_settings("link", channels=…, epochs=…, patches_per_time_point=…, …)',
    ),
    code="""my_settings = make_settings(
    "link", channels=channels, epochs=epochs, output_folder=output_folder,
    patches_per_time_point=pairs_per_time_point,
    link_neighbours=neighbours, remove_drift=remove_drift,
)""",
    because="Which pairs are candidates belongs to the network: it is saved with it, and used in prediction.",
    others=('my_settings = make_settings(network="link", channels=[2, 3], link_neighbours=6)',),
    mistakes=(
        (
            'my_settings = make_settings("division", channels=channels)',
            "settings of a division network",
        ),
        ('my_settings = make_settings("link", epochs=epochs)', "left at (1,)"),
    ),
    given="""from organoid_kit.base.settings import make_settings
channels, epochs, output_folder, pairs_per_time_point = (2, 3), 12, "runs", 64
neighbours, remove_drift = 6, True""",
)


def choose_settings(answer: Any, **usual: Any) -> NetworkSettings:
    """The learner's settings, or those of the kit with the numbers of the notebook."""
    return choose_answer(settings, answer, lambda: make_settings("link", **usual))


# ---- a training -----------------------------------------------------------------------------------------------------
def _judge_run(answer: Run) -> str | None:
    if callable(answer) or isinstance(answer, NetworkSettings):
        return "Call train with brackets: what it gives back is a run."
    if not isinstance(answer, Run):
        return f"`train` gives back a run. Received: {type(answer).__name__}."
    if not answer.history:
        return "No epoch was finished. Let it train; with resume=my_run.folder it goes on."
    if answer.settings.network != "link":
        return f"This is the training of a {answer.settings.network} network. Pass the settings of step 3."
    data = answer.details["data"]
    parts = [
        {each["annotations_sha256"] for each in data if each["part"] == part}
        for part in ("training", "validation")
    ]
    if not parts[1]:
        return "Nothing was there to judge by. The second argument is `validation`."
    if parts[0] & parts[1]:
        return "A movie is in training and in validation: so the network is judged by what it learned from."
    return None


training_run = Exercise(
    answer="my_run",
    judge=_judge_run,
    hints=(
        "It is called as in notebooks 04 and 05.",
        "Three things go into the brackets: what to learn from, what to judge by, and the settings.",
    ),
    code="my_run = train(training, validation, settings)",
    because="The run's folder has all that is needed to go on, should it be interrupted: resume=my_run.folder.",
    others=("my_run = train(settings=settings, validation=validation, training=training)",),
    mistakes=(
        ("my_run = train(training, training, settings)", "judged by what it learned from"),
        ("my_run = train(training, [], settings)", "Nothing was there to judge by"),
        ("my_run = train", "Call train with brackets"),
    ),
    given="""import tempfile
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.base.files import write_json_safely
from organoid_kit.training.runs import make_run
from organoid_kit.base.settings import make_settings
training, validation = (read_dataset(find_samples() / f"{part}.autlist") for part in ("training", "validation"))
settings = make_settings("link", output_folder=tempfile.mkdtemp())

def train(training, validation, settings):  # stands for a training of minutes
    run = make_run(settings, training, validation)
    write_json_safely(run.folder / "history.json", [{"epoch": 1}])
    return run""",
)


def choose_run(
    answer: Any,
    training: list[AnnotatedMovie],
    validation: list[AnnotatedMovie],
    settings: NetworkSettings,
) -> Run:
    """The learner's run; where there is none, the network is trained here."""

    def train_now() -> Run:
        from organoid_kit.training.loop import train

        return train(training, validation, settings)

    return choose_answer(training_run, answer, train_now)


# ---- tracks ---------------------------------------------------------------------------------------------------------
def _judge_tracks(answer: Annotations) -> str | None:
    if not isinstance(answer, Annotations):
        return f"Tracks are annotations with links. Received: {type(answer).__name__}."
    if "link_probability" not in answer.link_properties:
        return "No network has looked at these links. Ask it first, with `predict_links`."
    if len(answer.merges()):
        return (
            f"{len(answer.merges())} nuclei come from two places or more: these are candidates. "
            "Choose among them, with `build_tracks`."
        )
    return None


tracks = Exercise(
    answer="my_tracks",
    judge=_judge_tracks,
    hints=(
        "Two calls, one after the other: predict_links asks about all candidates, build_tracks chooses.",
        "predict_links wants the network, the movie, its positions and the settings, in this order.",
        "fast_movie.movie is the movie, fast_movie.annotations has the positions.",
    ),
    code="""asked_fast = predict_links(network, fast_movie.movie, fast_movie.annotations, settings)
my_tracks = build_tracks(asked_fast)""",
    because="Of each nucleus only one link backward is left. All other candidates were answers, not tracks.",
    others=(
        """found = predict_links(network, fast_movie.movie, fast_movie.annotations, settings)
my_tracks = build_tracks(candidates=found, method="assignment")""",
    ),
    mistakes=(
        (
            "my_tracks = predict_links(network, fast_movie.movie, fast_movie.annotations, settings)",
            "these are candidates",
        ),
        ("my_tracks = link_nearest(fast_movie.annotations)", "No network has looked"),
    ),
    given="""from types import SimpleNamespace
from organoid_kit.data.annotations import Annotations
from organoid_kit.tracking.links import link_nearest
from organoid_kit.tracking.build import build_tracks
places = [(0, 0, 0), (0, 0, 9), (0, 0, 1), (0, 0, 10)]
fast_movie = SimpleNamespace(movie=None, annotations=Annotations(places, [0, 0, 1, 1], spacing_um=(1, 1, 1)))
network = settings = None

def predict_links(network, movie, positions, settings):  # stands for a network
    links, said = [(0, 2), (0, 3), (1, 2), (1, 3)], [0.9, 0.1, 0.1, 0.9]
    return Annotations(positions.positions, positions.time_points, links, spacing_um=(1, 1, 1),
                       link_properties={"link_probability": said})""",
)


def choose_tracks(
    answer: Any, network: Any, annotated: AnnotatedMovie, settings: NetworkSettings
) -> Annotations:
    """The learner's tracks of a movie; where there are none, or of another movie, the kit's."""

    def link_now() -> Annotations:
        from organoid_kit.prediction.crops import predict_links

        return build_tracks(
            predict_links(network, annotated.movie, annotated.annotations, settings)
        )

    is_other = isinstance(answer, Annotations) and len(answer) != len(annotated.annotations)
    return choose_answer(tracks, ... if is_other else answer, link_now)


# ---- wrong links ----------------------------------------------------------------------------------------------------
_TRUE = np.array([(number, number + 100) for number in range(50)])
_DRAWN = np.array(
    [(number, number + 100) for number in range(40)]
    + [(number, number + 101) for number in range(40, 46)]
)  # 40 right, 6 wrong; 4 nuclei were given no link at all


def _judge_wrong(count: Callable) -> str | None:
    answer = run_answer(count, _TRUE, _DRAWN)
    if match_numbers(answer, 1000 * 6 / 46, 0.01):
        return None
    slips = (
        (1000 * 6 / 50, "You divide by the true links. Wrong is a part of those that were DRAWN."),
        (1000 * 10 / 50, "These are the missed ones: true, and not drawn. Ask for those that are drawn, and not true."),
        (6 / 46, "This is a part of 1. Of 1000 links it is a thousand times as many."),
        (100 * 6 / 46, "This is percent."),
        (6, "This is the plain count. Of how many?"),
        (1000 * 40 / 46, "These are the right ones."),
    )  # fmt: skip
    return (
        find_slip(answer, slips, 0.01)
        or "Of 46 drawn links 6 are not true: that is 130.4 per 1000. Are two links the same only if both ends are?"
    )


wrong_links = Exercise(
    answer="count_wrong_per_1000",
    judge=_judge_wrong,
    hints=(
        "Make a set of the true links: true = set(map(tuple, true_links)). Then (3, 103) in true is quick to ask.",
        "Go through the drawn ones, and count those that are not in it.",
        "1000 times this number, divided by the number of DRAWN links.",
    ),
    code="""def count_wrong_per_1000(true_links, drawn_links):
    true = set(map(tuple, true_links))
    wrong = [link for link in drawn_links if tuple(link) not in true]
    return 1000 * len(wrong) / len(drawn_links)""",
    because="Who draws few links has few wrong ones. So count the missed ones beside them.",
    others=(
        """def count_wrong_per_1000(true_links, drawn_links):
    both = {(int(a), int(b)) for a, b in true_links} & {(int(a), int(b)) for a, b in drawn_links}
    return (1 - len(both) / len(drawn_links)) * 1000""",
    ),
    mistakes=(
        (
            """def count_wrong_per_1000(true_links, drawn_links):
    true = set(map(tuple, true_links))
    return 1000 * sum(tuple(link) not in true for link in drawn_links) / len(true_links)""",
            "divide by the true links",
        ),
        (
            """def count_wrong_per_1000(true_links, drawn_links):
    drawn = set(map(tuple, drawn_links))
    return 1000 * sum(tuple(link) not in drawn for link in true_links) / len(true_links)""",
            "the missed ones",
        ),
        (
            """def count_wrong_per_1000(true_links, drawn_links):
    true = set(map(tuple, true_links))
    return 100 * sum(tuple(link) not in true for link in drawn_links) / len(drawn_links)""",
            "percent",
        ),
    ),
)

# ---- questions ------------------------------------------------------------------------------------------------------
ceiling = Question(
    text="950 of 1000 true links are among the candidates. The network is perfect. How many true links are missed?",
    choices={"a": "none", "b": "50 or more", "c": "about 950"},
    right="b",
    because={
        "a": "It answers what it is asked. About 50 links it is never asked.",
        "b": "Nobody asks about them. Allow more neighbours or a larger distance.",
        "c": "950 are among the candidates: of those, a perfect network misses none.",
    },
)

daughters = Question(
    text="Optimal assignment gives each nucleus one partner at most. What does that mean for divisions?",
    choices={
        "a": "at each division one daughter is left without her mother",
        "b": "nothing, divisions are rare",
        "c": "both daughters are left without their mother",
    },
    right="a",
    because={
        "a": "One link is missed at each division, whatever the distances.",
        "b": "Rare, but just what lineages are made of: who comes from whom.",
        "c": "One of them gets the mother as her one partner.",
    },
)

flipped = Question(
    text="Somebody flips the images of a pair left to right, but not the displacement. What does the network learn?",
    choices={
        "a": "to recognise nuclei from both sides",
        "b": "to mistrust the left-right part of the displacement",
        "c": "nothing changes: it looks at the images",
    },
    right="b",
    because={
        "a": "That it would learn if the displacement were flipped, too.",
        "b": "In half of the examples it points to the wrong side. The best hint it has gets lost.",
        "c": "It looks at the displacement as well, as it often tells more than the images.",
    },
)

early_star = Question(
    text="Validation movies are slow: nearest neighbours are right there. The star stands at epoch 1. What happened?",
    choices={
        "a": "one epoch is enough for this network",
        "b": "later epochs learned what these movies do not show, so nothing rewarded it",
        "c": "the learning rate was too low",
    },
    right="b",
    because={
        "a": "For slow movies, perhaps. On a fast one it would do no better than distances.",
        "b": "What validation does not show, training cannot choose.",
        "c": "Then later epochs would be better still, and the star would stand late.",
    },
)
