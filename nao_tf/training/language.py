"""Training language models: children of a search, one child that a whole pool shares, and final models.

The step of a training is compiled once; architecture, position in the text, dropout seed and learning rate are data. A
child from scratch is therefore new weights in an old program. (Not so if epochs are validated: such a training is long,
and its program is compiled for its architecture.)

Letters: T time steps, B sequences, U units, N nodes.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from typing import Self

import keras
import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture
from nao_tf.child.language.keras_lstm import LongShortTermMemory, units_of_equal_size
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell
from nao_tf.data.streams import evaluation_streams, streams, window_count
from nao_tf.errors import DivergedError
from nao_tf.training import checkpoint as checkpoints
from nao_tf.training.devices import Devices
from nao_tf.training.epochs import ValidatedEpochs
from nao_tf.training.gradients import clipped, decayed
from nao_tf.training.initial_weights import initialise
from nao_tf.training.language_settings import LanguageTraining
from nao_tf.training.training import (
    SAVE_EVERY,
    Epoch,
    Report,
    Training,
    advance,
    draw_members,
    run,
    seconds_of_steps,
    step_seed,
)
from nao_tf.training.window_lengths import Windows, equal_windows, padded, random_windows

METRIC = "validation_perplexity"  # the score of a child, lower is better
EXACT_WINDOW = 35  # time steps at once when a final model is measured

OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
MASKS = 8  # seeds that the dropout masks of one device may use in a step
TIMING_RATE = 1e-4  # learning rate of steps that are only timed


@dataclasses.dataclass(frozen=True)
class KerasLstm:
    """The hand-made network that found cells are compared with: one layer of Keras' LSTM.

    Attributes:
        units: width of the embedding and of the layer.
    """

    units: int

    @property
    def values(self) -> tuple[int, ...]:
        """No integers: an LSTM has no architecture."""
        return ()

    @classmethod
    def of_size(cls, parameters: int, vocabulary_size: int) -> Self:
        """The network that is nearest to a number of trainable parameters."""
        return cls(units_of_equal_size(parameters, vocabulary_size))


Network = Architecture | KerasLstm


def build_model(
    settings: LanguageTraining,
    vocabulary_size: int,
    *,
    cell: keras.layers.Layer,
    values: Sequence[int] | None = None,
) -> LanguageModel:
    """A language model with weights.

    Args:
        settings: of its training.
        vocabulary_size: V.
        cell: `RecurrentCell`, `SharedRecurrentCell` or `LongShortTermMemory`.
        values: integers of the model's own architecture; None: they are given with every call.
    """
    model = LanguageModel(
        cell,
        vocabulary_size,
        architecture=values,
        dropout=settings.dropout,
        activation_penalty=settings.activation_penalty,
        temporal_penalty=settings.temporal_penalty,
        scale=settings.scale,
    )
    model.build()
    return model


def searched_cell(settings: LanguageTraining) -> RecurrentCell:
    """The cell of the search space with weights of its own."""
    return RecurrentCell(settings.units, scale=settings.scale)


class TextLikelihood:
    """Exact likelihoods of a text: every token but the first once, the state carried over, nothing dropped.

    Args:
        model: its weights are used as they are at each call.
        tokens: `[tokens]` int32.
        batch_size: columns that the text is cut into; each starts from a zero state. 1 is exact in that as well.
        window: time steps that are evaluated at once; changes memory only.

    Attributes:
        program: the compiled evaluation; one serves all architectures.
    """

    def __init__(self, model: LanguageModel, tokens: np.ndarray, *, batch_size: int = 1, window: int = EXACT_WINDOW):
        text = evaluation_streams(tokens, batch_size, steps=window)
        windows = text.inputs.shape[0] // window

        def cut(array: np.ndarray, dtype: tf.DType = tf.int32) -> tf.Tensor:
            return tf.constant(array.reshape(windows, window, batch_size), dtype)  # [windows, T, B]

        self._model, self._batch_size = model, batch_size
        self._text = cut(text.inputs), cut(text.targets), cut(text.weights, tf.float64)
        self._count = float(text.weights.sum())
        self.program = tf.function(self._total, jit_compile=True)

    def _total(self, values: tf.Tensor) -> tf.Tensor:
        inputs, targets, weights = self._text
        chosen = self._model.chosen(values)

        def step(index, state, total):
            likelihoods, state = self._model.log_likelihoods(
                inputs[index], targets[index], state=state, architecture=values, chosen=chosen
            )  # [T, B]
            # in double precision, since single would round a sum over so many tokens at its sixth digit
            return index + 1, state, total + tf.reduce_sum(tf.cast(likelihoods, tf.float64) * weights[index])

        loop = [0, self._model.cell.initial_state(self._batch_size), tf.zeros([], tf.float64)]
        return tf.while_loop(lambda index, *_: index < inputs.shape[0], step, loop)[2]

    def __call__(self, network: Network) -> float:
        """Mean negative log likelihood with the model's weights, in nats a token."""
        return -float(self.program(tf.constant(network.values, tf.int32))) / self._count

    def perplexity(self, network: Network) -> float:
        """Perplexity with the model's weights.

        Raises:
            DivergedError: it is not a number, as when the states of a cell grow without bound.
        """
        likelihood = self(network)
        if not math.isfinite(perplexity(likelihood)):
            raise DivergedError(f"validation negative log likelihood is {likelihood:.4g} nats a token")
        return perplexity(likelihood)


def perplexity(negative_log_likelihood: float) -> float:
    """exp of the mean negative log likelihood; infinite if it overflows."""
    return math.exp(negative_log_likelihood) if negative_log_likelihood < 700 else math.inf


class TextTraining(Training):
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
            tf.function(self._loss_and_gradients, jit_compile=True) if several else self._loss_and_gradients
        )
        self.program = tf.function(self._one_step, jit_compile=not several)
        self.network, self._seed = network, 0
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
        if not settings.epochwise:
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
        rate = self.settings.learning_rate_at(number) * self._windows.rates[self._index]
        return self._train_window(number, rate)

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
            values if settings.epochwise else tf.constant(values, tf.int32),
            step_seed(self._seed, number),
            tf.constant(rate, tf.float32),
            tf.constant(length, tf.int32) if settings.epochwise else None,
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


class LanguageChild:
    """Trains one cell after the other from scratch, all in one program, and scores it by validation perplexity.

    Args:
        settings: of the training.
        train: `[tokens]` int32.
        valid: `[tokens]` int32.
        vocabulary_size: V.

    Attributes:
        training: its model holds the weights of the last training.
        likelihood: of the validation text.
    """

    def __init__(self, settings: LanguageTraining, *, train: np.ndarray, valid: np.ndarray, vocabulary_size: int):
        self.settings = settings
        self.training = TextTraining(settings, train, vocabulary_size=vocabulary_size)
        self.likelihood = _validation(self.training.model, valid, settings)

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters; all cells have equally many."""
        return self.training.model.count_params()

    def train(self, architecture: Architecture, *, seed: int, report: Report | None = None) -> None:
        """New weights, and a training of `settings.steps` steps.

        Args:
            architecture: of the recurrent space.
            seed: of the weights and of all dropout.
            report: called with step and training loss in nats a token.

        Raises:
            DivergedError: the training loss is not a number.
        """
        self.training.network = architecture
        run(self.training, seed=seed, steps=self.settings.steps, report=report)

    def score(self, architecture: Architecture) -> float:
        """Validation perplexity with the weights as they are. Raises DivergedError if it is not a number."""
        return self.likelihood.perplexity(architecture)


class SharedLanguageChild(Training):
    """The child that all cells of a pool share: a step trains one of them, drawn at random.

    Of the 264 matrices of the cell a step reads and writes the eleven that its architecture uses. Weight decay touches
    all of them, so the table is kept divided by a common factor that decays instead: exact, and free.

    Args:
        settings: of the training; its steps are those of one round.
        train: `[tokens]` int32.
        valid: `[tokens]` int32.
        vocabulary_size: V.

    Attributes:
        model: with the shared weights.
        likelihood: of the validation text.
        program: the step; one serves all architectures.
        steps_done: training steps of all rounds.
    """

    def __init__(self, settings: LanguageTraining, *, train: np.ndarray, valid: np.ndarray, vocabulary_size: int):
        self.settings = settings
        text = streams(train, settings.batch_size)  # [rows, B]
        self._text, self._windows = tf.constant(text), window_count(text, settings.window)
        self.model = build_model(
            settings, vocabulary_size, cell=SharedRecurrentCell(settings.units, scale=settings.scale)
        )
        self.likelihood = _validation(self.model, valid, settings)
        self._factor = tf.Variable(1.0, trainable=False)
        cell = self.model.cell
        self._dense = [self.model.embedding, self.model.bias, cell.first_kernel]
        sgd = settings.optimizer == "sgd"
        self._optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate)
        self._optimizer.build(self._dense if sgd else [*self._dense, cell.kernels])
        self._compiled = tf.function(self._gradients, jit_compile=True)
        self.program = tf.function(self._sgd_step if sgd else self._dense_step)
        self._seed, self.steps_done = 0, 0
        self._state = cell.initial_state(settings.batch_size)  # [B, U]

    def _gradients(self, chosen, window, state, values, seed):
        dense = [variable.value for variable in self._dense]
        with tf.GradientTape() as tape:
            tape.watch(chosen)
            loss, likelihood, state = self.model.loss_of_window(
                window[:-1], window[1:], state=state, architecture=values, training_seed=seed, chosen=chosen
            )
        gradients = tape.gradient(loss, [*dense, chosen])
        return likelihood, clipped(gradients, self.settings.clip_norm), state

    def _sgd_step(self, rows, state, values, seed, learning_rate):
        cell, window = self.model.cell, tf.gather(self._text, rows)  # [T + 1, B]
        used = cell.rows(values)  # [N]
        table = cell.kernels.value
        chosen = tf.gather(table, used) * self._factor  # [N, U, 2 U]
        likelihood, gradients, state = self._compiled(chosen, window, state, values, seed)
        keep = 1 - learning_rate * self.settings.weight_decay
        for variable, gradient in zip(self._dense, gradients[:-1], strict=True):
            variable.assign(variable * keep - learning_rate * gradient)
        self._factor.assign(self._factor * keep)
        table.scatter_sub(tf.IndexedSlices(gradients[-1] * (learning_rate / self._factor), used))
        return likelihood, state

    def _dense_step(self, rows, state, values, seed, learning_rate):
        cell, window = self.model.cell, tf.gather(self._text, rows)  # [T + 1, B]
        used = cell.rows(values)  # [N]
        chosen = tf.gather(cell.kernels.value, used)  # [N, U, 2 U]
        likelihood, gradients, state = self._compiled(chosen, window, state, values, seed)
        to_table = tf.scatter_nd(used[:, None], gradients[-1], cell.kernels.shape)  # [264, U, 2 U]
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply([*gradients[:-1], to_table], [*self._dense, cell.kernels])
        return likelihood, state

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters of the whole child."""
        return self.model.count_params()

    def score(self, architecture: Architecture) -> float:
        """Validation perplexity with the weights as they are. Raises DivergedError if it is not a number."""
        return self.likelihood.perplexity(architecture)

    def start(self, seed: int) -> None:
        """First weights and a new optimizer, at the beginning of the text."""
        initialise(self.model, seed)
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        self._factor.assign(1.0)
        self._seed, self.steps_done = seed, 0
        self._state = self.model.cell.initial_state(self.settings.batch_size)  # [B, U]

    def train_together(
        self,
        architectures: Sequence[Architecture],
        *,
        seed: int,
        report: Report | None = None,
        shares: Sequence[float] | None = None,
    ) -> None:
        """Trains one round further, every step with one of the architectures.

        Args:
            architectures: of the recurrent space.
            seed: of dropout and of the choice.
            report: called with step of the round and training loss in nats a token.
            shares: see `draw_members`.

        Raises:
            DivergedError: the training loss is not a number.
        """
        steps = self.settings.steps
        members = draw_members(len(architectures), steps=steps, seed=[seed, self.steps_done], shares=shares)
        self._round = np.asarray([architecture.values for architecture in architectures], np.int32)[members]
        self._seed = seed
        advance(self, steps=steps, report=report)

    def step(self, number: int) -> tf.Tensor:
        """Trains the next window with the architecture that was drawn for this step of the round."""
        settings, index = self.settings, self.steps_done % self._windows
        if index == 0:
            self._state = self.model.cell.initial_state(settings.batch_size)
        loss, self._state = self.program(
            tf.constant(index * settings.window + np.arange(settings.window + 1, dtype=np.int32)),
            self._state,
            tf.constant(self._round[number]),
            step_seed(self._seed, self.steps_done),
            tf.constant(settings.learning_rate_at(number), tf.float32),
        )
        self.steps_done += 1
        return loss

    def finish(self) -> None:
        """Multiplies the table by its factor, which is 1 afterwards."""
        self.model.cell.kernels.assign(self.model.cell.kernels * self._factor)
        self._factor.assign(1.0)

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights, optimizer, state and steps, between two rounds."""
        return {
            **checkpoints.variables("model", self.model.variables),
            **checkpoints.variables("optimizer", self._optimizer.variables),
            "state": np.asarray(self._state),
            "step": np.asarray(self.steps_done),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Goes back to what `arrays` returned."""
        checkpoints.assign("model", self.model.variables, arrays=arrays)
        checkpoints.assign("optimizer", self._optimizer.variables, arrays=arrays)
        self._factor.assign(1.0)
        self._state, self.steps_done = tf.constant(arrays["state"]), int(arrays["step"])

    def save(self, path: os.PathLike) -> None:
        """Writes the child as it is between two rounds."""
        checkpoints.save(path, self.arrays())

    def load(self, path: os.PathLike) -> bool:
        """Goes on from what `save` wrote; False if there is no such file."""
        saved = checkpoints.load(path)
        if saved is not None:
            self.restore(saved)
        return saved is not None


class LanguageTrainer:
    """Trains a final language model.

    Args:
        settings: of the training. With `epochwise` every pass over the text is validated, and the model is left with
            the weights that were best on validation.
        train: `[tokens]` int32.
        valid: `[tokens]` int32.
        vocabulary_size: V.
        network: an architecture of the recurrent space, or the hand-made network.
        devices: a `tf.distribute` strategy that divides every batch; None: one device.

    Attributes:
        training: a step of it.
        network: the network that is trained.
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
        self.training = TextTraining(settings, train, vocabulary_size=vocabulary_size, network=network, devices=devices)
        self.likelihood = _validation(self.training.model, valid, settings)
        self._epochs: ValidatedEpochs | None = None
        if settings.epochwise:
            self._epochs = ValidatedEpochs(
                self.training,
                model=self.training.model,
                validate=lambda: self.likelihood(self.network),
                patience=settings.averaging_patience,
                steps=settings.steps,
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

    def change_network(self, network: Network) -> None:
        """Trains another cell from now on, or the same; the compiled program serves it too unless epochs are validated.

        Raises:
            ValueError: a cell cannot become an LSTM, nor one LSTM another.
        """
        if network != self.network and KerasLstm in (type(network), type(self.network)):
            raise ValueError(f"a trainer of {self.network} cannot train {network}")
        self.network = self.training.network = network

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
            The mean training loss over the last tenth of the steps, nats a token.

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


def _validation(model: LanguageModel, tokens: np.ndarray, settings: LanguageTraining) -> TextLikelihood:
    return TextLikelihood(model, tokens, batch_size=settings.evaluation_batch, window=settings.window)
