"""Training language models: one child from scratch, or one child that a whole pool shares.

Each trainer traces and compiles its step once; architecture, position in the text, dropout seed and learning rate are
data. A child from scratch is therefore new weights in an old program. (Not so in `training.epochs`, where a training is
long and its program is made for its architecture.)

Letters: T time steps, B sequences, U units, N nodes.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from nao_tf.child.language.keras_lstm import LongShortTermMemory
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.child.language.recurrent_cell import RecurrentCell, SharedRecurrentCell
from nao_tf.data.streams import evaluation_streams, streams, window_count
from nao_tf.errors import DivergedError
from nao_tf.training import checkpoint
from nao_tf.training.initial_weights import initialise
from nao_tf.training.language_settings import LanguageTraining
from nao_tf.training.losses import Losses

OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
MASKS = 8  # seeds that the dropout masks of one device may use in a step


def build_model(settings: LanguageTraining, vocabulary_size: int, kind: str, architecture=None) -> LanguageModel:
    """A language model with its weights made; `kind` is "stand_alone", "shared" or "lstm"."""
    cells = {
        "stand_alone": lambda: RecurrentCell(settings.units, scale=settings.scale),
        "shared": lambda: SharedRecurrentCell(settings.units, scale=settings.scale),
        "lstm": lambda: LongShortTermMemory(settings.units),
    }
    model = LanguageModel(
        cells[kind](),
        vocabulary_size,
        architecture=architecture,
        dropout=settings.dropout,
        activation_penalty=settings.activation_penalty,
        temporal_penalty=settings.temporal_penalty,
        scale=settings.scale,
    )
    model.build()
    return model


class Evaluator:
    """Exact likelihoods of a text: every token once, the state carried over, nothing dropped.

    Args:
        model: whose weights are used, as they are when it is called.
        tokens: `[tokens]` int32.
        batch_size: columns the text is cut into; each starts from a zero state. 1 is exact in that as well.
        window: time steps that are evaluated at once; changes memory only.
    """

    def __init__(self, model: LanguageModel, tokens: np.ndarray, batch_size: int, window: int):
        text = evaluation_streams(tokens, batch_size, steps=window)
        windows = text.inputs.shape[0] // window

        def cut(array, dtype=tf.int32):
            return tf.constant(array.reshape(windows, window, batch_size), dtype)  # [windows, T, B]

        self._model, self._text, self._batch_size = (
            model,
            (cut(text.inputs), cut(text.targets), cut(text.weights, tf.float64)),
            batch_size,
        )
        self._count = float(text.weights.sum())
        self._total = tf.function(self._likelihood, jit_compile=True)

    def _likelihood(self, architecture):
        inputs, targets, weights = self._text
        chosen = self._model.chosen(architecture)

        def step(index, state, total):
            found, state = self._model.log_likelihoods(
                inputs[index], targets[index], state=state, architecture=architecture, chosen=chosen
            )
            # in double precision, since single would round a sum over so many tokens at its sixth digit
            return index + 1, state, total + tf.reduce_sum(tf.cast(found, tf.float64) * weights[index])

        state = self._model.cell.initial_state(self._batch_size)
        loop = [0, state, tf.zeros([], tf.float64)]
        return tf.while_loop(lambda index, *_: index < inputs.shape[0], step, loop)[2]

    @property
    def traces(self) -> int:
        """How often the program was traced."""
        return self._total.experimental_get_tracing_count()

    def __call__(self, architecture: Iterable[int] = ()) -> float:
        """Mean negative log likelihood, in nats a token."""
        return -float(self._total(tf.constant(list(architecture), tf.int32))) / self._count


def perplexity(negative_log_likelihood: float) -> float:
    """exp of the mean negative log likelihood; infinite where it overflows."""
    return math.exp(negative_log_likelihood) if negative_log_likelihood < 700 else math.inf


def validation_perplexity(trainer: ChildTrainer | SharedChildTrainer, architecture: Iterable[int]) -> float:
    """Perplexity on validation of a trainer's model as it is.

    Raises:
        DivergedError: it is no number, as when the states of a cell grow without bound.
    """
    likelihood = trainer.evaluate(architecture)
    if not math.isfinite(perplexity(likelihood)):
        raise DivergedError(f"validation negative log likelihood is {likelihood:.4g} nats a token")
    return perplexity(likelihood)


def _clipped(gradients, norm):
    """Gradients whose global norm is at most `norm`; as they are where it is 0."""
    return tf.clip_by_global_norm(gradients, norm)[0] if norm else gradients


class ChildTrainer:
    """Trains one architecture after the other from scratch, all with the same compiled step.

    Args:
        settings: of the training.
        train: `[tokens]` int32.
        valid: `[tokens]` int32.
        vocabulary_size: V.
        kind: "stand_alone" or "lstm".
        strategy: a `tf.distribute` strategy to spread every batch over; None for one device.
    """

    def __init__(
        self,
        settings: LanguageTraining,
        train: np.ndarray,
        valid: np.ndarray,
        vocabulary_size: int,
        kind: str = "stand_alone",
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.settings, self._strategy = settings, strategy
        text = streams(train, settings.batch_size)  # [time, B]
        self._text = tf.constant(text)
        self.windows = window_count(text, settings.window)
        with (strategy or tf.distribute.get_strategy()).scope():
            self.model = build_model(settings, vocabulary_size, kind)
            self._optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate)
            self._optimizer.build(self.model.trainable_variables)
        self.evaluate = Evaluator(self.model, valid, settings.evaluation_batch, settings.window)
        self._replicas = strategy.num_replicas_in_sync if strategy else 1
        if settings.batch_size % self._replicas:
            raise ValueError(
                f"a batch of {settings.batch_size} sequences does not divide among {self._replicas} devices"
            )
        # Across devices the gradients are averaged between the compiled part and the update, so only one device
        # compiles the whole step.
        self._gradients = (
            tf.function(self._loss_and_gradients, jit_compile=True) if strategy else self._loss_and_gradients
        )
        self._step = tf.function(self._replicated_step if strategy else self._one_step, jit_compile=strategy is None)

    @property
    def traces(self) -> int:
        """How often the training step was traced; 1 whatever the number of architectures."""
        return self._step.experimental_get_tracing_count()

    def initial_state(self):
        """The state before the first window, `[B, …]`."""
        return self.model.cell.initial_state(self.settings.batch_size)

    def _for_program(self, architecture):
        """An architecture as the step takes it: data, so that one program trains them all."""
        return tf.constant(list(architecture), tf.int32)

    def _loss_and_gradients(self, window, state, architecture, seed, length):
        with tf.GradientTape() as tape:
            loss, likelihood, state = self.model.loss_of_window(
                window[:-1], window[1:], state=state, architecture=architecture, training_seed=seed, length=length
            )
        gradients = tape.gradient(loss, [variable.value for variable in self.model.trainable_variables])
        return likelihood, gradients, state

    def _update(self, window, state, architecture, seed, learning_rate, length):
        likelihood, gradients, state = self._gradients(window, state, architecture, seed, length)
        variables, decay = self.model.trainable_variables, self.settings.weight_decay
        if self._strategy:
            gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        gradients = _clipped(gradients, self.settings.clip_norm)
        if decay:
            gradients = [gradient + decay * variable for gradient, variable in zip(gradients, variables, strict=True)]
        if self._replicas > 1:  # Keras sums what the devices give, and here each gives the whole
            gradients = [gradient / self._replicas for gradient in gradients]
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply(gradients, variables)
        return likelihood, state

    def _window(self, position):
        """The window of a number, or the rows `[T + 1]` themselves."""
        if position.shape.rank:
            return tf.gather(self._text, position)  # [T + 1, B]
        # A slice would make its start a constant of the compiled program, and every step a compilation.
        length = self.settings.window
        return tf.gather(self._text, position * length + tf.range(length + 1))  # [T + 1, B]

    def _one_step(self, position, state, architecture, seed, learning_rate, length=None):
        return self._update(self._window(position), state, architecture, seed, learning_rate, length)

    def _replicated_step(self, position, state, architecture, seed, learning_rate, length=None):
        window, share = self._window(position), self.settings.batch_size // self._replicas

        def part(context):
            device = context.replica_id_in_sync_group
            columns = slice(device * share, (device + 1) * share)
            return window[:, columns], state[columns], seed + [MASKS * device, 0]  # each draws masks of its own

        def replica(piece):
            window, state, seed = piece
            return self._update(window, state, architecture, seed, learning_rate, length)

        pieces = self._strategy.experimental_distribute_values_from_function(part)
        likelihood, states = self._strategy.run(replica, args=(pieces,))
        mean = self._strategy.reduce(tf.distribute.ReduceOp.MEAN, likelihood, axis=None)
        return mean, tf.concat(self._strategy.experimental_local_results(states), 0)

    def start(self, seed: int) -> None:
        """New weights and a new optimizer."""
        initialise(self.model, seed)
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable))

    def train(
        self,
        architecture: Iterable[int],
        seed: int,
        steps: int | None = None,
        report: Callable[[int, float], None] | None = None,
        save_to: os.PathLike | None = None,
        save_every: int = 500,
    ) -> float:
        """Trains an architecture from scratch.

        Args:
            architecture: its integers; empty for the LSTM.
            seed: of the weights and of all dropout.
            steps: training steps; None for those of the settings. The learning rate falls over the settings' steps.
            report: called with step and training loss (nats a token, mean since the last call) now and then.
            save_to: a file that keeps the state of the training; where it is there, the training goes on from it and
                ends with the weights of an undisturbed one.
            save_every: steps between two writes of that file.

        Returns:
            The mean training loss over the last tenth of the steps, nats a token.

        Raises:
            DivergedError: the loss is no longer a number.
        """
        settings = self.settings
        total = settings.steps if steps is None else steps
        architecture = self._for_program(architecture)
        self.start(seed)
        state, first = self.initial_state(), 0
        saved = checkpoint.load(save_to) if save_to else None
        if saved is not None:
            checkpoint.assign("model", self.model.variables, arrays=saved)
            checkpoint.assign("optimizer", self._optimizer.variables, arrays=saved)
            state, first = tf.constant(saved["state"]), int(saved["step"])
        losses = Losses(report, total)
        for step in range(first, total):
            position = step % self.windows
            if position == 0:
                state = self.initial_state()
            loss, state = self._step(
                tf.constant(position),
                state,
                architecture,
                tf.constant([seed % 2**20 * 2**10, step], tf.int32),
                tf.constant(settings.learning_rate_at(step), tf.float32),
            )
            losses.add(step + 1, loss)
            if save_to and (step + 1) % save_every == 0:
                self._save(save_to, state, step + 1)
        if save_to and first < total:
            self._save(save_to, state, total)
        return losses.mean

    def seconds_per_step(self, architecture: Iterable[int]) -> float:
        """Median seconds of a training step, see `seconds_of_steps`."""
        return float(np.median(self.seconds_of_steps(architecture)))

    def seconds_of_steps(self, architecture: Iterable[int], steps: int = 40) -> list[float]:
        """Seconds of each of some training steps. Trains the weights that are there; compiling is not counted."""
        architecture, state = self._for_program(architecture), self.initial_state()
        seconds = []
        for step in range(steps + 3):  # the first ones compile and warm up
            start = time.perf_counter()
            where, seed, rate = tf.constant(step % self.windows), tf.constant([0, step]), tf.constant(1e-4)
            loss, state = self._step(where, state, architecture, seed, rate)
            loss.numpy()
            seconds.append(time.perf_counter() - start)
        return seconds[3:]

    def _save(self, path, state, step):
        arrays = checkpoint.variables("model", self.model.variables)
        arrays |= checkpoint.variables("optimizer", self._optimizer.variables)
        checkpoint.save(path, arrays | {"state": np.asarray(state), "step": np.asarray(step)})


class SharedChildTrainer:
    """Trains the child that all architectures of a pool share: one architecture, drawn uniformly, a step.

    Of the 264 matrices of the cell a step reads and writes the eleven that its architecture uses. Weight decay touches
    all of them, so the table is kept divided by a common factor that decays instead: exact, and free.

    Args: as for `ChildTrainer`.
    """

    def __init__(
        self, settings: LanguageTraining, train: np.ndarray, valid: np.ndarray, vocabulary_size: int, seed: int
    ):
        self.settings = settings
        text = streams(train, settings.batch_size)  # [time, B]
        self._text = tf.constant(text)
        self.windows = window_count(text, settings.window)
        self.model = build_model(settings, vocabulary_size, "shared")
        initialise(self.model, seed)
        self.evaluate = Evaluator(self.model, valid, settings.evaluation_batch, settings.window)
        self.seed, self.steps_done = seed, 0
        self._state = self.model.cell.initial_state(settings.batch_size)
        self._factor = tf.Variable(1.0, trainable=False)
        cell = self.model.cell
        self._dense = [self.model.embedding, self.model.bias, cell.first_kernel]
        self._optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate)
        self._optimizer.build(self._dense + [cell.kernels] if settings.optimizer != "sgd" else self._dense)
        self._compiled = tf.function(self._gradients, jit_compile=True)
        self._step = tf.function(self._sgd_step if settings.optimizer == "sgd" else self._dense_step)

    @property
    def traces(self) -> int:
        """How often the training step was traced; 1 whatever the number of architectures."""
        return self._step.experimental_get_tracing_count()

    def _gradients(self, chosen, window, state, architecture, seed):
        dense = [variable.value for variable in self._dense]
        with tf.GradientTape() as tape:
            tape.watch(chosen)
            loss, likelihood, state = self.model.loss_of_window(
                window[:-1], window[1:], state=state, architecture=architecture, training_seed=seed, chosen=chosen
            )
        gradients = tape.gradient(loss, [*dense, chosen])
        return likelihood, _clipped(gradients, self.settings.clip_norm), state

    def _window(self, position):
        # A slice would make its start a constant of the compiled program, and every step a compilation.
        length = self.settings.window
        return tf.gather(self._text, position * length + tf.range(length + 1))  # [T + 1, B]

    def _sgd_step(self, position, state, architecture, seed, learning_rate):
        cell, window = self.model.cell, self._window(position)
        rows = cell.rows(architecture)  # [N]
        table = cell.kernels.value
        chosen = tf.gather(table, rows) * self._factor  # [N, U, 2 U]
        likelihood, gradients, state = self._compiled(chosen, window, state, architecture, seed)
        keep = 1 - learning_rate * self.settings.weight_decay
        for variable, gradient in zip(self._dense, gradients[:-1], strict=True):
            variable.assign(variable * keep - learning_rate * gradient)
        self._factor.assign(self._factor * keep)
        table.scatter_sub(tf.IndexedSlices(gradients[-1] * (learning_rate / self._factor), rows))
        return likelihood, state

    def _dense_step(self, position, state, architecture, seed, learning_rate):
        cell, window = self.model.cell, self._window(position)
        rows = cell.rows(architecture)  # [N]
        chosen = tf.gather(cell.kernels.value, rows)  # [N, U, 2 U]
        likelihood, gradients, state = self._compiled(chosen, window, state, architecture, seed)
        shape = cell.kernels.shape
        to_table = tf.scatter_nd(rows[:, None], gradients[-1], shape)  # [264, U, 2 U]
        self._optimizer.learning_rate.assign(learning_rate)
        self._optimizer.apply([*gradients[:-1], to_table], [*self._dense, cell.kernels])
        return likelihood, state

    def train(self, architectures: list[tuple[int, ...]], steps: int, report=None) -> float:
        """Trains for some steps, each with a member of `architectures`; returns the mean training loss, nats a token.

        Raises:
            DivergedError: the loss is no longer a number.
        """
        pool = np.asarray(architectures, np.int32)
        generator = np.random.default_rng([self.seed, self.steps_done])
        losses = []
        for done in range(steps):
            position = self.steps_done % self.windows
            if position == 0:
                self._state = self.model.cell.initial_state(self.settings.batch_size)
            loss, self._state = self._step(
                tf.constant(position),
                self._state,
                tf.constant(pool[generator.integers(len(pool))]),
                tf.constant([self.seed % 2**20 * 2**10, self.steps_done], tf.int32),
                tf.constant(self.settings.learning_rate_at(done), tf.float32),
            )
            losses.append(loss)
            self.steps_done += 1
            if (done + 1) % 50 == 0 or done == steps - 1:
                mean = float(np.mean([float(value) for value in losses[-50:]]))
                if not math.isfinite(mean):
                    raise DivergedError(f"training loss of the shared child is {mean} at step {self.steps_done}")
                if report:
                    report(done + 1, mean)
        self._fold()
        return float(np.mean([float(value) for value in losses])) if losses else math.nan

    def _fold(self):
        self.model.cell.kernels.assign(self.model.cell.kernels * self._factor)
        self._factor.assign(1.0)

    def save(self, path: os.PathLike) -> None:
        """Writes weights, optimizer, state and position, whole or not at all."""
        arrays = checkpoint.variables("model", self.model.variables)
        arrays |= checkpoint.variables("optimizer", self._optimizer.variables)
        checkpoint.save(path, arrays | {"state": np.asarray(self._state), "step": np.asarray(self.steps_done)})

    def load(self, path: os.PathLike) -> bool:
        """Goes on from what `save` wrote; False where there is no such file."""
        saved = checkpoint.load(path)
        if saved is None:
            return False
        checkpoint.assign("model", self.model.variables, arrays=saved)
        checkpoint.assign("optimizer", self._optimizer.variables, arrays=saved)
        self._state, self.steps_done = tf.constant(saved["state"]), int(saved["step"])
        return True
