"""A language model around a found recurrent cell as plain Keras code.

Letters: U units, N nodes.
"""

from __future__ import annotations

import textwrap

import numpy as np

from nao_tf.architecture import RecurrentSpace
from nao_tf.child.language.language_model import LanguageModel
from nao_tf.serving.plain_keras.code import MAIN, WEIGHTS, WIDTH, PlainCode, call

WORDS_FILE = "words.json"
_ACTIVATIONS = {"identity": "linear"}  # names of Keras that are not those of the space

_TEXT = '''\
"""A language model around a recurrent cell that a search found, in plain Keras.

The cell, for each of its nodes the node that it reads and the activation:

{cell}

The weights are in {weights}, and {words} holds the word of each number.

    model = build_model()
    model.load_weights("{weights}")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(words, next_words)  # whole numbers, [sequences, time] each

Letters of shapes: B sequences, T time steps, U units.
"""

import pathlib

import keras
from keras import activations, layers, ops

WORDS = {word_count}  # of the vocabulary
UNITS = {units}  # of a word's embedding, and of the cell
NODES = {nodes}  # of the cell, besides the one that reads the input
WEIGHTS = pathlib.Path(__file__).with_name("{weights}")


def mixed(node, product, activation):
    """Some of a node, and some of what a product has made of it: [B, U] of [B, 2 U]."""
    gate, value = ops.split(product, 2, axis=-1)
    return node + ops.sigmoid(gate) * (activation(value) - node)


class FoundCell(layers.Layer):
    """The found cell: a time step, to be run by keras.layers.RNN.

    Node 0 reads the input and the state, every other node one node before it. The mean
    of {averaged} is the output, and the next state.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernels = [
            self.add_weight(
                name=f"kernel_{{node}}",
                shape=(self.units if node else 2 * self.units, 2 * self.units),
                initializer="glorot_uniform",
            )
            for node in range(NODES + 1)
        ]

    def call(self, inputs, states):
        state = states[0]
        both = ops.concatenate([inputs, state], axis=-1)
        node_0 = mixed(state, ops.matmul(both, self.kernels[0]), activations.tanh)
{edges}
{averages}
        output = sum(nodes) / len(nodes)
        return output, [output]

    def node(self, number, source, activation):
        """A node that reads another one."""
        return mixed(source, ops.matmul(source, self.kernels[number]), activation)

    def get_config(self):
        return {{**super().get_config(), "units": self.units}}


class TiedEmbedding(layers.Layer):
    """Words to vectors and, by the same matrix, vectors to the scores of all words."""

    def __init__(self, words, units, **kwargs):
        super().__init__(**kwargs)
        self.words = words
        self.units = units

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.words, self.units),
            initializer="random_uniform",
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.words,), initializer="zeros"
        )

    def call(self, inputs, reverse=False):
        if reverse:
            return ops.matmul(inputs, ops.transpose(self.embeddings)) + self.bias
        return ops.take(self.embeddings, inputs, axis=0)

    def get_config(self):
        return {{**super().get_config(), "words": self.words, "units": self.units}}


def build_model():
    """Words [B, T] in, log probabilities of every next word [B, T, WORDS] out."""
    words = keras.Input((None,), dtype="int32", name="words")
    embedding = TiedEmbedding(WORDS, UNITS, name="embedding")
    x = embedding(words)
{before}    x = layers.RNN(FoundCell(UNITS), return_sequences=True, name="found_cell")(x)
{after}    x = embedding(x, reverse=True)
    outputs = layers.Activation("log_softmax", name="log_probabilities")(x)
    return keras.Model(words, outputs, name="language_model")
'''


def plain_language_model(model: LanguageModel) -> PlainCode:
    """The code and the weights of a language model with a stand-alone cell.

    Dropout of the embedding, of the cell's input and of its output is part of the code, that of words and of the state
    is not.

    Args:
        model: with its weights and its architecture.

    Raises:
        ValueError: the model has no architecture.
    """
    if model.architecture is None:
        raise ValueError("a model without an architecture")
    cell, count = model.cell, model.cell.nodes
    space = RecurrentSpace(nodes=count)
    pairs = np.reshape(model.architecture, [-1, 2])
    edges = [
        call(
            f"node_{node} = self.node(",
            [str(node), f"node_{source}", f"activations.{_ACTIVATIONS.get(name, name)}"],
            level=2,
        )
        for node, (source, activation) in enumerate(pairs, start=1)
        for name in [space.activations[activation]]
    ]
    averaged = [f"node_{node}" for node in range(0 if cell.average_first else 1, count + 1)]
    text = space.architecture(model.architecture).text
    rates = {name: getattr(model.dropout, name) for name in ("embedding", "input", "output")}
    dropped = {
        name: f'    x = layers.SpatialDropout1D({rate!r}, name="{name}_dropout")(x)\n' if rate else ""
        for name, rate in rates.items()
    }
    code = _TEXT.format(
        cell=textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    "),
        weights=WEIGHTS,
        words=WORDS_FILE,
        word_count=model.vocabulary_size,
        units=cell.units,
        nodes=count,
        averaged="all nodes" if cell.average_first else "all nodes but node 0",
        edges="\n".join(edges),
        averages=call("nodes = [", averaged, end="]", level=2),
        before=dropped["embedding"] + dropped["input"],
        after=dropped["output"],
    )
    first = [np.asarray(cell.first_kernel)]  # [2 U, 2 U]
    kernels = [np.asarray(kernel) for kernel in np.asarray(cell.chosen(model.architecture))]  # N times [U, 2 U]
    return PlainCode(
        code + MAIN,
        {"found_cell": first + kernels, "embedding": [np.asarray(model.embedding), np.asarray(model.bias)]},
    )
