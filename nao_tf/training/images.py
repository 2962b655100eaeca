"""Training image classifiers: the child of a search, whose architecture is data, and final models with their own.

Letters: B images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from nao_tf.data.image_batches import evaluation_batches, training_batches
from nao_tf.data.images import ImageData, Part
from nao_tf.training import checkpoint
from nao_tf.training.image_models import make_shared
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.initial_weights import initialise
from nao_tf.training.losses import Losses


@dataclasses.dataclass(frozen=True)
class Quality:
    """How good a classifier is on some images.

    Attributes:
        loss: mean negative log likelihood of the classes, in nats an image.
        accuracy: share of the images whose most probable class is theirs.
    """

    loss: float
    accuracy: float


def _loss(labels, logits, auxiliary, weight):
    """Loss with that of the auxiliary head, and without, in nats an image."""

    def mean(of):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(of, tf.float32)))

    likelihood = mean(logits)
    return likelihood if auxiliary is None else likelihood + weight * mean(auxiliary), likelihood


def _regularised(gradients, values, settings):
    """Gradients as dense tensors, clipped, with weight decay."""
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    if settings.clip_norm:
        gradients, _ = tf.clip_by_global_norm(gradients, settings.clip_norm)
    if settings.weight_decay:
        gradients = [g + settings.weight_decay * value for g, value in zip(gradients, values, strict=True)]
    return gradients


def _seed(seed, step):
    """Of the random numbers of a step, `[2]` int32; behind the first there is room for the salts."""
    return tf.stack([tf.constant(seed % 2**20 * 2**10, tf.int32), tf.cast(step, tf.int32)])


class Evaluator:
    """Loss and accuracy of a classifier on fixed images: every image once, in the same batches for every architecture.

    Args:
        logits: called with images `[B, H, W, C]` and the architecture's integers; gives `[B, K]`.
        part: the images.
        batch_size: B.
    """

    def __init__(self, logits: Callable, part: Part, batch_size: int):
        self._logits = logits
        batches = evaluation_batches(part, batch_size)
        self._batches = tuple(tf.constant(array) for array in batches)
        self._count = len(part)
        self._total = tf.function(self._totals)

    def _totals(self, architecture):
        images, labels, weights = self._batches

        def step(index, loss, correct):
            logits = tf.cast(self._logits(images[index], architecture), tf.float32)  # [B, K]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels[index], logits)
            hits = tf.cast(tf.equal(tf.argmax(logits, -1, tf.int32), labels[index]), tf.float32)
            weight = weights[index]
            return index + 1, loss + tf.reduce_sum(weight * losses), correct + tf.reduce_sum(weight * hits)

        loop = [0, tf.zeros([]), tf.zeros([])]
        # Two batches at a time: much of one must wait for what comes before it, and leaves processors idle.
        _, loss, correct = tf.while_loop(lambda index, *_: index < images.shape[0], step, loop, parallel_iterations=2)
        return loss, correct

    @property
    def traces(self) -> int:
        """How often the program was traced."""
        return self._total.experimental_get_tracing_count()

    def __call__(self, architecture: Sequence[int] = ()) -> Quality:
        """The quality with the weights as they are now."""
        loss, correct = self._total(tf.constant(list(architecture), tf.int32))
        return Quality(float(loss) / self._count, float(correct) / self._count)


class SearchTrainer:
    """Trains the child of a search: one architecture from scratch, or all of a pool with shared weights.

    One program serves all architectures. A step reads and writes only the rows of the tables that its architecture
    uses, so a row that is not used keeps its weights and its momentum.

    Args:
        settings: of the training.
        data: images for training and, for the score, for validation.
        space: a key of `architecture.convolutional.SPACES`.
        per_input: see `SharedCell`; True where weights are shared.
    """

    def __init__(self, settings: ImageTraining, data: ImageData, space: str, per_input: bool):
        self.settings, self._data = settings, data
        self.model = make_shared(settings, data, space, per_input)
        self.model.build()
        self.steps_done = 0
        tables = self.model.tables
        of_tables = {id(table) for table in tables}
        self._dense = [variable for variable in self.model.trainable_variables if id(variable) not in of_tables]
        self._tables = tables
        self._velocities = [
            tf.Variable(tf.zeros(variable.shape), trainable=False) for variable in (*self._dense, *tables)
        ]
        self._step = tf.function(self._one_step)
        self.evaluate = Evaluator(
            lambda images, architecture: self.model.logits(images, architecture)[0],
            data.valid,
            settings.evaluation_batch,
        )

    @property
    def traces(self) -> int:
        """How often the training step was traced; 1 whatever the number of architectures."""
        return self._step.experimental_get_tracing_count()

    def _one_step(self, images, labels, architecture, seed, learning_rate):
        settings, model = self.settings, self.model
        rows = model.rows(architecture)  # of each cell [branches]
        chosen = [tf.gather(table.value, row) for table, row in zip(self._tables, rows, strict=True)]
        dense = [variable.value for variable in self._dense]
        with tf.GradientTape() as tape:
            tape.watch(chosen)
            logits, auxiliary = model.logits(images, architecture, True, seed, chosen)
            loss, likelihood = _loss(labels, logits, auxiliary, settings.auxiliary_weight)
        gradients = tape.gradient(loss, [*dense, *chosen], unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = _regularised(gradients, [*dense, *chosen], settings)
        momentum = settings.momentum

        def change(velocity, gradient):
            """The new velocity and what is added to the weights (Keras's form of momentum)."""
            velocity = momentum * velocity - learning_rate * gradient
            return velocity, momentum * velocity - learning_rate * gradient if settings.nesterov else velocity

        count = len(dense)
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

    def start(self, seed: int) -> None:
        """New weights and no momentum; the compiled program lives on."""
        initialise(self.model, seed)
        for velocity in self._velocities:
            velocity.assign(tf.zeros_like(velocity))
        self.steps_done = 0

    def train(
        self,
        architectures: Sequence[Sequence[int]],
        seed: int,
        steps: int | None = None,
        report: Callable[[int, float], None] | None = None,
        shares: Sequence[float] | None = None,
    ) -> float:
        """Trains further, each step with a member of `architectures`.

        The learning rate runs once through its schedule.

        Args:
            architectures: their integers, `[members, 40]`.
            seed: of order, augmentation, dropout and the choice of members.
            steps: training steps; None for those of the settings.
            report: called with step and training loss (nats an image, mean since the last call) now and then.
            shares: how often each member is drawn, any positive numbers; None for all alike. Trained in proportion to
                its parameters a large member is as far as a small one (NAO-V2).

        Returns:
            The mean training loss over the last tenth of the steps, nats an image.

        Raises:
            DivergedError: the loss is no longer a number.
        """
        settings = self.settings
        total = settings.steps if steps is None else steps
        pool = np.asarray(architectures, np.int32)
        weights = None if shares is None else np.asarray(shares, float) / np.sum(shares)
        members = np.random.default_rng([seed, self.steps_done]).choice(len(pool), size=total, p=weights)
        batches = training_batches(
            self._data.train,
            settings.batch_size,
            seed=seed + self.steps_done,
            steps=total,
            shift=settings.shift,
            mirrored=self._data.mirrored,
        )
        losses = Losses(report, total)
        for done, (_, images, labels) in enumerate(batches):
            loss = self._step(
                images,
                labels,
                tf.constant(pool[members[done]]),
                _seed(seed, self.steps_done),
                tf.constant(settings.learning_rate_at(done), tf.float32),
            )
            self.steps_done += 1
            losses.add(done + 1, loss)
        return losses.mean

    def save(self, path: os.PathLike) -> None:
        """Writes weights, momentum and position, whole or not at all."""
        arrays = checkpoint.variables("model", self.model.variables)
        arrays |= checkpoint.variables("velocity", self._velocities)
        checkpoint.save(path, arrays | {"step": np.asarray(self.steps_done)})

    def load(self, path: os.PathLike) -> bool:
        """Goes on from what `save` wrote; False where there is no such file."""
        saved = checkpoint.load(path)
        if saved is None:
            return False
        checkpoint.assign("model", self.model.variables, arrays=saved)
        checkpoint.assign("velocity", self._velocities, arrays=saved)
        self.steps_done = int(saved["step"])
        return True


class ClassifierTrainer:
    """Trains one final model.

    Args:
        settings: of the training.
        data: images.
        make: makes the model, without its weights.
        strategy: a `tf.distribute` strategy to spread every batch over; None for one device. Batch statistics are those
            of the whole batch, so the losses are those of one device.
    """

    def __init__(
        self,
        settings: ImageTraining,
        data: ImageData,
        make: Callable[[], keras.Model],
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.settings, self._data, self._strategy = settings, data, strategy
        self._replicas = strategy.num_replicas_in_sync if strategy else 1
        if settings.batch_size % self._replicas:
            raise ValueError(f"a batch of {settings.batch_size} images does not divide among {self._replicas} devices")
        with (strategy or tf.distribute.get_strategy()).scope():
            self.model = make()
            self.model.build()
            self._optimizer = keras.optimizers.SGD(
                settings.learning_rate, momentum=settings.momentum, nesterov=settings.nesterov
            )
            self._optimizer.build(self.model.trainable_variables)
        self._step = tf.function(self._replicated_step if strategy else self._one_step)

    @property
    def traces(self) -> int:
        """How often the training step was traced."""
        return self._step.experimental_get_tracing_count()

    @property
    def parameters(self) -> int:
        """Trainable parameters, without those of an auxiliary head: it is used in training only."""
        head = getattr(self.model, "head", None)
        of_head = {id(variable) for variable in head.trainable_variables} if head else set()
        variables = [variable for variable in self.model.trainable_variables if id(variable) not in of_head]
        return sum(math.prod(variable.shape) for variable in variables)

    def evaluator(self, part: Part) -> Evaluator:
        """What measures the model on some images, with its moving averages, nothing dropped."""
        return Evaluator(
            lambda images, architecture: self.model.logits(images)[0], part, self.settings.evaluation_batch
        )

    def _one_step(self, images, labels, seed, learning_rate, progress):
        settings = self.settings
        variables = self.model.trainable_variables
        values = [variable.value for variable in variables]
        with tf.GradientTape() as tape:
            logits, auxiliary = self.model.logits(images, True, seed, progress)
            loss, likelihood = _loss(labels, logits, auxiliary, settings.auxiliary_weight)
        gradients = tape.gradient(loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        if self._strategy:
            replica = tf.distribute.get_replica_context()
            gradients = replica.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        gradients = _regularised(gradients, variables, settings)
        if self._replicas > 1:  # Keras sums what the devices give, and here each gives the whole
            gradients = [gradient / self._replicas for gradient in gradients]
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply(gradients, variables)
        return likelihood

    def _replicated_step(self, images, labels, seed, learning_rate, progress):
        share = self.settings.batch_size // self._replicas

        def part(context):
            device = context.replica_id_in_sync_group
            rows = slice(device * share, (device + 1) * share)
            own = tf.stack([seed[0], seed[1] * self._replicas + device])  # each draws numbers of its own
            return images[rows], labels[rows], own

        def replica(piece):
            return self._one_step(*piece, learning_rate, progress)

        pieces = self._strategy.experimental_distribute_values_from_function(part)
        likelihood = self._strategy.run(replica, args=(pieces,))
        return self._strategy.reduce(tf.distribute.ReduceOp.MEAN, likelihood, axis=None)

    def start(self, seed: int) -> None:
        """New weights and a new optimizer."""
        initialise(self.model, seed)
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable))

    def train(
        self,
        seed: int,
        steps: int | None = None,
        report: Callable[[int, float], None] | None = None,
        save_to: os.PathLike | None = None,
        save_every: int = 500,
    ) -> float:
        """Trains from scratch.

        Args:
            seed: of the weights, the order of the images, augmentation, and all that is dropped.
            steps: training steps; None for those of the settings.
            report: called with step and training loss (nats an image, mean since the last call) now and then.
            save_to: a file that keeps the state of the training; where it is there, the training goes on from it and
                ends with the weights of an undisturbed one.
            save_every: steps between two writes of that file.

        Returns:
            The mean training loss over the last tenth of the steps, nats an image.

        Raises:
            DivergedError: the loss is no longer a number.
        """
        settings = self.settings
        total = settings.steps if steps is None else steps
        self.start(seed)
        first = 0
        saved = checkpoint.load(save_to) if save_to else None
        if saved is not None:
            checkpoint.assign("model", self.model.variables, arrays=saved)
            checkpoint.assign("optimizer", self._optimizer.variables, arrays=saved)
            first = int(saved["step"])
        losses = Losses(report, total)
        for step, images, labels in self._batches(seed, total, first) if first < total else ():
            done = int(step)
            losses.add(done + 1, self._step(images, labels, *self._numbers(seed, done)))
            if save_to and ((done + 1) % save_every == 0 or done + 1 == total):
                self._save(save_to, done + 1)
        return losses.mean

    def _batches(self, seed, steps, first=0):
        settings, data = self.settings, self._data
        return training_batches(
            data.train,
            settings.batch_size,
            seed=seed,
            steps=steps,
            first=first,
            shift=settings.shift,
            mirrored=data.mirrored,
        )

    def _numbers(self, seed, step):
        """Seed, learning rate and progress of a step, as tensors."""
        rate = tf.constant(self.settings.learning_rate_at(step), tf.float32)
        return _seed(seed, step), rate, tf.constant(step / self.settings.steps, tf.float32)

    def _save(self, path, step):
        arrays = checkpoint.variables("model", self.model.variables)
        arrays |= checkpoint.variables("optimizer", self._optimizer.variables)
        checkpoint.save(path, arrays | {"step": np.asarray(step)})

    def seconds_per_step(self, steps: int = 20) -> float:
        """Median seconds of a training step. Trains the weights that are there; compiling is not counted."""
        seconds = []
        for step, images, labels in self._batches(0, steps + 3):
            start = time.perf_counter()
            seed, _, progress = self._numbers(0, int(step))
            self._step(images, labels, seed, tf.constant(1e-6), progress).numpy()
            seconds.append(time.perf_counter() - start)
        return float(np.median(seconds[3:]))
