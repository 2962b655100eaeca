"""Children of a search of convolutional cells: one after the other from scratch, or one that a whole pool shares.

Letters: B images, H height, W width, C channels, K classes.
"""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture, ConvolutionalSpace
from nao_tf.data.images import ImageData
from nao_tf.training import checkpoint as checkpoints
from nao_tf.training.gradients import clipped, decayed
from nao_tf.training.image_accuracy import finite, quality_of
from nao_tf.training.image_models import make_shared
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.image_steps import as_tensors, batches_of, loss_of
from nao_tf.training.initial_weights import initialise
from nao_tf.training.training import (
    Report,
    Training,
    advance,
    draw_members,
    step_seed,
)

METRIC = "validation_loss"  # the score of a child, lower is better; it ranks architectures better than accuracy does


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
        self.program = tf.function(self._one_step, autograph=False)
        self.quality = quality_of(
            lambda images, values: self.model.logits(images, architecture=values)[0],
            data,
            part=data.valid,
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
            loss, likelihood = loss_of(
                labels,
                logits,
                auxiliary=auxiliary,
                weight=settings.auxiliary_weight,
                smoothing=settings.label_smoothing,
            )
        gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = clipped(as_tensors(gradients), settings.clip_norm)
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
        return finite(self.quality(architecture)).loss

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
        self._batches = batches_of(self._data, settings, seed=seed + self.steps_done, steps=steps)
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
        """Goes on from what `save` wrote; False if there is no such file. Raises InputError if it is damaged."""
        saved = checkpoints.load(path)
        if saved is not None:
            with checkpoints.restoring(path):
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

    def train(
        self, architecture: Architecture, *, seed: int, steps: int | None = None, report: Report | None = None
    ) -> None:
        """New weights, and a training.

        Args:
            architecture: of the space.
            seed: of weights, order, augmentation and dropout.
            steps: of the training, over which the learning rate falls; None: `settings.steps`.
            report: called with step and training loss in nats an image.

        Raises:
            DivergedError: the training loss is not a number.
        """
        self.child.settings = dataclasses.replace(self.settings, steps=self.settings.steps if steps is None else steps)
        self.child.start(seed)
        self.child.train_together([architecture], seed=seed, report=report)

    def score(self, architecture: Architecture) -> float:
        """Validation loss with the weights as they are. Raises DivergedError if it is not a number."""
        return self.child.score(architecture)
