"""Children of a search of recurrent cells: one after the other from scratch, or one that a whole pool shares.

Letters: T time steps, B sequences, U units, N nodes.
"""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nao_tf.architecture import Architecture
from nao_tf.child.language.recurrent_cell import SharedRecurrentCell
from nao_tf.data.streams import streams, window_count
from nao_tf.training import checkpoint as checkpoints
from nao_tf.training.gradients import clipped
from nao_tf.training.initial_weights import initialise
from nao_tf.training.language import OPTIMIZERS, TextTraining
from nao_tf.training.language_networks import build_model
from nao_tf.training.language_settings import LanguageTraining
from nao_tf.training.text_likelihood import validation_likelihood
from nao_tf.training.training import (
    Report,
    Training,
    advance,
    draw_members,
    run,
    step_seed,
)

METRIC = "validation_perplexity"  # the score of a child, lower is better


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
        self.likelihood = validation_likelihood(self.training.model, valid, settings=settings)

    def parameters(self, architecture: Architecture) -> int:
        """Trainable parameters; all cells have equally many."""
        return self.training.model.count_params()

    def train(
        self, architecture: Architecture, *, seed: int, steps: int | None = None, report: Report | None = None
    ) -> None:
        """New weights, and a training.

        Args:
            architecture: of the recurrent space.
            seed: of the weights and of all dropout.
            steps: of the training, over which the learning rate falls; None: `settings.steps`.
            report: called with step and training loss in nats a token.

        Raises:
            DivergedError: the training loss is not a number.
        """
        steps = self.settings.steps if steps is None else steps
        self.training.network, self.training.settings = architecture, dataclasses.replace(self.settings, steps=steps)
        run(self.training, seed=seed, steps=steps, report=report)

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
        self.likelihood = validation_likelihood(self.model, valid, settings=settings)
        self._factor = tf.Variable(1.0, trainable=False)
        cell = self.model.cell
        self._dense = [self.model.embedding, self.model.bias, cell.first_kernel]
        sgd = settings.optimizer == "sgd"
        self._optimizer = OPTIMIZERS[settings.optimizer](settings.learning_rate)
        self._optimizer.build(self._dense if sgd else [*self._dense, cell.kernels])
        self._compiled = tf.function(self._gradients, jit_compile=True, autograph=False)
        self.program = tf.function(self._sgd_step if sgd else self._dense_step, autograph=False)
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
        """Goes on from what `save` wrote; False if there is no such file. Raises InputError if it is damaged."""
        saved = checkpoints.load(path)
        if saved is not None:
            with checkpoints.restoring(path):
                self.restore(saved)
        return saved is not None
