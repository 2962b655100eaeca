"""Training one image classifier: its step, and the trainer of final models.

Letters: B images, H height, W width, C channels, K classes.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from nao_tf.data.imagenet import Streamed
from nao_tf.data.images import ImageData, Part
from nao_tf.training import checkpoint as checkpoints
from nao_tf.training.devices import Devices
from nao_tf.training.epochs import Ending, EpochTraining, ValidatedEpochs
from nao_tf.training.gradients import clipped, decayed
from nao_tf.training.image_accuracy import ClassifierQuality, finite, quality_of
from nao_tf.training.image_models import TrainedNetwork, make_network
from nao_tf.training.image_settings import ImageTraining
from nao_tf.training.image_steps import as_tensors, batches_of, loss_of
from nao_tf.training.initial_weights import initialise
from nao_tf.training.training import (
    SAVE_EVERY,
    WARM_UP,
    Epoch,
    Report,
    run,
    seconds_of_steps,
    step_seed,
)

TIMING_RATE = 1e-6  # learning rate of steps that are only timed
VALIDATIONS = 25  # of a training at most: passes over few images are short


class ClassifierTraining(EpochTraining):
    """Trains a classifier of one network.

    Args:
        settings: of the training.
        data: images.
        make: makes the model, without its weights.
        devices: a `tf.distribute` strategy that divides every batch; None: one device. Batch statistics are those of
            the whole batch, so the losses are those of one device.

    Attributes:
        model: with its weights.
        ending: see `EpochTraining`.
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
        self.program = tf.function(self._one_step, autograph=False)
        self.ending: Ending | None = None
        self._seed, self._done = 0, 0
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
                loss, likelihood = loss_of(
                    labels,
                    logits,
                    auxiliary=auxiliary,
                    weight=settings.auxiliary_weight,
                    smoothing=settings.label_smoothing,
                )
            gradients = tape.gradient(loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            gradients = clipped(devices.average(as_tensors(gradients)), settings.clip_norm)
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
            self._stream = batches_of(self._data, settings, seed=self._seed, steps=settings.steps, first=number)
        self._done = number + 1
        return self._train_batch(self._stream, self._seed, number=number, rate=self.learning_rate_at(number))

    def learning_rate_at(self, step: int) -> float:
        """See `EpochTraining`."""
        return (self.ending or self.settings).learning_rate_at(step)

    @property
    def epoch_done(self) -> bool:
        """Whether the last step completed a pass over the images."""
        return self._done % self.settings.per_epoch(len(self._data.train)) == 0

    def begin_epoch(self, epoch: int) -> None:
        """Nothing: which images a step trains with depends on its number alone."""

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
        stream = batches_of(self._data, self.settings, seed=0, steps=count + WARM_UP)
        return seconds_of_steps(lambda number: self._train_batch(stream, 0, number=number, rate=TIMING_RATE), count)


class ImageTrainer:
    """Trains a final image classifier, validated now and then; it is left with the weights that were best.

    The best are those with the highest accuracy, and of these the ones with the lowest loss.

    Args:
        settings: of the training.
        data: images.
        network: an architecture of a convolutional space, or the hand-made network.
        devices: a `tf.distribute` strategy that divides every batch; None: one device.

    Attributes:
        training: a step of it.
        network: the network that is trained.
        weights_of: whose training the weights are from, for those who share a trainer.
    """

    def __init__(
        self,
        settings: ImageTraining,
        *,
        data: ImageData,
        network: TrainedNetwork,
        devices: tf.distribute.Strategy | None = None,
    ):
        self.settings, self.network, self._data = settings, network, data
        self.weights_of: object = None
        self.training = ClassifierTraining(
            settings, data, make=lambda: make_network(settings, data, network=network), devices=devices
        )
        self._validation: Callable[[], ClassifierQuality] | None = None
        self._epochs = ValidatedEpochs(
            self.training,
            model=self.training.model,
            validate=self._figures,
            steps=settings.steps,
            patience=settings.patience,
            every=_every(settings.steps),
            compiled=devices is None,
        )

    def _figures(self):
        """What is to be low on validation: the share of errors and the loss."""
        quality = self.measure(self._data.valid)
        return 1 - quality.accuracy, quality.loss

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
        """Shares of errors on validation after every epoch that was validated and did not diverge."""
        return list(self._epochs.history)

    @property
    def trained(self) -> tuple[int, int]:
        """Steps of the last training, and those that led to its best weights."""
        return self._epochs.trained

    def change_steps(self, steps: int) -> None:
        """Trains for another number of steps from now on, with the same compiled program."""
        self.settings = self.training.settings = dataclasses.replace(self.settings, steps=steps)
        self._epochs.steps, self._epochs.every = steps, _every(steps)

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
            on_epoch: called after every validated epoch.

        Returns:
            The mean training loss over the last tenth of the steps, nats an image; see `training.run`.

        Raises:
            DivergedError: the loss is not a number and the training cannot go back.
        """
        return run(
            self._epochs,
            seed=seed,
            steps=self.settings.steps,
            checkpoint=checkpoint,
            every=every,
            report=report,
            on_epoch=on_epoch,
        )

    def validate(self) -> float:
        """Validation accuracy. Raises DivergedError if the validation loss is not a number."""
        return finite(self.measure(self._data.valid)).accuracy

    def measure(self, part: Part | Streamed) -> ClassifierQuality:
        """The quality on some images, with moving averages as statistics, nothing dropped."""
        if part is not self._data.valid:
            return self._quality_of(part)()
        if self._validation is None:  # one program for all validations of a training
            self._validation = self._quality_of(part)
        return self._validation()

    def _quality_of(self, part):
        return quality_of(
            lambda images, values: self.model.logits(images)[0],
            self._data,
            part=part,
            batch_size=self.settings.evaluation_batch,
        )

    def seconds_per_step(self, steps: int = 20) -> float:
        """Median seconds of a training step. Trains the weights that are there; compiling is not counted."""
        return float(np.median(self.training.seconds_of_steps(steps)))


def _every(steps: int) -> int:
    """Training steps between two validations, at least."""
    return max(1, steps // VALIDATIONS)
