"""The exact likelihood of a text: every token once, the state carried over, nothing dropped.

Letters: T time steps, B sequences.
"""

import math

import numpy as np
import tensorflow as tf

from nao_tf.child.language.language_model import LanguageModel
from nao_tf.data.streams import evaluation_streams
from nao_tf.errors import DivergedError
from nao_tf.training.language_networks import Network
from nao_tf.training.language_settings import LanguageTraining

EXACT_WINDOW = 35  # time steps at once when a final model is measured


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
        self.program = tf.function(self._total, jit_compile=True, autograph=False)

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


def validation_likelihood(model: LanguageModel, tokens: np.ndarray, *, settings: LanguageTraining) -> TextLikelihood:
    """The likelihood of a validation text, in columns as trainings and searches evaluate it."""
    return TextLikelihood(model, tokens, batch_size=settings.evaluation_batch, window=settings.window)
