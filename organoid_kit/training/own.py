"""What a learner brings: a network, a loss, an augmentation: checked, kept in the run, restored."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from organoid_kit.base import UserError, make_error, refuse, refuse_if
from organoid_kit.examples.batches import Examples
from organoid_kit.networks.opening import check_description, open_model
from organoid_kit.networks.own import make_functional
from organoid_kit.training.runs import OWN_NETWORK, Run

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
_COORDINATES = 3  # channels of a link network's crops that are no images


class FunctionLoss(keras.losses.Loss):
    """A function of targets and probabilities, weighted and averaged as Keras' own losses are."""

    def __init__(self, function: Callable) -> None:
        super().__init__(name=getattr(function, "__name__", "loss"))
        self.function = function

    def call(self, y_true, y_pred):
        """The loss of each voxel or example, or one number for all."""
        return self.function(y_true, y_pred)


@dataclass(frozen=True, eq=False)
class OwnParts:
    """What a learner brings; None is what the kit has."""

    network: keras.Model | None = None
    loss: keras.losses.Loss | None = None
    augment: Augment | None = None

    @property
    def loss_name(self) -> str | None:
        """For settings; None where the loss is the kit's."""
        return None if self.loss is None else _name(self.loss)

    def describe(self) -> dict[str, Any]:
        """What a run's details say of loss and augmentation; empty where both are the kit's."""
        loss = getattr(self.loss, "function", self.loss)
        parts = {"loss": loss, "augment": self.augment}
        return {name: _describe(part) for name, part in parts.items() if part is not None}


def collect_own_parts(network: Any, loss: Any, augment: Augment | None) -> OwnParts:
    """The parts as a training uses them. Raises UserError where one is of no use."""
    if network is not None:
        network = make_functional(network)
    try:
        if isinstance(loss, dict) and loss.get("class_name") == "function":
            loss = str(loss.get("config"))  # by its name, Keras finds its own alone
        check_description(loss)  # one from a file may describe anything
        loss = keras.losses.get(loss)
    except (ValueError, TypeError) as error:
        raise make_error("loss known", loss=loss) from error
    if loss is not None and not isinstance(loss, keras.losses.Loss):
        loss = FunctionLoss(loss)
    return OwnParts(network, loss, augment)


def check_own_parts(own: OwnParts, network: keras.Model, examples: Examples) -> None:
    """Raises UserError where loss or augmentation do not work with the first example."""
    if own.augment is None and own.loss is None:
        return
    inputs, targets, weights = examples.batch(0, 0, 1)
    if own.augment is not None:
        inputs = vary_batch(own.augment, inputs, (examples.settings.seed, 0), 0)
    if own.loss is None:
        return
    try:
        value = float(own.loss(targets, network(inputs, training=False), sample_weight=weights))
    except Exception as error:
        said = {"reason": " ".join(str(error).split())[:200], "shape": targets.shape}
        raise make_error("loss numbers", name=_name(own.loss), **said) from error
    refuse_if(not np.isfinite(value), "loss finite", value=value, name=_name(own.loss))


def restore_own_parts(passed: OwnParts, run: Run) -> OwnParts:
    """What a run goes on with, from its folder; UserError for other parts, or a missing function."""
    before, now = run.details.get("own", {}), passed.describe()
    for part in before.keys() | now.keys():
        old, new = before.get(part), now.get(part, before.get(part))
        if old is None or _identify(old) != _identify(new):
            raise _make_change_error(run, part, old and _identify(old), _identify(new))
        if part not in now and "keras" not in old:
            raise make_error("function missing", run.folder, part=part, old=old["name"])
    loss = passed.loss
    if loss is None and "loss" in before:
        loss = collect_own_parts(None, before["loss"]["keras"], None).loss
    file, network = run.folder / OWN_NETWORK, passed.network
    try:
        saved = open_model(file) if file.exists() else None
    except Exception as error:  # damaged bytes can be anything
        raise refuse(file, "The network of a run must open", error) from error
    shapes = [each and [weight.shape for weight in each.weights] for each in (saved, network)]
    if network and shapes[0] != shapes[1]:
        old = saved and "weights of other shapes"
        raise _make_change_error(run, "network", old, network.name)
    return OwnParts(saved, loss, passed.augment)


def _make_change_error(run: Run, part: str, old: Any, new: Any) -> UserError:
    old = old or "that of the kit"
    return make_error("part changed", run.folder, part=part, old=old, new=new)


def _describe(part: Any) -> dict[str, Any]:
    """What restores a part of Keras', or name and source of what cannot be restored."""
    if (getattr(part, "__module__", None) or type(part).__module__).startswith("keras."):
        known = keras.losses.serialize(part)
        options = [getattr(each, "_fn_kwargs", 0) for each in (part, keras.losses.get(known))]
        if options[0] == options[1]:  # Huber, of Keras 3.15, forgets its delta
            return {"keras": known}
    try:
        source = inspect.getsource(part if inspect.isroutine(part) else type(part))
    except (OSError, TypeError):
        source = ""
    return {"name": _name(part), "source": source}


def _name(part: Any) -> str:
    part = getattr(part, "function", part)
    return getattr(part, "__name__", None) or getattr(part, "name", None) or type(part).__name__


def _identify(description: dict[str, Any]) -> Any:
    return description.get("keras", description.get("name"))


def vary_batch(augment: Augment, inputs: Any, key: tuple[int, int], first: int) -> Any:
    """A network's inputs, each image varied by a learner's function; drawn by the key (seed, epoch)
    and the number of the `first` example. A pair is one image, the later's time points behind.
    """
    if not isinstance(inputs, tuple):
        rngs = (np.random.default_rng((*key, first + number, 1)) for number in range(len(inputs)))
        return np.stack([_vary(augment, image, rng) for image, rng in zip(inputs, rngs)])
    earlier, later, displacements = inputs
    time = earlier.shape[-1] - _COORDINATES
    images = np.concatenate([earlier[..., :time], later[..., _COORDINATES:]], -1)
    images = vary_batch(augment, images, key, first)
    earlier = np.concatenate([images[..., :time], earlier[..., time:]], -1)
    later = np.concatenate([later[..., :_COORDINATES], images[..., time:]], -1)
    return earlier, later, displacements


def _vary(augment: Augment, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    varied = augment(image.copy(), rng)
    if np.shape(varied) != image.shape or not np.isfinite(varied).all():
        shapes = {"varied": np.shape(varied), "given": image.shape}
        raise make_error("augmentation shape", name=_name(augment), **shapes)
    return np.asarray(varied, np.float32)
