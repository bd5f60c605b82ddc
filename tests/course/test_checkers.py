"""Checkers can't be fooled, and refuse nothing that is right: answers to each exercise as learners write them.

Those for notebooks 05 to 09 were written from the notebooks' text before the checkers' code was read.
"""

from importlib import import_module

import numpy as np
import pytest
from scipy.ndimage import correlate, maximum_filter

from organoid_kit.course.lessons.exercise import match_numbers


def lesson(number: str):
    return import_module(f"organoid_kit.course.lessons.notebook_{number}")


# ---- values ---------------------------------------------------------------------------------------------------------
RIGHT_PRECISION = (
    *(9 / 12, 0.75, "9 / 12", "0.75", "0,75", "9/12", [0.75], np.array([0.75]), np.float32(0.75)),
    *(np.array(0.75), (9 / 12,), 0.7499, "75 %"),
)
WRONG_PRECISION = (
    *(9 / 15, 12 / 15, 75, 1, "0.6", "9 / 15", [0.75, 0.6], "nine", 12 / 9, True, 9, "", "75"),
    *(float("nan"), -0.75, [0.6]),
)
RIGHT_RECALL = (9 / 15, 0.6, "9/15", "0,6", [0.6], np.array([0.6]), "0.60", (0.6,), 3 / 5, "60%")
WRONG_RECALL = (0.75, 60, 12 / 15, 15 / 9, "0,75", [0.75], "60", 1, False, [0.6, 0.6], 0)
RIGHT_EDGE = (
    [[-1, 0, 1]] * 3,
    np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    [[0, 0, 0], [-1, 0, 1], [0, 0, 0]],
    [[0, 0, 0], [-1, 1, 0], [0, 0, 0]],
    ((-3, 0, 3), (-10, 0, 10), (-3, 0, 3)),
    np.array([[-1, 1, 0]] * 3) / 3,
)
WRONG_EDGE = (
    [[1, 0, -1]] * 3,
    [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    np.ones((3, 3)) / 9,
    np.zeros((3, 3)),
    [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    [-1, 0, 1],
    [[-1, 0, 2]] * 3,
    [[0, -1, 0], [-1, 4, -1], [0, -1, 0]],
    "[[-1, 0, 1]]",
    np.ones((3, 3, 3)),
)
AXES = ("zctyx", "ZCTYX", " zctyx ", "z c t y x", "z, c, t, y, x", list("zctyx"), tuple("zctyx"))
WRONG_AXES = ("tczyx", "tcz", "zctxy", "czt", "tzcyx", "xyzct", "", "zctyxx", 5, "ctzyx")
VALUES = [
    ("00", "precision", RIGHT_PRECISION, WRONG_PRECISION),
    ("00", "recall", RIGHT_RECALL, WRONG_RECALL),
    ("01", "edge", RIGHT_EDGE, WRONG_EDGE),
    ("08", "axes", AXES, WRONG_AXES),
]


# ---- functions ------------------------------------------------------------------------------------------------------
def step_right(slope, start, x, y, rate):
    e = slope * x + start - y
    return slope - rate * 2 * (e * x).mean(), start - rate * 2 * e.mean()


def step_by_loop(slope, start, x, y, rate):
    a = b = 0
    for xi, yi in zip(x, y):
        a += 2 * (slope * xi + start - yi) * xi / len(x)
        b += 2 * (slope * xi + start - yi) / len(x)
    return [slope - rate * a, start - rate * b]


def convolve(image, kernel):
    return correlate(np.asarray(image, float), kernel, mode="constant")


def convolve_by_loop(image, kernel):
    padded, result = np.pad(image, 1), np.zeros(np.shape(image))
    for y in range(result.shape[0]):
        for x in range(result.shape[1]):
            result[y, x] = (padded[y : y + 3, x : x + 3] * kernel).sum()
    return result


def away_um(a, b, s):
    return (b - a) * np.array(s)


def doubles(marks, spacing, limit):
    um = np.asarray(marks) * spacing
    return [
        (i, j)
        for i in range(len(um))
        for j in range(i + 1, len(um))
        if np.linalg.norm(um[i] - um[j]) <= limit
    ]


def double_both_ways(marks, spacing, limit):
    found = doubles(marks, spacing, limit)
    return found + [(j, i) for i, j in found]


def ap(said, divides):
    order = np.argsort(-np.asarray(said), kind="stable")
    true = np.asarray(divides)[order]
    return np.mean([true[: n + 1].mean() for n in range(len(true)) if true[n]])


def ap_over_all(said, divides):
    true = np.asarray(divides)[np.argsort(-np.asarray(said))]
    return np.mean([true[: n + 1].mean() for n in range(len(true))])


def ap_unsorted(said, divides):
    return np.mean([np.mean(divides[: n + 1]) for n in range(len(divides)) if divides[n]])


def ece(said, divides):
    said, divides = np.asarray(said), np.asarray(divides, float)
    place, total = np.minimum((said * 10).astype(int), 9), 0
    for n in range(10):
        if (place == n).any():
            here = place == n
            total += here.mean() * abs(said[here].mean() - divides[here].mean())
    return total


def ece_of_means(said, divides):
    return abs(np.mean(said) - np.mean(divides))


def ece_unweighted(said, divides):
    place, parts = np.minimum((np.asarray(said) * 10).astype(int), 9), []
    for n in np.unique(place):
        parts.append(abs(said[place == n].mean() - divides[place == n].mean()))
    return np.mean(parts)


def ece_signed(said, divides):
    place, total = np.minimum((np.asarray(said) * 10).astype(int), 9), 0
    for n in np.unique(place):
        total += (place == n).mean() * (said[place == n].mean() - divides[place == n].mean())
    return abs(total)


def ece_row_by_row(said, divides):
    return np.mean(np.abs(np.asarray(said) - np.asarray(divides, float)))


def ece_five_bins(said, divides):
    place, total = np.minimum((np.asarray(said) * 5).astype(int), 4), 0
    for n in np.unique(place):
        total += (place == n).mean() * abs(said[place == n].mean() - divides[place == n].mean())
    return total


def pairs(first, second, spacing, limit, inclusive=True):
    far = np.linalg.norm((first[:, None] - second[None]) * np.array(spacing), axis=-1)
    return [tuple(each) for each in np.argwhere(far <= limit)]


def wrong_rate(true, drawn):
    known = {tuple(map(int, link)) for link in true}
    return 1000 * sum(tuple(map(int, link)) not in known for link in drawn) / len(drawn)


def wrong_row_by_row(true, drawn):
    n = min(len(true), len(drawn))
    return 1000 * np.mean([tuple(a) != tuple(b) for a, b in zip(true[:n], drawn[:n])])


def spacing(planes, first, last, camera, magnification, binning):
    wide = camera * binning / magnification
    return [(last - first) / (planes - 1), wide, wide]


def channel_sum(image, channels):
    return sum(image[c - 1].astype(float) for c in channels)


def torn(movie):
    return [t for t in range(len(movie)) if np.isnan(movie[t]).any()]


def peaks(heat, threshold):
    return np.argwhere((heat == maximum_filter(heat, 3)) & (heat > threshold))


def peaks_in_plane(heat, threshold):
    return np.argwhere((heat == maximum_filter(heat, (1, 3, 3))) & (heat > threshold))


def peaks_of_faces(heat, threshold):
    six = np.zeros((3, 3, 3), bool)
    six[1, 1] = six[1, :, 1] = six[:, 1, 1] = True
    return np.argwhere((heat == maximum_filter(heat, footprint=six)) & (heat > threshold))


FUNCTIONS = [
    (
        *("01", "loss"),
        (
            lambda a, t: ((a - t) ** 2).mean(),
            lambda a, t: sum((x - y) ** 2 for x, y in zip(a, t)) / len(a),
            lambda a, t: np.mean(np.square(t - a)),
            lambda a, t: [np.mean((a - t) ** 2)],
            lambda a, t: np.array([np.mean((a - t) ** 2)]),
        ),
        (
            lambda a, t: np.mean(a - t),
            lambda a, t: np.mean(abs(a - t)),
            lambda a, t: ((a - t) ** 2).sum(),
            lambda a, t: (a - t) ** 2,
            lambda a, t: np.mean(a - t) ** 2,
            lambda a, t: 5 / 3,
            lambda a, t: np.sqrt(np.mean((a - t) ** 2)),
            lambda a, t: np.median((a - t) ** 2),
            lambda a, t: ((a - t) ** 2).sum() / 3,
        ),
    ),
    (
        *("01", "step"),
        (step_right, step_by_loop, lambda *a: np.array(step_right(*a))),
        (
            lambda *a: step_right(*a)[::-1],
            lambda *a: step_right(*a[:4], -a[4]),
            lambda *a: step_right(*a[:4], 0.1),
            lambda *a: step_right(*a[:4], a[4] / 2),
            lambda *a: a[:2],
            lambda *a: step_right(*a)[0],
        ),
    ),
    (
        *("01", "convolution"),
        (convolve, convolve_by_loop, lambda i, k: convolve(i, k).tolist()),
        (
            lambda i, k: convolve(i, k[::-1, ::-1]),
            lambda i, k: convolve(i, k.T),
            lambda i, k: convolve(i, k)[1:-1, 1:-1],
            lambda i, k: correlate(i, k, mode="nearest"),
            lambda i, k: i,
            lambda i, k: convolve(i, k).T,
        ),
    ),
    (
        *("02", "distance"),
        (
            lambda a, b, s: np.linalg.norm(away_um(a, b, s)),
            lambda a, b, s: sum(d**2 for d in away_um(a, b, s)) ** 0.5,
            lambda a, b, s: np.sqrt(np.sum(away_um(a, b, s) ** 2)),
            lambda a, b, s: [np.linalg.norm(away_um(a, b, s))],
        ),
        (
            lambda a, b, s: np.linalg.norm(b - a),
            lambda a, b, s: np.linalg.norm(away_um(a, b, s[::-1])),
            lambda a, b, s: (away_um(a, b, s) ** 2).sum(),
            lambda a, b, s: abs(away_um(a, b, s)).sum(),
            lambda a, b, s: np.linalg.norm(away_um(a, b, (2, 0.5, 0.4))) if s == 0 else 5.936,
            lambda a, b, s: np.linalg.norm((b - a) * np.array((2, 0.5, 0.4))),
            lambda a, b, s: np.linalg.norm(away_um(a, b, s)[1:]),
            lambda a, b, s: abs(away_um(a, b, s)).max(),
        ),
    ),
    (
        *("02", "doubles"),
        (
            doubles,
            lambda *a: [pair[::-1] for pair in doubles(*a)],
            lambda *a: np.array(doubles(*a)),
            lambda *a: set(doubles(*a)),
            lambda *a: [list(pair) for pair in doubles(*a)],
        ),
        (
            double_both_ways,
            lambda m, s, d: doubles(m, (1, 1, 1), d),
            lambda m, s, d: doubles(m, s[::-1], d),
            lambda m, s, d: doubles(m, s, 2 * d),
            lambda m, s, d: [],
            lambda m, s, d: [(0, 1), (3, 4)],
            lambda m, s, d: doubles(m, (2.0, 0.5, 0.4), 2.5),
            lambda m, s, d: [(i, i) for i in range(len(m))],
            lambda m, s, d: [(i, i + 1) for i, _ in doubles(m, s, d)],
        ),
    ),
    (
        *("02", "table"),
        (
            lambda t, s: t[:, ::-1] / s,
            lambda t, s: [[row[2] / s[0], row[1] / s[1], row[0] / s[2]] for row in t],
            lambda t, s: np.column_stack([t[:, 2], t[:, 1], t[:, 0]]) / np.array(s),
        ),
        (
            lambda t, s: t / s,
            lambda t, s: t[:, ::-1],
            lambda t, s: t[:, ::-1] * s,
            lambda t, s: t[::-1] / s,
            lambda t, s: t[:, ::-1] / (2.0, 0.5, 0.4),
            lambda t, s: t[:, ::-1] / s[::-1],
            lambda t, s: t,
            lambda t, s: t[:, [2, 0, 1]] / s,
        ),
    ),
    (
        *("02", "cuboid"),
        (
            lambda p: np.array([p.min(axis=0), p.max(axis=0)]),
            lambda p: [p.min(0), p.max(0)],
            lambda p: (p.min(axis=0), p.max(axis=0)),
        ),
        (
            lambda p: [p.max(0), p.min(0)],
            lambda p: [p.min(), p.max()],
            lambda p: p[[0, -1]],
            lambda p: np.array([p.min(0), p.max(0)]).T,
            lambda p: [p.min(0), p.max(0) - p.min(0)],
            lambda p: [np.sort(p, axis=0)[0], np.sort(p, axis=0)[1]],
            lambda p: [p[p[:, 0].argmin()], p[p[:, 0].argmax()]],
            lambda p: [[3, 22, 12], [7, 40, 30]],
        ),
    ),
    (
        *("03", "contrast"),
        (
            lambda p, f: p.mean() + f * (p - p.mean()),
            lambda p, f: (p - p.mean()) * f + p.mean(),
            lambda p, f: (p.mean() + f * (p - p.mean())).tolist(),
        ),
        (
            lambda p, f: f * p,
            lambda p, f: np.median(p) + f * (p - np.median(p)),
            lambda p, f: p.mean() + 1.5 * (p - p.mean()),
            lambda p, f: p + f,
            lambda p, f: p.mean() + (p - p.mean()) / f,
            lambda p, f: (p.max() + p.min()) / 2 + f * (p - (p.max() + p.min()) / 2),
            lambda p, f: np.clip(p.mean() + f * (p - p.mean()), 0, 1),
            lambda p, f: p,
        ),
    ),
    (
        *("03", "mirror"),
        (
            lambda i, p: (
                i[:, :, ::-1],
                np.column_stack([p[:, 0], p[:, 1], i.shape[2] - 1 - p[:, 2]]),
            ),
            lambda i, p: [np.flip(i, 2), p * [1, 1, -1] + [0, 0, i.shape[2] - 1]],
        ),
        (
            lambda i, p: (i[:, :, ::-1], p),
            lambda i, p: (i, p * [1, 1, -1] + [0, 0, i.shape[2] - 1]),
            lambda i, p: (i[:, :, ::-1], p * [1, 1, -1] + [0, 0, 7]),
            lambda i, p: (i[:, :, ::-1], p * [1, 1, -1] + [0, 0, i.shape[2]]),
            lambda i, p: (i[:, ::-1], p * [1, -1, 1] + [0, i.shape[1] - 1, 0]),
            lambda i, p: i[:, :, ::-1],
        ),
    ),
    (
        *("04", "peaks"),
        (
            peaks,
            lambda h, t: [tuple(p) for p in peaks(h, t)],
            lambda h, t: peaks(h, t)[::-1],
            lambda h, t: np.array(peaks(h, t), float),
            lambda h, t: np.transpose(np.where((h == maximum_filter(h, 3)) & (h > t))),
        ),
        (
            peaks_in_plane,
            peaks_of_faces,
            lambda h, t: peaks(h, 0),
            lambda h, t: peaks(h, 0.5),
            lambda h, t: peaks(h, t)[:, ::-1],
            lambda h, t: peaks(h, t)[:1],
            lambda h, t: np.argwhere(h > t),
            lambda h, t: (h == maximum_filter(h, 3)) & (h > t),
            lambda h, t: np.argwhere((h == maximum_filter(h, 5)) & (h > t)),
            lambda h, t: np.argwhere(h == h.max()),
        ),
    ),
    (
        *("05", "average_precision"),
        (ap, lambda s, d: float(ap(s, d)), lambda s, d: [ap(s, d)]),
        (
            ap_over_all,
            ap_unsorted,
            lambda s, d: ap(-np.asarray(s), d),
            lambda s, d: np.mean(d),
            lambda s, d: np.mean(np.asarray(d)[np.asarray(s) >= 0.5]),
            lambda s, d: 1 - ap(s, d),
            lambda s, d: 100 * ap(s, d),
            lambda s, d: ap(np.round(s, 1), d[::-1]),
        ),
    ),
    (
        *("05", "calibration_error"),
        (ece, lambda s, d: float(ece(s, d)), lambda s, d: [ece(s, d)]),
        (
            ece_of_means,
            ece_unweighted,
            ece_signed,
            ece_row_by_row,
            ece_five_bins,
            lambda s, d: 100 * ece(s, d),
            lambda s, d: np.mean((np.asarray(s) - d) ** 2),
            lambda s, d: np.mean((np.asarray(s) >= 0.5) != d),
        ),
    ),
    (
        *("06", "pairs"),
        (
            pairs,
            lambda *a: [list(map(int, p)) for p in pairs(*a)],
            lambda *a: np.array(pairs(*a)),
            lambda *a: pairs(*a)[::-1],
            lambda *a: set(pairs(*a)),
        ),
        (
            lambda f, s, u, m: pairs(f, s, (1, 1, 1), m),
            lambda f, s, u, m: [p[::-1] for p in pairs(f, s, u, m)],
            lambda f, s, u, m: pairs(f, s, u[::-1], m),
            lambda f, s, u, m: pairs(f, s, u, 2 * m),
            lambda f, s, u, m: pairs(f, s, u, m) * 2,
            lambda f, s, u, m: [(i, i) for i in range(min(len(f), len(s)))],
            lambda f, s, u, m: pairs(f, s, u, m)[:1],
            lambda f, s, u, m: [p for p in pairs(f, s, u, m) if p[0] == p[1]],
            lambda f, s, u, m: [],
        ),
    ),
    (
        *("06", "wrong_links"),
        (wrong_rate, lambda t, d: float(wrong_rate(t, d)), lambda t, d: [wrong_rate(t, d)]),
        (
            wrong_row_by_row,
            lambda t, d: wrong_rate(d, t),
            lambda t, d: wrong_rate(t, d) / 1000,
            lambda t, d: wrong_rate(t, d) / 10,
            lambda t, d: 1000 - wrong_rate(t, d),
            lambda t, d: wrong_rate(t, d) * len(d) / 1000,
            lambda t, d: wrong_rate(t, d) * len(d) / len(t),
            lambda t, d: wrong_rate([p[::-1] for p in t], d),
            lambda t, d: 1000 * np.mean([p[1] not in [q[1] for q in t] for p in d]),
        ),
    ),
    (
        *("07", "cost"),
        (
            lambda p: np.log((1 - p) / p),
            lambda p: np.log(1 - p) - np.log(p),
            lambda p: float(np.log(1 / p - 1)),
            lambda p: [-np.log(p / (1 - p))],
        ),
        (
            np.log,
            lambda p: -np.log(p),
            lambda p: np.log(p / (1 - p)),
            lambda p: np.log10((1 - p) / p),
            lambda p: -np.log10(p),
            lambda p: -np.log2(p),
            lambda p: 1 - p,
            lambda p: -np.log(1 - p),
            lambda p: 1 / p,
            lambda p: abs(np.log(p)) + 1,
            lambda p: -p * np.log(p),
        ),
    ),
    (
        *("07", "first_look"),
        (
            lambda s, e: int(np.argmax(e)),
            lambda s, e: e.index(max(e)),
            lambda s, e: np.argmax(e),
            lambda s, e: np.array([np.argmax(e)]),
        ),
        (
            lambda s, e: int(np.argmin(s)),
            lambda s, e: int(np.argmax(s)),
            lambda s, e: int(np.argmin(e)),
            lambda s, e: int(np.argmax(e)) + 1,
            lambda s, e: max(e),
            lambda s, e: 2,
            lambda s, e: int(np.argmax(np.array(e) * np.array(s))),
            lambda s, e: int(np.argmax(np.array(e) / np.array(s))),
            lambda s, e: list(np.argsort(e)[::-1]),
        ),
    ),
    (
        *("08", "spacing"),
        (spacing, lambda *a: tuple(spacing(*a)), lambda *a: np.array(spacing(*a))),
        (
            lambda p, a, b, c, m, n: [(b - a) / p, c * n / m, c * n / m],
            lambda p, a, b, c, m, n: [(b - a) / (p - 1), c / m, c / m],
            lambda p, a, b, c, m, n: [(b - a) / (p - 1), c * m * n, c * m * n],
            lambda p, a, b, c, m, n: spacing(p, a, b, c, m, n)[::-1],
            lambda p, a, b, c, m, n: [b / (p - 1), c * n / m, c * n / m],
            lambda p, a, b, c, m, n: [(b - a) / (p - 1), c / m / n, c / m / n],
            lambda p, a, b, c, m, n: spacing(p, a, b, c, m, n)[:2],
            lambda p, a, b, c, m, n: [(b - a) / (p - 1), c * n, c * n],
            lambda p, a, b, c, m, n: spacing(p, a, b, c, m, 2),
        ),
    ),
    (
        *("08", "channels"),
        (
            channel_sum,
            lambda i, c: np.sum([i[n - 1].astype(float) for n in c], axis=0),
            lambda i, c: i[[n - 1 for n in c]].astype(np.float32).sum(axis=0),
        ),
        (
            lambda i, c: sum(i[n - 1] for n in c),
            lambda i, c: i[list(c) if max(c) < len(i) else [0]].astype(float).sum(axis=0),
            lambda i, c: channel_sum(i, c) / len(c),
            lambda i, c: i.astype(float).sum(axis=0),
            lambda i, c: np.max([i[n - 1].astype(float) for n in c], axis=0),
            lambda i, c: i[1].astype(float) + i[2],
            lambda i, c: channel_sum(i, c[:1]),
            lambda i, c: channel_sum(i, c).sum(),
        ),
    ),
    (
        *("09", "torn"),
        (
            torn,
            lambda m: np.array(torn(m)),
            lambda m: np.flatnonzero(np.isnan(m).any(axis=(1, 2, 3))),
            lambda m: tuple(torn(m)),
            lambda m: set(torn(m)),
        ),
        (
            lambda m: [t + 1 for t in torn(m)],
            lambda m: [t for t in range(len(m)) if np.isnan(m[t]).all()],
            lambda m: torn(m)[:1],
            lambda m: [t for t in range(len(m)) if not np.isnan(m[t]).any()],
            lambda m: [t for t in range(len(m)) if np.isnan(m[t][0]).any()],
            lambda m: [t for t in range(len(m)) if (m[t] == np.nan).any()],
            lambda m: np.isnan(m).any(axis=(1, 2, 3)),
            lambda m: len(torn(m)),
            lambda m: [t for t in range(len(m)) if np.isnan(m[t]).any(axis=0).sum() > 1],
        ),
    ),
]


def list_cases(right: bool):
    for number, name, *answers in (*VALUES, *FUNCTIONS):
        for n, answer in enumerate(answers[0 if right else 1]):
            yield pytest.param(number, name, answer, id=f"{number}-{name}-{n}")


@pytest.mark.parametrize("number, name, answer", [*list_cases(True)])
def test_what_is_right_is_called_right(number, name, answer):
    verdict = getattr(lesson(number), name).check(answer)
    assert verdict.kind == "right", verdict


@pytest.mark.parametrize("number, name, answer", [*list_cases(False)])
def test_what_is_wrong_is_not_called_right(number, name, answer):
    verdict = getattr(lesson(number), name).check(answer)
    assert verdict.kind != "right" and verdict.text


def test_the_convolution_of_the_checker_is_that_of_keras():
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(3)
    image, kernel = rng.normal(size=(6, 7)), rng.normal(size=(3, 3))
    ours = lesson("01").convolve(image, kernel)
    both = image[None, ..., None].astype("float32"), kernel[..., None, None].astype("float32")
    theirs = keras.ops.convert_to_numpy(keras.ops.conv(*both, padding="same"))[0, ..., 0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("text", ["1e400", "9" * 400, "1 / 0", "three", ""])
def test_numbers_that_are_none_are_not_right(text):
    assert not match_numbers(text, 1.0)
