"""SavedModels of controllers, for programs without this package.

Letters: T tokens, B rows of a batch, E members of the ensemble, S encoder steps, H hidden units.
"""

import os

import keras
import tensorflow as tf

from nao_tf.architecture import SearchSpace
from nao_tf.controller import ascent
from nao_tf.controller.encoder import mean_embedding
from nao_tf.controller.model import EncoderPredictorDecoder
from nao_tf.files import replacing
from nao_tf.serving import checked_inputs, saved_model


def export_controller(model: EncoderPredictorDecoder, space: SearchSpace, *, directory: os.PathLike[str] | str) -> None:
    """Writes the encoder, the predictor and the decoder of a controller.

    Architectures are the tokens of `space.tokens`. Signatures:

    * `predict`, also `serving_default`: `tokens` int32 `[B, T]` -> `score` `[B]`, the mean of the members, on the scale
      of the scores that they were trained on, higher is better.
    * `encode`: `tokens` -> `states` `[B, E, S, H]` of length 1 and their mean `embedding` `[B, E, H]`.
    * `decode`: `states` -> `tokens` int32 `[B, E, T]`, always legal.

    A request of other shapes, with tokens that are no architecture, or with states that are not finite is answered with
    an error that says so (`serving.checked_inputs`). No rows are answered with no rows.

    Args:
        model: the trained model.
        space: the search space that it was trained on.
        directory: of the SavedModel; its name is the version that a server sees. A folder of that name is replaced when
            the new one is complete.

    Raises:
        ValueError: the model is not one of this space.
    """
    tokens_spec = _tokens_spec(model, space)
    states_spec = tf.TensorSpec([None, model.members, model.encoder.steps, model.settings.hidden], tf.float32, "states")

    def predict(tokens):
        tokens = _received(tokens, tokens_spec, grammar=model.grammar)
        return {"score": tf.reduce_mean(model.predict_scores(tokens), axis=0)}  # [B]

    def encode(tokens):
        states = model.encode(_received(tokens, tokens_spec, grammar=model.grammar))  # [E, B, S, H]
        return {
            "states": tf.transpose(states, [1, 0, 2, 3]),  # [B, E, S, H]
            "embedding": tf.transpose(mean_embedding(states), [1, 0, 2]),  # [B, E, H]
        }

    def decode(states):
        states = checked_inputs.finite(checked_inputs.received(states, states_spec), "states")
        tokens = model.decode(tf.transpose(states, [1, 0, 2, 3]))  # [E, B, T]
        return {"tokens": tf.transpose(tokens, [1, 0, 2])}  # [B, E, T]

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("predict", predict, [tokens_spec])
    archive.add_endpoint("encode", encode, [tokens_spec])
    archive.add_endpoint("decode", decode, [states_spec])
    with replacing(directory) as temporary:
        saved_model.write(archive, temporary)


def export_ascent(
    model: EncoderPredictorDecoder,
    space: SearchSpace,
    *,
    directory: os.PathLike[str] | str,
    maximise: bool = True,
) -> None:
    """Writes the gradient ascent of a controller, gradient included, as a SavedModel of its own.

    Signature `improve`, also `serving_default`: `tokens` int32 `[B, T]` and `step_size` float32 `[B]`, or `[1]` for all
    rows -> `tokens` int32 `[B, E, T]`, the proposal of each member, and `predicted` `[B, E]`, the score of each
    proposal, the mean of the members. Requests are checked as those of `export_controller`; step sizes are finite.

    Args:
        model: the trained model.
        space: the search space that it was trained on.
        directory: see `export_controller`.
        maximise: whether the predicted score rises (True) or falls.

    Raises:
        ValueError: the model is not one of this space.
    """
    tokens_spec = _tokens_spec(model, space)
    step_size_spec = tf.TensorSpec([None], tf.float32, "step_size")

    def improve(tokens, step_size):
        tokens = _received(tokens, tokens_spec, grammar=model.grammar)
        step_size = checked_inputs.finite(checked_inputs.received(step_size, step_size_spec), "step_size")
        step_size = checked_inputs.as_many_rows(step_size, tokens, names=("step_size", "tokens"), or_one=True)
        states = model.encode(tokens)  # [E, B, S, H]
        sized = ascent.gradient(model, states) * tf.reshape(step_size, [1, -1, 1, 1])  # [E, B, S, H]
        moved = ascent.ascend(states, sized, step_sizes=[1.0], maximise=maximise)[0]  # [E, B, S, H]
        proposals = tf.transpose(model.decode(moved), [1, 0, 2])  # [B, E, T]
        scores = model.predict_scores(tf.reshape(proposals, [-1, model.token_length]))  # [E, B E]
        predicted = tf.reshape(tf.reduce_mean(scores, axis=0), [-1, model.members])  # [B, E]
        return {"tokens": proposals, "predicted": predicted}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("improve", improve, [tokens_spec, step_size_spec])
    with replacing(directory) as temporary:
        saved_model.write(archive, temporary)


def _tokens_spec(model, space):
    """The specification of a batch of tokens. Raises ValueError where the space is not the model's."""
    if model.grammar.shape != space.grammar.shape or (model.grammar != space.grammar).any():
        raise ValueError(f"controller of another search space than {space.name!r}")
    return tf.TensorSpec([None, model.token_length], tf.int32, "tokens")


def _received(tokens, specification, *, grammar):
    """The input `tokens`, checked: architectures `[B, T]`."""
    return checked_inputs.architectures(checked_inputs.received(tokens, specification), "tokens", grammar=grammar)
