import json
import random

import keras
import numpy as np
import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.training.checkpoints import TrainingState, load_newest_checkpoint, save_checkpoint
from training_helpers import weights_of


def build_tiny(seed=0):
    """A network of two weights with an optimiser that has moments."""
    images = keras.Input((3,))
    start = keras.initializers.GlorotUniform(seed=seed)
    network = keras.Model(images, keras.layers.Dense(2, kernel_initializer=start)(images))
    network.compile(keras.optimizers.Adam(0.1), "mse")
    network.optimizer.build(network.trainable_variables)
    return network


def train_step(network, seed):
    rng = np.random.default_rng(seed)
    network.train_on_batch(rng.random((4, 3)), rng.random((4, 2)))


def truncate(content):
    return content[: len(content) // 2]


def zero_the_middle(content):
    middle = len(content) // 2
    return content[: middle - 200] + bytes(400) + content[middle + 200 :]


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints: after one step and after two."""
    network = build_tiny()
    for step in (1, 2):
        train_step(network, step)
        save_checkpoint(network, TrainingState(batch_size=4, step=step), tmp_path)
    return tmp_path


def newest(folder):
    return max(folder.glob("*.npz"))


def test_weights_optimiser_and_state_come_back(folder):
    state = TrainingState(
        3, epoch=2, losses=[(0.1, 3)], history=[{"loss": 0.1}], seconds=0.3, finished="so"
    )
    network, other = build_tiny(), build_tiny(seed=1)
    train_step(network, 1)
    save_checkpoint(network, state, folder)
    assert load_newest_checkpoint(other, folder) == state
    for each in (network, other):
        train_step(each, 2)  # the moments of the optimiser decide about this one
    assert weights_of(other) == weights_of(network)


def test_infinite_loss_so_far_comes_back(folder):
    assert load_newest_checkpoint(build_tiny(), folder).lowest_error == float("inf")


def test_only_the_newest_two_are_kept(folder):
    for epoch in (1, 2, 10):
        save_checkpoint(build_tiny(), TrainingState(batch_size=4, epoch=epoch), folder)
    assert [path.name[:11] for path in sorted(folder.iterdir())] == ["epoch_00002", "epoch_00010"]


@pytest.mark.parametrize(
    "damage", [truncate, zero_the_middle, lambda content: b"", lambda content: content[:-1]]
)
def test_a_damaged_checkpoint_is_passed_over(folder, damage):
    path = newest(folder)
    path.write_bytes(damage(path.read_bytes()))
    assert load_newest_checkpoint(build_tiny(), folder).step == 1


def test_any_flipped_bit_is_noticed_or_harmless(folder):
    rng = random.Random(0)
    path = newest(folder)
    content = path.read_bytes()
    intact = build_tiny()
    load_newest_checkpoint(intact, folder)
    for _ in range(150):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        network = build_tiny()
        state = load_newest_checkpoint(network, folder)
        assert state.step == 1 or (state.step == 2 and weights_of(network) == weights_of(intact))


def test_a_damaged_checkpoint_never_counts_as_one_of_the_newest_again(folder):
    path = newest(folder)
    path.write_bytes(b"damaged")
    load_newest_checkpoint(build_tiny(), folder)
    assert not path.exists()


def test_without_any_checkpoint_there_is_nothing_to_load(tmp_path):
    network = build_tiny()
    before = weights_of(network)
    assert load_newest_checkpoint(network, tmp_path / "none") is None
    assert weights_of(network) == before


def test_without_any_intact_checkpoint_the_error_says_how_to_go_on(folder):
    for path in folder.glob("*.npz"):
        path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="start_from="):
        load_newest_checkpoint(build_tiny(), folder)
    assert len(list(folder.glob("*.npz"))) == 2


def test_a_full_disk_leaves_earlier_checkpoints_as_they_are(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match="No space left"):
        save_checkpoint(build_tiny(), TrainingState(batch_size=4, step=3), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_nothing_in_a_checkpoint_is_ever_executed(folder):
    np.savez(newest(folder), state=np.array([print], dtype=object))
    assert load_newest_checkpoint(build_tiny(), folder).step == 1


def test_the_state_is_plain_json(folder):
    with np.load(newest(folder)) as file:
        assert json.loads(str(file["state"]))["step"] == 2


def build_with_dropout(seed=0):
    """A network that forgets at random, in a part of its own that is used twice."""
    inner = keras.Input((3,))
    part = keras.Model(inner, keras.layers.Dropout(0.5, seed=seed)(inner))
    images = keras.Input((3,))
    start = keras.initializers.GlorotUniform(seed=0)
    answer = keras.layers.Dense(2, kernel_initializer=start)(part(part(images)))
    network = keras.Model(images, answer)
    network.compile(keras.optimizers.Adam(0.1), "mse")
    network.optimizer.build(network.trainable_variables)
    return network


def test_dropout_goes_on_where_it_stood(tmp_path):
    network, other = build_with_dropout(), build_with_dropout(seed=7)
    train_step(network, 1)
    save_checkpoint(network, TrainingState(batch_size=4, step=1), tmp_path)
    load_newest_checkpoint(other, tmp_path)
    for each in (network, other):
        train_step(each, 2)
    assert weights_of(other) == weights_of(network)


def rewrite_newest(folder, **changes):
    """The newest checkpoint with other arrays, None removing one, or another state."""
    with np.load(newest(folder)) as file:
        arrays = {name: file[name] for name in file.files}
    state = json.loads(str(arrays["state"])) | changes.pop("state", {})
    arrays |= {"state": np.array(json.dumps(state))} | changes
    np.savez(newest(folder), **{name: array for name, array in arrays.items() if array is not None})


MISFITS = {
    "a field of a newer kit": {"state": {"new": 1}},
    "a field of another type": {"state": {"epoch": "one"}},
    "a list of another kind": {"state": {"losses": [1, 2]}},
    "another shape": {"weight_0": np.zeros((3, 5))},
    "one more variable": {"optimiser_9": np.zeros(())},
    "one less variable": {"optimiser_1": None},
    "no numbers": {"weight_1": np.array([np.nan, 1])},
    "texts": {"weight_1": np.array(["a", "b"])},
}


@pytest.mark.parametrize("case", MISFITS)
def test_a_checkpoint_that_does_not_fit_costs_itself_and_is_named(folder, case):
    rewrite_newest(folder, **MISFITS[case])
    network = build_tiny()
    assert load_newest_checkpoint(network, folder).step == 1
    rewrite_newest(folder, **MISFITS[case])
    with pytest.raises(UserError, match=f"{newest(folder).name}: .*start_from"):
        load_newest_checkpoint(network, folder)
