"""Several fitted controllers as the members of one batched program.

Letters: C controllers, E members of an ensemble, B architectures of a batch, T tokens.
"""

from __future__ import annotations

import numpy as np

from nao_tf.controller.compiled import program_for, weights_of

MEMBERS_PER_CALL = 20  # about as many, of several ensembles, go into one call: more leave the caches of a processor


def parts(shapes, settings):
    """The numbers of the controllers that one call can serve: those of equal shapes, not too many at a time."""
    together = max(1, MEMBERS_PER_CALL // settings.members)
    alike: dict[object, list[int]] = {}
    for index, shape in enumerate(shapes):
        alike.setdefault(shape, []).append(index)
    return [of_shape[at : at + together] for of_shape in alike.values() for at in range(0, len(of_shape), together)]


def filled_up(part, settings):
    """A part of several, filled up by repetition to the one number of controllers that programs are compiled for."""
    together = 1 if len(part) == 1 else max(1, MEMBERS_PER_CALL // settings.members)
    return [*part, *[part[0]] * (together - len(part))]


def in_parts(controllers, tokens, function, member_axis):
    """The results of a function of weights and tokens, for each controller: `[C]` of `[..., E, B, ...]`.

    Args:
        controllers: `[C]`, with the same settings and space.
        tokens: of each controller its own, `[C]` of int32 `[B, T]`.
        function: the compiled function out of a `Program`.
        member_axis: which dimension of the function's result the members are.
    """
    results: list[np.ndarray | None] = [None] * len(controllers)
    if not controllers:
        return results
    settings = controllers[0].settings
    for part in parts([()] * len(controllers), settings):
        filled = filled_up(part, settings)
        longest = max(len(tokens[index]) for index in part)
        read = np.concatenate(
            [
                np.broadcast_to(longer(tokens[index], longest), [settings.members, longest, tokens[index].shape[1]])
                for index in filled
            ]
        )  # [C E, B, T]
        models = [controllers[index].model for index in filled]
        program = program_for(models[0], settings, len(filled))
        result = function(program)(weights_of(*models), read).numpy()
        for index, own in zip(filled, np.split(result, len(filled), axis=member_axis), strict=True):
            results[index] = np.take(own, range(len(tokens[index])), axis=member_axis + 1)
    return results


def longer(rows, length):
    """Rows `[B, …]` with the first repeated behind them."""
    return np.concatenate([rows, np.repeat(rows[:1], length - len(rows), axis=0)])


def predict_members(controllers, architectures):
    """The scores that the members of each controller predict for its own architectures: `[C]` of `[E, B]`."""
    tokens = [controller.space.token_array(part) for controller, part in zip(controllers, architectures, strict=True)]
    return in_parts(controllers, tokens, lambda program: program.predict, 0)
