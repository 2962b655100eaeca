"""Training image classifiers: children of a search, whose architecture is data, and final models.

Letters: B images, H height, W width, C channels, K classes.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture, ConvolutionalSpace
from nao_tf.child.images.residual_network import width_of_equal_size
from nao_tf.data.image_batches import evaluation_batches, training_batches
from nao_tf.data.images import ImageData, Part
from nao_tf.errors import DivergedError
from nao_tf.training import checkpoint as checkpoints
from nao_tf.training.devices import Devices
from nao_tf.training.gradients import clipped, decayed
from nao_tf.training.image_models import BLOCKS, make_classifier, make_residual, make_shared
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.initial_weights import initialise
from nao_tf.training.training import (
    SAVE_EVERY,
    WARM_UP,
    Epoch,
    Report,
    Training,
    advance,
    draw_members,
    run,
    seconds_of_steps,
    step_seed,
)

METRIC = "validation_loss"  # the score of a child, lower is better; it ranks architectures better than accuracy does
TIMING_RATE = 1e-6  # learning rate of steps that are only timed


@dataclasses.dataclass(frozen=True)
class ResNet:
    """The hand-made network that found cells are compared with: a residual network of 20 layers.

    Attributes:
        width: channels of the first stage.
    """

    width: int

    @classmethod
    def of_size(cls, parameters: int, data: ImageData) -> Self:
        """The network that is nearest to a number of trainable parameters, of the widths that are fast."""
        return cls(
            width_of_equal_size(parameters, blocks=BLOCKS, channels=data.shape[-1], classes=len(data.class_names))
        )


Network = Architecture | ResNet


@dataclasses.dataclass(frozen=True)
class ClassifierQuality:
    """How good a classifier is on some images.

    Attributes:
        loss: mean negative log likelihood of the classes, in nats an image.
        accuracy: share of the images whose most probable class is theirs.
    """

    loss: float
    accuracy: float


class ImageAccuracy:
    """Accuracy and loss of a classifier on fixed images: every image once, always in the same batches.

    Args:
        logits: called with images `[B, H, W, C]` and the integers of an architecture; returns `[B, K]`.
        part: the images.
        batch_size: B.

    Attributes:
        program: the evaluation; one serves all architectures.
    """

    def __init__(self, logits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], part: Part, *, batch_size: int):
        self._logits = logits
        self._batches = tuple(tf.constant(array) for array in evaluation_batches(part, batch_size))
        self._count = len(part)
        self.program = tf.function(self._totals)

    def _totals(self, values):
        images, labels, weights = self._batches

        def step(index, loss, correct):
            logits = tf.cast(self._logits(images[index], values), tf.float32)  # [B, K]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels[index], logits)  # [B]
            hits = tf.cast(tf.equal(tf.argmax(logits, -1, tf.int32), labels[index]), tf.float32)  # [B]
            weight = weights[index]
            return index + 1, loss + tf.reduce_sum(weight * losses), correct + tf.reduce_sum(weight * hits)

        loop = [0, tf.zeros([]), tf.zeros([])]
        # Two batches at a time: within one, operations wait for each other and leave processors idle.
        _, loss, correct = tf.while_loop(lambda index, *_: index < images.shape[0], step, loop, parallel_iterations=2)
        return loss, correct

    def __call__(self, architecture: Architecture | None = None) -> ClassifierQuality:
        """The quality with the weights as they are; without an architecture that of a model for one network."""
        values = architecture.values if architecture else ()
        loss, correct = self.program(tf.constant(values, tf.int32))
        return ClassifierQuality(loss=float(loss) / self._count, accuracy=float(correct) / self._count)


class SharedImageChild(Training):
    """The child that all pairs of cells of a pool share: a step trains one of them, drawn at random.

    One program serves all architectures. A step reads and writes only the rows of the tables that its architecture
    uses, so the other rows keep their weights and their momentum. Architectures are scored by the loss on the same
    validation images in the same batches, every batch normalised by its own statistics.

    Args:
        settings: of the training; its steps are those of one round.
        data: images for training and, for the score, for validation.
        space: of the architectures.
        per_input: see `SharedCell`; False where every architecture is trained from scratch.

    Attributes:
        model: with the shared weights.
        quality: on the validation images.
        program: the step.
        steps_done: training steps of all rounds.
    """

    def __init__(self, settings: ImageTraining, *, data: ImageData, space: ConvolutionalSpace, per_input: bool = True):
        self.settings, self._data = settings, data
        self.model = make_shared(settings, data, space=space, per_input=per_input)
        self.model.build()
        self.steps_done = 0
        self._tables = self.model.network.tables  # type: ignore[attr-defined]  # it is a `SharedNetwork`
        of_tables = {id(table) for table in self._tables}
        self._dense = [variable for variable in self.model.trainable_variables if id(variable) not in of_tables]
        self._velocities = [
            tf.Variable(tf.zeros(variable.shape), trainable=False) for variable in (*self._dense, *self._tables)
        ]
        self.program = tf.function(self._one_step)
        self.quality = ImageAccuracy(
            lambda images, values: self.model.logits(images, architecture=values)[0],
            data.valid,
            batch_size=settings.evaluation_batch,
        )

    def _one_step(self, images, labels, values, seed, learning_rate):
        settings, model = self.settings, self.model
        rows = model.network.rows(values)  # of each cell [branches]
        chosen = [tf.gather(table.value, row) for table, row in zip(self._tables, rows, strict=True)]
        weights = [*(variable.value for variable in self._dense), *chosen]
        with tf.GradientTape() as tape:
            tape.watch(chosen)
            logits, auxiliary = model.logits(images, architecture=values, training=True, seed=seed, chosen=chosen)
            loss, likelihood = _loss(labels, logits, auxiliary, weight=settings.auxiliary_weight)
        gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = clipped(_as_tensors(gradients), settings.clip_norm)
        gradients = decayed(gradients, weights, rate=settings.weight_decay)
        momentum = settings.momentum

        def change(velocity, gradient):
            """The new velocity and what is added to the weights (Keras's form of momentum)."""
            velocity = momentum * velocity - learning_rate * gradient
            return velocity, momentum * velocity - learning_rate * gradient if settings.nesterov else velocity

        count = len(self._dense)
        for variable, velocity, gradient in zip(self._dense, self._velocities[:count], gradients[:count], strict=True):
            new, added = change(velocity, gradient)
            velocity.assign(new)
            variable.value.assign_add(added)
        for table, velocity, gradient, row in zip(
            self._tables, self._velocities[count:], gradients[count:], rows, strict=True
        ):
            new, added = change(tf.gather(velocity, row), gradient)
            velocity.scatter_update(tf.IndexedSlices(new, row))
            table.value.scatter_add(tf.IndexedSlices(added, row))
        return likelihood

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters that an architecture uses."""
        size = self.model.size(architecture=architecture).parameters
        return size if self.model.head is None else size + self.model.head.count_params()

    def score(self, architecture: Architecture) -> float:
        """Validation loss with the weights as they are. Raises DivergedError if it is not a number."""
        return _finite(self.quality(architecture)).loss

    def start(self, seed: int) -> None:
        """First weights and no momentum."""
        initialise(self.model, seed)
        for velocity in self._velocities:
            velocity.assign(tf.zeros_like(velocity))
        self.steps_done = 0

    def train_together(
        self,
        architectures: Sequence[Architecture],
        *,
        seed: int,
        report: Report | None = None,
        shares: Sequence[float] | None = None,
    ) -> None:
        """Trains one round further, every step with one of the architectures; the learning rate runs its schedule once.

        Args:
            architectures: of the space.
            seed: of order, augmentation, dropout and the choice.
            report: called with step of the round and training loss in nats an image.
            shares: see `draw_members`.

        Raises:
            DivergedError: the training loss is not a number.
        """
        settings, steps = self.settings, self.settings.steps
        members = draw_members(len(architectures), steps=steps, seed=[seed, self.steps_done], shares=shares)
        self._round = np.asarray([architecture.values for architecture in architectures], np.int32)[members]
        self._seed = seed
        self._batches = _batches(self._data, settings, seed=seed + self.steps_done, steps=steps)
        advance(self, steps=steps, report=report)

    def step(self, number: int) -> tf.Tensor:
        """Trains a batch with the architecture that was drawn for this step of the round."""
        _, images, labels = next(self._batches)
        likelihood = self.program(
            images,
            labels,
            tf.constant(self._round[number]),
            step_seed(self._seed, self.steps_done),
            tf.constant(self.settings.learning_rate_at(number), tf.float32),
        )
        self.steps_done += 1
        return likelihood

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights, momentum and steps, between two rounds."""
        return {
            **checkpoints.variables("model", self.model.variables),
            **checkpoints.variables("velocity", self._velocities),
            "step": np.asarray(self.steps_done),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to what `arrays` returned."""
        checkpoints.assign("model", self.model.variables, arrays=arrays)
        checkpoints.assign("velocity", self._velocities, arrays=arrays)
        self.steps_done = int(arrays["step"])

    def save(self, path: os.PathLike) -> None:
        """Writes the child as it is between two rounds."""
        checkpoints.save(path, self.arrays())

    def load(self, path: os.PathLike) -> bool:
        """Goes on from what `save` wrote; False if there is no such file."""
        saved = checkpoints.load(path)
        if saved is not None:
            self.restore(saved)
        return saved is not None


class ImageChild:
    """Trains one pair of cells after the other from scratch, all in one program: a shared child with one member.

    Args:
        settings: of the training.
        data: images for training and, for the score, for validation.
        space: of the architectures.

    Attributes:
        child: holds the weights of the last training.
    """

    def __init__(self, settings: ImageTraining, *, data: ImageData, space: ConvolutionalSpace):
        self.settings = settings
        self.child = SharedImageChild(settings, data=data, space=space, per_input=False)

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters that the architecture has."""
        return self.child.parameters(architecture)

    def train(self, architecture: Architecture, *, seed: int, report: Report | None = None) -> None:
        """New weights, and a training of `settings.steps` steps.

        Args:
            architecture: of the space.
            seed: of weights, order, augmentation and dropout.
            report: called with step and training loss in nats an image.

        Raises:
            DivergedError: the training loss is not a number.
        """
        self.child.start(seed)
        self.child.train_together([architecture], seed=seed, report=report)

    def score(self, architecture: Architecture) -> float:
        """Validation loss with the weights as they are. Raises DivergedError if it is not a number."""
        return self.child.score(architecture)


class ClassifierTraining(Training):
    """Trains a classifier of one network.

    Args:
        settings: of the training.
        data: images.
        make: makes the model, without its weights.
        devices: a `tf.distribute` strategy that divides every batch; None: one device. Batch statistics are those of
            the whole batch, so the losses are those of one device.

    Attributes:
        model: with its weights.
        program: the step.
    """

    def __init__(
        self,
        settings: ImageTraining,
        data: ImageData,
        *,
        make: Callable[[], keras.Model],
        devices: tf.distribute.Strategy | None = None,
    ):
        self.settings, self._data, self.devices = settings, data, Devices(devices)
        self._share = self.devices.share(settings.batch_size, "images")
        with self.devices.scope():
            self.model = make()
            self.model.build()
            self._optimizer = keras.optimizers.SGD(
                settings.learning_rate, momentum=settings.momentum, nesterov=settings.nesterov
            )
            self._optimizer.build(self.model.trainable_variables)
        self.program = tf.function(self._one_step)
        self._seed = 0
        self._stream: Iterator | None = None

    def _one_step(self, images, labels, seed, learning_rate, progress):
        settings, devices = self.settings, self.devices

        def part(device):
            rows = slice(device * self._share, (device + 1) * self._share)
            own = tf.stack([seed[0], seed[1] * devices.count + device])  # each draws numbers of its own
            return images[rows], labels[rows], own

        def update(images, labels, seed):
            variables = self.model.trainable_variables
            values = [variable.value for variable in variables]
            with tf.GradientTape() as tape:
                logits, auxiliary = self.model.logits(images, training=True, seed=seed, progress=progress)
                loss, likelihood = _loss(labels, logits, auxiliary, weight=settings.auxiliary_weight)
            gradients = tape.gradient(loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            gradients = clipped(devices.average(_as_tensors(gradients)), settings.clip_norm)
            gradients = decayed(gradients, variables, rate=settings.weight_decay)
            devices.apply(self._optimizer, gradients, variables=variables, learning_rate=learning_rate)
            return (likelihood,)

        return devices.run(update, (images, labels, seed), part=part)[0]

    def start(self, seed: int) -> None:
        """New weights and a new optimizer."""
        initialise(self.model, seed)
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        self._seed, self._stream = seed, None

    def step(self, number: int) -> tf.Tensor:
        """Trains the next batch."""
        settings = self.settings
        if self._stream is None:
            self._stream = _batches(self._data, settings, seed=self._seed, steps=settings.steps, first=number)
        return self._train_batch(self._stream, self._seed, number=number, rate=settings.learning_rate_at(number))

    def _train_batch(self, stream, seed, *, number, rate):
        _, images, labels = next(stream)
        progress = tf.constant(number / self.settings.steps, tf.float32)
        return self.program(images, labels, step_seed(seed, number), tf.constant(rate, tf.float32), progress)

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights and optimizer."""
        return {
            **checkpoints.variables("model", self.model.variables),
            **checkpoints.variables("optimizer", self._optimizer.variables),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to what `arrays` returned."""
        checkpoints.assign("model", self.model.variables, arrays=arrays)
        checkpoints.assign("optimizer", self._optimizer.variables, arrays=arrays)

    def finish(self) -> None:
        """Ends the preparation of batches."""
        self._stream = None

    def seconds_of_steps(self, count: int) -> list[float]:
        """Seconds of each of some training steps. Trains the weights that are there; compiling is not counted."""
        stream = _batches(self._data, self.settings, seed=0, steps=count + WARM_UP)
        return seconds_of_steps(lambda number: self._train_batch(stream, 0, number=number, rate=TIMING_RATE), count)


class ImageTrainer:
    """Trains a final image classifier.

    Args:
        settings: of the training.
        data: images.
        network: an architecture of a convolutional space, or the hand-made network.
        devices: a `tf.distribute` strategy that divides every batch; None: one device.

    Attributes:
        training: a step of it.
        network: the network that is trained.
    """

    def __init__(
        self,
        settings: ImageTraining,
        *,
        data: ImageData,
        network: Network,
        devices: tf.distribute.Strategy | None = None,
    ):
        self.settings, self.network, self._data = settings, network, data
        self.training = ClassifierTraining(
            settings, data, make=lambda: make_network(settings, data, network=network), devices=devices
        )

    @property
    def model(self) -> keras.Model:
        """The model, with the weights of the last training."""
        return self.training.model

    @property
    def parameters(self) -> int:
        """Trainable parameters, without those of an auxiliary head: it is used in training only."""
        return self.model.size().parameters

    @property
    def history(self) -> list[float]:
        """Empty: no epoch of a classifier is validated."""
        return []

    def train(
        self,
        seed: int,
        *,
        checkpoint: os.PathLike | None = None,
        every: int = SAVE_EVERY,
        report: Report | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> float:
        """Trains from scratch, or goes on from a checkpoint.

        Args:
            seed: of the weights, the order of the images, augmentation, and all that is dropped.
            checkpoint: a file that holds the state of the training, see `training.run`.
            every: steps between two writes of that file.
            report: called with step and training loss in nats an image.
            on_epoch: never called, as no epoch of a classifier is validated.

        Returns:
            The mean training loss over the last tenth of the steps, nats an image.

        Raises:
            DivergedError: the loss is not a number.
        """
        return run(
            self.training,
            seed=seed,
            steps=self.settings.steps,
            checkpoint=checkpoint,
            every=every,
            report=report,
            on_epoch=on_epoch,
        )

    def validate(self) -> float:
        """Validation accuracy. Raises DivergedError if the validation loss is not a number."""
        return _finite(self.measure(self._data.valid)).accuracy

    def measure(self, part: Part) -> ClassifierQuality:
        """The quality on some images, with moving averages as statistics, nothing dropped."""
        batch_size = self.settings.evaluation_batch
        return ImageAccuracy(lambda images, values: self.model.logits(images)[0], part, batch_size=batch_size)()

    def seconds_per_step(self, steps: int = 20) -> float:
        """Median seconds of a training step. Trains the weights that are there; compiling is not counted."""
        return float(np.median(self.training.seconds_of_steps(steps)))


def make_network(settings: ImageTraining, data: ImageData, *, network: Network) -> keras.Model:
    """The classifier of a network, without its weights."""
    if isinstance(network, ResNet):
        return make_residual(settings, data, width=network.width)
    return make_classifier(settings, data, architecture=network)


def _batches(data: ImageData, settings: ImageTraining, *, seed: int, steps: int, first: int = 0) -> Iterator:
    return iter(
        training_batches(
            data.train,
            settings.batch_size,
            seed=seed,
            steps=steps,
            first=first,
            shift=settings.shift,
            mirrored=data.mirrored,
        )
    )


def _loss(labels, logits, auxiliary, *, weight):
    """Loss with that of the auxiliary head, and without, in nats an image."""

    def mean(logits):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32)))

    likelihood = mean(logits)
    return likelihood if auxiliary is None else likelihood + weight * mean(auxiliary), likelihood


def _as_tensors(gradients):
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def _finite(quality: ClassifierQuality) -> ClassifierQuality:
    if not math.isfinite(quality.loss):
        raise DivergedError(f"validation loss is {quality.loss}")
    return quality
