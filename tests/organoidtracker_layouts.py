"""Networks laid out as those that OrganoidTracker's own scripts left when they were run
(benchmarks/organoidtracker_networks.py), with fewer filters.
"""

import keras
import numpy as np

LAYERS, OPS = keras.layers, keras.ops


def convolve(x, name, filters, kernel=3):
    for number in (1, 2):
        layer = LAYERS.Conv3D(filters, kernel, padding="same", activation="relu")
        layer.name = f"{name}>conv{number}"
        x = layer(x)
    return x


def pool(x, name, size):
    return LAYERS.MaxPooling3D(size, size, padding="same", name=f"{name}>pool")(x)


def lay_out_position():
    """A U-Net with one level, whose answer is blurred by an operation with a fixed kernel."""
    images = keras.Input((16, None, None, 3))
    fine = convolve(images, "down1", 4, (1, 3, 3))
    x = pool(fine, "down1", (1, 2, 2))
    x = LAYERS.Conv3D(4, (1, 2, 2), padding="same")(LAYERS.UpSampling3D((1, 2, 2))(x))
    x = LAYERS.BatchNormalization()(convolve(OPS.concatenate([x, fine], axis=-1), "up1", 4))
    alive = keras.initializers.Constant(0.5)  # else it may answer 0 everywhere
    answer = LAYERS.Conv3D(1, 3, padding="same", activation="relu", bias_initializer=alive)(x)
    blur = OPS.convert_to_tensor(np.full((1, 4, 4, 1, 1), 1 / 16, np.float32))
    return keras.Model(images, OPS.conv(answer, blur, [1, 1, 1], "same"))


def lay_out_division():
    images = keras.Input((16, 32, 32, 3))
    x = pool(convolve(images, "down0", 4, 2), "down0", (2, 8, 8))
    x = LAYERS.Dense(8, activation="relu")(LAYERS.Reshape((8 * 4 * 4 * 4,))(x))
    return keras.Model(images, LAYERS.Dense(1, activation="sigmoid")(x))


def lay_out_link():
    """Two encoders, one of which sees both crops one after the other; three inputs with names."""
    shape = (16, 32, 32, 5)  # two time points, three coordinates
    first, second = keras.Input(shape, name="input_1"), keras.Input(shape, name="input_2")
    moved = keras.Input((3,), name="input_distances")
    turned = OPS.flip(second, axis=[-1])
    both = OPS.stack([first[:, :, :, :, 0], turned[:, :, :, :, 0]], axis=-1)

    def make_encoder():
        layer = LAYERS.Conv3D(4, 3, padding="same", activation="relu")
        pooling = LAYERS.MaxPooling3D((2, 8, 8), (2, 8, 8), padding="same")
        return keras.Sequential([layer, pooling, LAYERS.Reshape((8 * 4 * 4 * 4,))])

    alone, paired = make_encoder(), make_encoder()
    parts = [alone(first), alone(turned), paired(both), moved, OPS.abs(moved)]
    x = LAYERS.Dense(8, activation="relu")(LAYERS.concatenate(parts))
    return keras.Model([first, second, moved], LAYERS.Dense(1, activation="sigmoid")(x))
