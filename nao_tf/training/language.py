"""Training one language model: the step on windows of a text, and the trainer of final models.

The step of a training is compiled once; architecture, position in the text, dropout seed and learning rate are data.
New weights in an old program are therefore a new training. (Not so if epochs are validated: such a training is long,
and its program is compiled for its architecture.)

Letters: T time steps, B sequences, U units, N nodes.
"""

import dataclasses
import os
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture
from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.data.streams import streams, window_count
from nao_tf.training import checkpoint as checkpoints
from nao_tf.training.devices import Devices
from nao_tf.training.epochs import Ending, EpochTraining, ValidatedEpochs
from nao_tf.training.gradients import clipped, decayed
from nao_tf.training.initial_weights import initialise
from nao_tf.training.language_networks import KerasLstm, Network, build_model, searched_cell
from nao_tf.training.language_settings import LanguageTraining
from nao_tf.training.text_likelihood import TextLikelihood, perplexity, validation_likelihood
from nao_tf.training.training import (
    SAVE_EVERY,
    Epoch,
    Report,
    run,
    seconds_of_steps,
    step_seed,
)
from nao_tf.training.window_lengths import Windows, equal_windows, padded, random_windows

OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}


MASKS = 8  # seeds that the dropout masks of one device may use in a step
VALIDATE_EVERY = 50  # steps between two validations at least, where validation may end a training: epochs may be short


TIMING_RATE = 1e-4  # learning rate of steps that are only timed


class TextTraining(EpochTraining):
    """Trains a language model on windows of a text, pass after pass.

    Args:
        settings: of the training.
        tokens: `[tokens]` int32.
        vocabulary_size: V.
        network: a `KerasLstm`, or any architecture of the searched cell, which `network` may change.
        devices: a `tf.distribute` strategy that divides every batch; None: one device.

    Attributes:
        model: with the network's weights.
        network: the network that is trained.
        ending: see `EpochTraining`.
        program: the compiled step; one serves all architectures unless epochs are validated.
    """

    def __init__(
        self,
        settings: LanguageTraining,
        tokens: np.ndarray,
        *,
        vocabulary_size: int,
        network: Network | None = None,
        devices: tf.distribute.Strategy | None = None,
    ):
        self.settings, self.devices = settings, Devices(devices)
        self._share = self.devices.share(settings.batch_size, "sequences")
        text = streams(tokens, settings.batch_size)  # [rows, B]
        window_count(text, settings.window)  # raises InputError if there is not even one
        self._text = tf.constant(text)
        cell = LongShortTermMemory(network.units) if isinstance(network, KerasLstm) else searched_cell(settings)
        with self.devices.scope():
            self.model = build_model(settings, vocabulary_size, cell=cell)
            self._optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate)
            self._optimizer.build(self.model.trainable_variables)
        # Across devices the gradients are averaged between the compiled part and the update, so only one device
        # compiles the whole step.
        several = self.devices.distributed
        self._gradients = (
            tf.function(self._loss_and_gradients, jit_compile=True, autograph=False)
            if several
            else self._loss_and_gradients
        )
        self.program = tf.function(self._one_step, jit_compile=not several, autograph=False)
        self.network, self._seed = network, 0
        self.ending: Ending | None = None
        self.begin_epoch(0)

    def _loss_and_gradients(self, window, state, values, seed, length):
        with tf.GradientTape() as tape:
            loss, likelihood, state = self.model.loss_of_window(
                window[:-1],
                window[1:],
                state=state,
                architecture=values,
                training_seed=seed,
                length=length,
            )
        gradients = tape.gradient(loss, [variable.value for variable in self.model.trainable_variables])
        return likelihood, gradients, state

    def _one_step(self, rows, state, values, seed, learning_rate, length):
        settings, devices = self.settings, self.devices
        window = tf.gather(self._text, rows)  # [T + 1, B]; a slice would make its start a constant of the program

        def part(device):
            columns = slice(device * self._share, (device + 1) * self._share)
            return window[:, columns], state[columns], seed + [MASKS * device, 0]  # each draws masks of its own

        def update(window, state, seed):
            likelihood, gradients, state = self._gradients(window, state, values, seed, length)
            variables = self.model.trainable_variables
            gradients = clipped(devices.average(gradients), settings.clip_norm)
            gradients = decayed(gradients, variables, rate=settings.weight_decay)
            devices.apply(self._optimizer, gradients, variables=variables, learning_rate=learning_rate)
            return likelihood, state

        return devices.run(update, (window, state, seed), part=part)

    def windows_of_epoch(self, epoch: int) -> Windows:
        """The windows of a pass over the text, counted from 0."""
        settings, rows = self.settings, self._text.shape[0]
        if not settings.validated:
            return equal_windows(rows, settings.window)
        generator = np.random.default_rng([self._seed, epoch])
        return random_windows(rows, settings.window, deviation=settings.window_deviation, generator=generator)

    def start(self, seed: int) -> None:
        """New weights and a new optimizer, at the beginning of the text."""
        self._seed = seed
        initialise(self.model, seed)
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int) -> None:
        """Goes to the beginning of the text, with a zero state."""
        self._epoch, self._index, self._windows = epoch, 0, self.windows_of_epoch(epoch)
        self._state = self.model.cell.initial_state(self.settings.batch_size)  # [B, …]

    @property
    def epoch_done(self) -> bool:
        """Whether the text has been passed to its end."""
        return self._index == len(self._windows.starts)

    def step(self, number: int) -> tf.Tensor:
        """Trains the next window; after the last one of the text comes the first."""
        if self.epoch_done:
            self.begin_epoch(self._epoch + 1)
        rate = self.learning_rate_at(number) * self._windows.rates[self._index]
        return self._train_window(number, rate)

    def learning_rate_at(self, step: int) -> float:
        """See `EpochTraining`."""
        return (self.ending or self.settings).learning_rate_at(step)

    def _train_window(self, number, rate):
        settings, windows = self.settings, self._windows
        start, length = windows.starts[self._index], windows.lengths[self._index]
        steps = padded(length, settings.window, deviation=settings.window_deviation)
        last = self._text.shape[0] - 1
        rows = np.minimum(start + np.arange(steps + 1, dtype=np.int32), last)  # padding reads the last row
        values = self.network.values if self.network else ()
        loss, self._state = self.program(
            tf.constant(rows),
            self._state,
            # Integers that the program is compiled for save a tenth of a long training, for seconds of compilation.
            values if settings.validated else tf.constant(values, tf.int32),
            step_seed(self._seed, number),
            tf.constant(rate, tf.float32),
            tf.constant(length, tf.int32) if settings.validated else None,
        )
        self._index += 1
        return loss

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights, optimizer, state and place in the text."""
        return {
            **checkpoints.variables("model", self.model.variables),
            **checkpoints.variables("optimizer", self._optimizer.variables),
            "state": np.asarray(self._state),
            "epoch": np.asarray(self._epoch),
            "window": np.asarray(self._index),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to what `arrays` returned under the same seed."""
        self.begin_epoch(int(arrays["epoch"]))
        checkpoints.assign("model", self.model.variables, arrays=arrays)
        checkpoints.assign("optimizer", self._optimizer.variables, arrays=arrays)
        self._index, self._state = int(arrays["window"]), tf.constant(arrays["state"])

    def seconds_of_steps(self, count: int) -> list[float]:
        """Seconds of each of some training steps. Trains the weights that are there; compiling is not counted."""

        def step(number):
            # windows of one length, so that one program is timed
            self._windows, self._index = equal_windows(self._text.shape[0], self.settings.window), 0
            return self._train_window(number, TIMING_RATE)

        return seconds_of_steps(step, count)


class LanguageTrainer:
    """Trains a final language model.

    Args:
        settings: of the training. Where epochs are validated, the model is left with the weights that
            were best on validation.
        train: `[tokens]` int32.
        valid: `[tokens]` int32.
        vocabulary_size: V.
        network: an architecture of the recurrent space, or the hand-made network.
        devices: a `tf.distribute` strategy that divides every batch; None: one device.

    Attributes:
        training: a step of it.
        network: the network that is trained.
        weights_of: whose training the weights are from, for those who share a trainer.
    """

    def __init__(
        self,
        settings: LanguageTraining,
        *,
        train: np.ndarray,
        valid: np.ndarray,
        vocabulary_size: int,
        network: Network,
        devices: tf.distribute.Strategy | None = None,
    ):
        self.settings, self.network = settings, network
        self.weights_of: object = None
        self.training = TextTraining(settings, train, vocabulary_size=vocabulary_size, network=network, devices=devices)
        self.likelihood = validation_likelihood(self.training.model, valid, settings=settings)
        self._epochs: ValidatedEpochs | None = None
        if settings.validated:
            self._epochs = ValidatedEpochs(
                self.training,
                model=self.training.model,
                validate=lambda: (self.likelihood(self.network),),
                averaging_patience=settings.averaging_patience,
                steps=settings.steps,
                patience=settings.patience,
                every=1 if settings.patience is None else VALIDATE_EVERY,
                compiled=devices is None,
            )

    @property
    def model(self) -> LanguageModel:
        """The model, with the weights of the last training and the integers of its network."""
        model, network = self.training.model, self.network
        return model.with_architecture(network.values) if isinstance(network, Architecture) else model

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return self.training.model.count_params()

    @property
    def history(self) -> list[float]:
        """Validation losses (nats a token) after every epoch that did not diverge; empty if none is validated."""
        return list(self._epochs.history) if self._epochs else []

    @property
    def trained(self) -> tuple[int, int]:
        """Steps of the last training, and those that led to its best weights; zeros if no epoch is validated."""
        return self._epochs.trained if self._epochs else (0, 0)

    def change_network(self, network: Network) -> None:
        """Trains another cell from now on, or the same; the compiled program serves it too unless epochs are validated.

        Raises:
            ValueError: a cell cannot become an LSTM, nor one LSTM another.
        """
        if network != self.network and KerasLstm in (type(network), type(self.network)):
            raise ValueError(f"a trainer of {self.network} cannot train {network}")
        self.network = self.training.network = network

    def change_steps(self, steps: int) -> None:
        """Trains for another number of steps from now on, with the same compiled program."""
        self.settings = self.training.settings = dataclasses.replace(self.settings, steps=steps)
        if self._epochs:
            self._epochs.steps = steps

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
            seed: of the weights, the lengths of the windows and all dropout.
            checkpoint: a file that holds the state of the training, see `training.run`.
            every: steps between two writes of that file.
            report: called with step and training loss in nats a token.
            on_epoch: called after every validated epoch.

        Returns:
            The mean training loss over the last tenth of the steps, nats a token; see `training.run`.

        Raises:
            DivergedError: the loss is not a number and the training cannot go back.
        """
        return run(
            self._epochs or self.training,
            seed=seed,
            steps=self.settings.steps,
            checkpoint=checkpoint,
            every=every,
            report=report,
            on_epoch=on_epoch,
        )

    def validate(self) -> float:
        """Validation perplexity, as in a search. Raises DivergedError if it is not a number."""
        return self.likelihood.perplexity(self.network)

    def measure(self, tokens: np.ndarray) -> float:
        """Exact perplexity of a text `[tokens]`: one sequence, every token but the first once."""
        return perplexity(TextLikelihood(self.training.model, tokens)(self.network))

    def seconds_per_step(self, steps: int = 40) -> float:
        """Median seconds of a training step. Trains the weights that are there; compiling is not counted."""
        return float(np.median(self.training.seconds_of_steps(steps)))
