"""A new operation for the cells of image classifiers: squeeze-and-excitation (Hu et al., 2018), as one row.

The row is found again in the size of a network, in a network of one architecture, and in a child that scores many
architectures with shared weights. Runs on the embedded digits in less than a minute:

    python examples/own_operation.py

Letters: B images, H height, W width, F filters, S filters after the squeeze.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.images.cell import cells_of
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.operations import OPERATIONS, Operation
from nao_tf.child.images.shared_network import SharedNetwork
from nao_tf.child.images.weights import Weight
from nao_tf.data import digits

NAME = "squeeze and excitation"
FILTERS, LAYERS, BATCH, STEPS = 4, 1, 64, 60


@dataclasses.dataclass(frozen=True)
class SqueezeAndExcitation(Operation):
    """Scales each channel by a number that all channels' means decide.

    Attributes:
        ratio: F / S.
    """

    ratio: int = 2

    def weights(self, channels: int, filters: int) -> Sequence[Weight]:
        """Two dense layers."""
        squeezed = max(filters // self.ratio, 1)
        return (
            Weight("squeeze", (channels, squeezed)),
            Weight("squeeze_bias", (squeezed,), start="zeros"),
            Weight("excite", (squeezed, filters)),
            Weight("excite_bias", (filters,), start="zeros"),
        )

    def apply(self, values: tf.Tensor, weights: Mapping[str, tf.Tensor], *, stride: int = 1) -> tf.Tensor:
        """The scaled values."""
        values = values[:, ::stride, ::stride]  # [B, H / stride, W / stride, F]
        means = tf.reduce_mean(values, [1, 2])  # [B, F]
        narrow = tf.nn.relu(means @ weights["squeeze"] + weights["squeeze_bias"])  # [B, S]
        scales = tf.sigmoid(narrow @ weights["excite"] + weights["excite_bias"])  # [B, F]
        return values * scales[:, None, None]


OPERATIONS[NAME] = SqueezeAndExcitation()  # the row
SPACE = ConvolutionalSpace("squeezing", operations=["identity", "conv 3x3", "max pooling 3x3", NAME])


def uses(architecture) -> int:
    """In how many branches an architecture has the operation."""
    return sum(branch.operation == NAME for cell in cells_of(architecture) for node in cell.nodes for branch in node)


def shared_child(
    images: np.ndarray, labels: np.ndarray
) -> tuple[Classifier, tf.types.experimental.PolymorphicFunction]:
    """A child for all architectures of the space, trained for a few steps with a random one each, and its loss."""
    network = SharedNetwork(SPACE.operations, FILTERS, layers=LAYERS)
    child = Classifier(network, classes=10, image_shape=images.shape[1:])
    child.build()
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    optimizer.build(child.trainable_variables)

    @tf.function
    def loss(images, labels, architecture):
        logits, _ = child.logits(images, architecture=architecture)  # [B, 10]
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    @tf.function
    def train(images, labels, architecture):
        variables = child.trainable_variables
        with tf.GradientTape() as tape:
            value = loss(images, labels, architecture)
        values = [variable.value for variable in variables]
        gradients = tape.gradient(value, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients], variables)

    generator = np.random.default_rng(0)
    for _ in range(STEPS):
        chosen = generator.choice(len(images), BATCH, replace=False)
        architecture = SPACE.sample(generator)
        train(images[chosen], labels[chosen], tf.constant(architecture.values))
    return child, loss


def main() -> dict[str, float]:
    """Searches a little and trains the winner; returns what it printed."""
    keras.utils.set_random_seed(1)
    images, labels = digits.read()
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    train, valid = slice(0, 1400), slice(1400, None)

    child, loss = shared_child(images[train], labels[train])
    generator = np.random.default_rng(1)
    pool = [architecture for architecture in (SPACE.sample(generator) for _ in range(20)) if uses(architecture)]
    scores = [float(loss(images[valid], labels[valid], tf.constant(each.values))) for each in pool]
    best = pool[int(np.argmin(scores))]
    print(f"of {len(pool)} architectures the best has {uses(best)} branches of {NAME}, loss {min(scores):.3f}")
    print(f"of the shared child it uses {child.size(architecture=best).parameters:,} parameters")

    model = Classifier(
        CellNetwork(cells_of(best), FILTERS, layers=LAYERS, macro="nao_ws"), classes=10, image_shape=images.shape[1:]
    )
    model.build()
    size, counted = model.size(), sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    print(f"its network has {size.parameters:,} parameters (Keras counts {counted:,})")
    print(f"and needs {size.multiply_adds:,} multiply-adds for an image")
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(images[train], labels[train], batch_size=BATCH, epochs=6, verbose=0)
    _, accuracy = model.evaluate(images[valid], labels[valid], batch_size=BATCH, verbose=0)
    print(f"trained from scratch for 6 epochs it classifies {accuracy:.1%} of the validation images")
    return {
        "branches": uses(best),
        "loss": min(scores),
        "parameters": size.parameters,
        "counted": counted,
        "accuracy": accuracy,
    }


if __name__ == "__main__":
    main()
