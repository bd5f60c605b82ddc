#!/usr/bin/env bash
# Keras' AUC, of a network that was trained on as many divisions as other nuclei and is then shown a whole movie.
#
# Such a network is too sure: hundreds of the nuclei that do not divide get 0.99 and more, and those that do are told from
# them by 0.9999. Seen from the other side: after a calibration for rare events most probabilities are below 0.01.
#
# Guessed before it was run: metrics.AUC() is off by a hundredth, as it looks at 200 thresholds instead of all.
#
# Seen: the 200 thresholds lie evenly from 0 to 1, none between 0.995 and 1, none between 0 and 0.005. Of the sure network
# the area under precision and recall is 0.02 where it is 0.11 (that of a network that guesses: 0.01), that of the
# receiver operating curve 0.75 where it is 0.82. The other network divided by 100, which changes the order of no two
# nuclei, has 0.04 instead of 0.12, and one that knows all, below 0.005, counts as one that guesses: 0.5. So a calibration,
# or a step that only makes a network surer, looks like learning or forgetting. Nothing is said. With 10,000 thresholds the
# area of the sure network is 0.06, still half of what it is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check keras==3.15.1 jax==0.10.2 numpy==2.4.6 \
    scipy==1.17.1 scikit-learn==1.9.0 2>/dev/null
cd "$folder"
KERAS_BACKEND=jax env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from importlib.metadata import version

import numpy as np
from keras import metrics
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score

packages = ("keras", "jax", "scikit-learn", "numpy")
print(*(f"{name} {version(name)}" for name in packages), f"Python {sys.version.split()[0]}", sep=", ")
rng = np.random.default_rng(0)
divides = rng.random(20_000) < 0.01
softly = np.where(divides, rng.beta(3, 2, divides.size), rng.beta(1, 3, divides.size))
surely = expit(np.where(divides, rng.normal(8, 3, divides.size), rng.normal(4, 3, divides.size)))
perfect = np.where(divides, 0.0045, 0.0005)
seen = {}


def compare(name, probabilities, thresholds=200):
    """(area under the receiver operating curve, under precision and recall): Keras', and those of all thresholds."""
    probabilities = probabilities.astype("float32")
    areas = []
    for curve, exact in (("ROC", roc_auc_score), ("PR", average_precision_score)):
        metric = metrics.AUC(curve=curve, num_thresholds=thresholds)
        metric.update_state(divides.astype("float32"), probabilities)
        areas += [float(metric.result()), float(exact(divides, probabilities))]
        print(f"    {name}, {curve}: Keras {areas[-2]:.3f}, all thresholds {areas[-1]:.3f}")
    seen[name] = areas


compare("a network that is not sure", softly)
compare("the same, divided by 100", softly / 100)
compare("a sure network", surely)
compare("a sure network, 10,000 thresholds", surely, 10_000)
compare("a perfect one, all below 0.005", perfect)
roc, right_roc, pr, right_pr = np.array(list(seen.values())).T
as_seen = (
    abs(roc[0] - right_roc[0]) < 0.01
    and abs(pr[0] - right_pr[0]) < 0.01
    and right_pr[1] == right_pr[0]
    and pr[1] < right_pr[1] / 2
    and roc[2] < right_roc[2] - 0.04
    and pr[2] < right_pr[2] / 3
    and pr[3] < 0.6 * right_pr[3]
    and (roc[4], right_roc[4], right_pr[4]) == (0.5, 1, 1)
    and pr[4] < 0.02
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
