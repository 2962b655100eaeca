"""The output softmax of a language model and its loss, with the gradient computed in the same pass.

At 10,000 words the softmax costs more than the cell. Logits are made in pieces of rows that stay in the cache; of each
piece the loss and all gradients are taken at once, so no logits are kept and none are computed twice. The target's part
of the gradient is a gather and a scatter, never a one-hot matrix.

Letters: R rows (tokens to predict), P rows of a piece, U units, V words.
"""

import tensorflow as tf

PIECE = 640  # rows; [640, 10,000] floats fit into the caches that matter. Measured: docs/results/speed.md


def softmax_loss(
    outputs: tf.Tensor,
    embedding: tf.Tensor,
    *,
    bias: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    piece: int = PIECE,
) -> tf.Tensor:
    """Weighted negative log likelihoods of the targets under softmax(outputs embedding^T + bias).

    Args:
        outputs: `[R, U]`.
        embedding: `[V, U]`, tied with the input embedding.
        bias: `[V]`.
        targets: `[R]` int32; rows of weight 0 may have any target, also -1.
        weights: `[R]`.
        piece: rows whose logits are in memory at once.

    Returns:
        The sum over rows of weight * (-log probability), a scalar, in nats.
    """

    @tf.custom_gradient
    def differentiable(outputs, embedding, bias):
        loss, gradients = _loss_and_gradients(
            outputs, embedding, bias=bias, targets=targets, weights=weights, piece=piece
        )
        return loss, lambda upstream: [upstream * gradient for gradient in gradients]

    return differentiable(outputs, embedding, bias)


def log_likelihoods(
    outputs: tf.Tensor, embedding: tf.Tensor, *, bias: tf.Tensor, targets: tf.Tensor, piece: int = PIECE
) -> tf.Tensor:
    """log p(target) of every row, `[R]` in nats, without a gradient. Arguments as for `softmax_loss`.

    When R is known only at run time (exports), all rows are one piece, and the caller bounds their number.
    """
    rows = outputs.shape[0]

    def one_piece(piece_of):
        piece_outputs, piece_targets = piece_of
        logits = tf.matmul(piece_outputs, embedding, transpose_b=True) + bias  # [P, V]
        chosen = tf.reduce_sum(piece_outputs * tf.gather(embedding, piece_targets), -1) + tf.gather(bias, piece_targets)
        highest = tf.reduce_max(logits, -1, keepdims=True)  # by hand: tf.reduce_logsumexp takes a fifth longer
        total = tf.reduce_sum(tf.exp(logits - highest), -1)  # [P]
        return chosen - tf.math.log(total) - highest[:, 0]  # [P]

    if rows is None:
        return one_piece((outputs, tf.maximum(targets, 0)))
    outputs, targets, piece, pieces = _in_pieces(outputs, targets, piece)
    if pieces == 1:
        return one_piece((outputs[0], targets[0]))[:rows]
    return tf.reshape(tf.map_fn(one_piece, (outputs, targets), fn_output_signature=outputs.dtype), [-1])[:rows]  # [R]


def _in_pieces(outputs, targets, piece):
    rows, units = outputs.shape
    pieces = -(-rows // piece)
    piece = -(-rows // pieces)  # equal pieces, the last padded by less than their number
    padding = pieces * piece - rows
    targets = tf.maximum(tf.pad(targets, [[0, padding]]), 0)
    outputs = tf.reshape(tf.pad(outputs, [[0, padding], [0, 0]]), [pieces, piece, units])  # [pieces, P, U]
    return outputs, tf.reshape(targets, [pieces, piece]), piece, pieces


def _loss_and_gradients(outputs, embedding, *, bias, targets, weights, piece):
    rows, units = outputs.shape
    outputs, targets, piece, pieces = _in_pieces(outputs, targets, piece)
    weights = tf.reshape(tf.pad(weights, [[0, pieces * piece - rows]]), [pieces, piece])  # [pieces, P]

    def one_piece(index):
        h, target, weight = outputs[index], targets[index], weights[index]  # [P, U], [P], [P]
        logits = tf.matmul(h, embedding, transpose_b=True) + bias  # [P, V]
        highest = tf.reduce_max(logits, -1, keepdims=True)
        exponentials = tf.exp(logits - highest)  # [P, V]
        total = tf.reduce_sum(exponentials, -1)  # [P]
        chosen_words = tf.gather(embedding, target)  # [P, U]
        chosen = tf.reduce_sum(h * chosen_words, -1) + tf.gather(bias, target)  # [P]
        loss = tf.reduce_sum(weight * (tf.math.log(total) + highest[:, 0] - chosen))
        # The probabilities are exponentials / total; the division is left to the narrow side of each product.
        scale = (weight / total)[:, None]  # [P, 1]
        to_outputs = tf.matmul(exponentials, embedding) * scale - weight[:, None] * chosen_words  # [P, U]
        scaled = tf.concat([h * scale, scale], -1)  # [P, U + 1]; the last column gives the bias its gradient
        to_words = tf.matmul(exponentials, scaled, transpose_a=True)  # [V, U + 1]
        return loss, to_outputs, to_words

    def step(index, loss, to_outputs, to_words):
        piece_loss, piece_to_outputs, piece_to_words = one_piece(index)
        return index + 1, loss + piece_loss, to_outputs.write(index, piece_to_outputs), to_words + piece_to_words

    if pieces == 1:
        loss, to_outputs, to_words = one_piece(0)
    else:
        array = tf.TensorArray(outputs.dtype, pieces, element_shape=[piece, units])
        start = (0, tf.zeros([], outputs.dtype), array, tf.zeros([embedding.shape[0], units + 1], outputs.dtype))
        _, loss, array, to_words = tf.while_loop(
            lambda index, *_: index < pieces, step, start, maximum_iterations=pieces
        )
        to_outputs = tf.reshape(array.stack(), [-1, units])  # [pieces P, U]
    outputs = tf.reshape(outputs, [-1, units])
    # every target's own part: -weight * h to its word's embedding, -weight to its word's bias
    flat_targets, flat_weights = tf.reshape(targets, [-1, 1]), tf.reshape(weights, [-1, 1])  # [R, 1]
    own = -flat_weights * tf.concat([outputs, tf.ones_like(flat_weights)], -1)  # [R, U + 1]
    to_words = tf.tensor_scatter_nd_add(to_words, flat_targets, own)  # [V, U + 1]
    return loss, [to_outputs[:rows], to_words[:, :units], to_words[:, units]]
