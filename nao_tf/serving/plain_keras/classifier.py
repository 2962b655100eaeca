"""An image classifier of a pair of found cells as plain Keras code.

Letters: B images, H height, W width, C channels, F filters, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from nao_tf.architecture.cells import CELLS, INPUTS, Branch
from nao_tf.child.images.cell import ConvolutionalCell
from nao_tf.child.images.cell_network import CellNetwork
from nao_tf.child.images.classifier import Classifier
from nao_tf.child.images.layers import OperationLayer
from nao_tf.child.images.macro import ALWAYS, TWICE, macro_of, reductions, stem_of
from nao_tf.child.images.normalisation import EPSILON, MOMENTUM
from nao_tf.child.images.operations import (
    Chain,
    Convolution,
    CrossedConvolutions,
    FactorisedReduction,
    Identity,
    Operation,
    Pooling,
    SeparableConvolution,
    Zero,
)
from nao_tf.serving.plain_keras.code import MAIN, WEIGHTS, PlainCode, call, numbers

LABELS_FILE = "labels.json"
Arrays = Mapping[str, Sequence[np.ndarray]]  # the weights of layers, by their names

_BEGINNING = '''\
"""An image classifier of a pair of cells that a search found, in plain Keras.

The weights are in {weights}, and {labels} holds the name of each class.

    model = build_model()
    model.load_weights("{weights}")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, classes)  # images as they are, 0 to 255

A cell reads the outputs of the two cells before it, its nodes 1 and 2. Each further
node is the sum of two branches. The nodes that no other one reads are the output.
"""

import pathlib

import keras
from keras import layers{ops}

IMAGE_SHAPE = {shape}  # height, width, channels
CLASSES = {classes}
FILTERS = {filters}  # of the first cells; every reduction cell doubles them
CELLS = {cells}
REDUCTIONS = {reductions}  # which of the cells, from 0, are reduction cells
# Of the channels of the images that it was trained on, on the scale 0 to 1.
{mean}
{deviation}
WEIGHTS = pathlib.Path(__file__).with_name("{weights}")


def initializer():
    """A new one for each kernel, as one that is shared draws the same values again."""
    return keras.initializers.{initializer}


def normalisation(x, name):
    """Batch normalisation."""
    return layers.BatchNormalization(
        momentum={momentum}, epsilon={epsilon}, name=f"{{name}}_normalisation"
    )(x)


def convolution(x, filters, size, name, strides=1, relu=True):
    """ReLU, convolution, batch normalisation."""
    if relu:
        x = layers.ReLU(name=f"{{name}}_relu")(x)
    x = layers.Conv2D(
        filters,
        size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer=initializer(),
        name=f"{{name}}_convolution",
    )(x)
    return normalisation(x, name)
'''

# Functions of the code, which has those that it needs.
_FUNCTIONS = {
    "crossed_convolutions": '''\
def crossed_convolutions(x, filters, size, name, strides=1):
    """A convolution of 1 x size pixels and one of size x 1."""
    x = convolution(x, filters, (1, size), name=f"{name}_1", strides=strides)
    return convolution(x, filters, (size, 1), name=f"{name}_2")
''',
    "divided": '''\
def crossed_convolutions(x, filters, size, name, strides=1):
    """A convolution of 1 x size pixels and one of size x 1."""
    x = convolution(x, filters, (1, size), name=f"{name}_1", strides=(1, strides))
    return convolution(x, filters, (size, 1), name=f"{name}_2", strides=(strides, 1))
''',
    "separable_convolution": '''\
def separable_convolution(x, filters, size, name, strides=1, dilation=1):
    """ReLU, depthwise convolution, pointwise convolution, batch normalisation."""
    x = layers.ReLU(name=f"{name}_relu")(x)
    height, width = x.shape[1:3]
    x = layers.DepthwiseConv2D(
        size,
        strides if dilation == 1 else 1,
        padding="same",
        dilation_rate=dilation,
        use_bias=False,
        depthwise_initializer=initializer(),
        name=f"{name}_depthwise",
    )(x)
    if dilation > 1 and strides > 1:  # no layer has both: the pixels that it would keep
        x = x[:, 1 - height % 2 :: 2, 1 - width % 2 :: 2]
    x = layers.Conv2D(
        filters,
        1,
        use_bias=False,
        kernel_initializer=initializer(),
        name=f"{name}_pointwise",
    )(x)
    return normalisation(x, name)
''',
    "separable_convolutions": '''\
def separable_convolutions(x, filters, size, name, strides=1, dilation=1):
    """Two separable convolutions, the first of which has the strides."""
    x = separable_convolution(x, filters, size, f"{name}_1", strides, dilation)
    return separable_convolution(x, filters, size, f"{name}_2", dilation=dilation)
''',
    "factorised_reduction": '''\
def factorised_reduction(x, filters, name, relu=True):
    """Halves an image: half of the filters see every second pixel, half the others."""
    if relu:
        x = layers.ReLU(name=f"{name}_relu")(x)
    shifted = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_padding")(x)
    shifted = layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_cropping")(shifted)
    halves = [
        layers.Conv2D(
            channels,
            1,
            strides=2,
            use_bias=False,
            kernel_initializer=initializer(),
            name=f"{name}_{half}",
        )(pixels)
        for half, pixels, channels in (
            ("even", x, filters // 2),
            ("odd", shifted, filters - filters // 2),
        )
    ]
    return normalisation(layers.concatenate(halves, name=f"{name}_halves"), name)
''',
    "average_pooling": '''\
def average_pooling(x, size, name, strides=1):
    """The mean of squares of pixels."""
    return layers.AveragePooling2D(size, strides, padding="same", name=name)(x)
''',
    "max_pooling": '''\
def max_pooling(x, size, name, strides=1):
    """The maximum of squares of pixels."""
    return layers.MaxPooling2D(size, strides, padding="same", name=name)(x)
''',
    "min_pooling": '''\
def min_pooling(x, size, name, strides=1):
    """The minimum of squares of pixels."""
    return -layers.MaxPooling2D(size, strides, padding="same", name=name)(-x)
''',
    "zero": '''\
def zero(x, strides=1):
    """Nothing at all."""
    return ops.zeros_like(x[:, ::strides, ::strides])
''',
}

_PREPARED = '''\
def prepared(older, newer, filters, name):
    """Both inputs of a cell, in the size of the newer one and with its own filters."""
    if older.shape[1] != newer.shape[1]:
        older = factorised_reduction(older, filters, name=f"{{name}}_older")
    elif older.shape[-1] != filters:
        older = convolution(older, filters, 1, name=f"{{name}}_older")
{newer}    return older, newer
'''
_NEWER = """\
    newer = convolution(newer, filters, 1, name=f"{name}_newer")
"""
_NEWER_IF_DIFFERING = """\
    if newer.shape[-1] != filters:
        newer = convolution(newer, filters, 1, name=f"{name}_newer{suffix}")
"""

_CELL = '''\
def {kind}_cell(older, newer, filters, name):
    """{words}"""
    node_1, node_2 = prepared(older, newer, filters, name)
{body}
'''
_WORDS = {
    "normal": "The normal cell: it keeps the size of its newer input.",
    "reduction": "The reduction cell: what reads an input of it halves the image.",
}

_END = '''\
def build_model():
    """Images [B, height, width, channels] in, probabilities [B, CLASSES] out."""
    images = keras.Input(IMAGE_SHAPE, name="images")
    x = layers.Rescaling(1 / 255, name="of_0_to_1")(images)
    variance = [deviation**2 for deviation in DEVIATION]
    x = layers.Normalization(mean=MEAN, variance=variance, name="around_0")(x)
{stem}
    filters = FILTERS
    for number in range(CELLS):
        cell = normal_cell
        if number in REDUCTIONS:
            cell, filters = reduction_cell, 2 * filters
        older, newer = newer, cell(older, newer, filters, name=f"cell_{{number}}")
{end}
    return keras.Model(images, outputs, name="classifier")
'''


def reason_against(model: Classifier) -> str | None:
    """Why there is no plain code for a classifier, for people; None: there is."""
    if not isinstance(model.network, CellNetwork):
        return "a hand-made network has no found cell"
    for cell in model.network.cells:
        for branch, layer in zip(cell.branches, cell.operations, strict=True):
            if _function(layer.row) is None:
                return f"{branch.operation!r} is an operation of one's own, whose code is not known here"
    for layer in _layers(model):
        if 0 in (size for variable in layer.by_name.values() for size in variable.shape):
            return "a convolution has no channels"
    return None


def plain_classifier(model: Classifier) -> PlainCode:
    """The code and the weights of a classifier, computing in single precision; without an auxiliary head.

    What is dropped of images and branches in training is not part of the code.

    Args:
        model: with its weights.

    Raises:
        ValueError: there is no plain code for it, see `reason_against`.
    """
    reason = reason_against(model)
    if reason is not None:
        raise ValueError(reason)
    network = model.network
    assert isinstance(network, CellNetwork)
    kinds = [reduction for reduction in (False, True) if reduction in reductions(network.layer_count)]
    # A cell of each kind: what reads an input is of another stride in a reduction cell
    samples = {reduction: next(cell for cell in network.cells if cell.reduction == reduction) for reduction in kinds}
    cells = [_cell_code(CELLS[int(reduction)], cell) for reduction, cell in samples.items()]
    prepared = _prepared_code(network.macro)
    used = "\n".join([*cells, prepared])
    functions = _functions(used, divided=any(_is_divided(cell) for cell in samples.values()))
    parts = [_beginning(model, network, uses_ops="zero(" in used), *functions, prepared, *cells, _end(model, network)]
    return PlainCode("\n\n".join(parts), dict(_weights(model, network)))


# ---- the code


def _beginning(model, network, *, uses_ops):
    count = network.layer_count
    places = [str(index) for index, reduction in enumerate(reductions(count)) if reduction]
    made = keras.initializers.get(network.initializer)
    options = {name: value for name, value in made.get_config().items() if name in ("scale", "mode")}
    named = ", ".join(f'{name}="{value}"' if name == "mode" else f"{name}={value!r}" for name, value in options.items())
    return _BEGINNING.format(
        weights=WEIGHTS,
        labels=LABELS_FILE,
        ops=", ops" if uses_ops else "",
        shape=f"({', '.join(map(str, model.image_shape))})",
        classes=model.classes,
        filters=network.filters,
        cells=count + len(places),
        reductions=f"({', '.join(places)})",
        mean=call("MEAN = (", numbers(model.mean)),
        deviation=call("DEVIATION = (", numbers(model.deviation)),
        initializer=f"{type(made).__name__}({named})",
        momentum=MOMENTUM,
        epsilon=EPSILON,
    )


def _functions(used, *, divided):
    """The functions that code calls, and those that they call."""
    needed = {name for name in _FUNCTIONS if f"{name}(" in used}
    if "separable_convolutions" in needed:
        needed.add("separable_convolution")
    if divided:
        needed = needed - {"crossed_convolutions"} | {"divided"}
    return [_FUNCTIONS[name] for name in _FUNCTIONS if name in needed]


def _is_divided(cell):
    return any(isinstance(layer.row, CrossedConvolutions) and layer.row.divided for layer in cell.operations)


def _prepared_code(macro):
    when = macro_of(macro).newer
    if when == ALWAYS:
        return _PREPARED.format(newer=_NEWER)
    if when == TWICE:
        return _PREPARED.format(newer=_NEWER_IF_DIFFERING.replace("{suffix}", "_channels") + _NEWER)
    return _PREPARED.format(newer=_NEWER_IF_DIFFERING.replace("{suffix}", ""))


def _cell_code(kind: str, cell: ConvolutionalCell) -> str:
    """The function of a cell, an edge a line."""
    lines, nodes = [], len(cell.cell.nodes)
    branches = zip(cell.branches, cell.operations, strict=True)
    for node in range(nodes):
        name = f"node_{node + INPUTS + 1}"
        edges = [_edge(*branch, name=f"{name}{place}") for place, branch in zip(_PLACES, branches, strict=False)]
        lines += [f"    {name} = layers.add(", "        ["]
        lines += [*(f"            {edge}," for edge in edges), "        ],"]
        lines += [f'        name=f"{{name}}_{name}",', "    )"]
    for state, layer in cell.loose_inputs.items():
        name = f"node_{int(state) + 1}"
        arguments = _reduction(name, layer.row, name=f"{name}_output")
        lines.append(call(f"{name} = factorised_reduction(", arguments, level=1))
    ends = [f"node_{state + 1}" for state in cell.cell.loose_ends]
    together = [f"[{', '.join(ends)}]", 'name=f"{name}_output"']
    lines.append(f"    return {ends[0]}" if len(ends) == 1 else call("return layers.concatenate(", together, level=1))
    return _CELL.format(kind=kind, words=_WORDS[kind], body="\n".join(lines))


_PLACES = ("a", "b")  # of the branches of a node


def _edge(branch: Branch, layer: OperationLayer, *, name: str) -> str:
    """What a branch does to the node that it reads."""
    source, row = f"node_{branch.source + 1}", layer.row
    strides = ["strides=2"] if layer.stride > 1 else []
    function = _function(row)
    if isinstance(row, Identity):
        return source
    if isinstance(row, Zero):
        return f"zero({', '.join([source, *strides])})"
    if isinstance(row, FactorisedReduction):
        return call("factorised_reduction(", _reduction(source, row, name=name), level=3).strip()
    size = _size(row)
    filters = [] if isinstance(row, Pooling) else ["filters"]
    dilated = row.operations[0] if isinstance(row, Chain) else row
    dilation = getattr(dilated, "dilation", 1)
    options = [*strides, *([f"dilation={dilation}"] if dilation > 1 else [])]
    relu = ["relu=False"] if isinstance(row, Convolution) and not row.relu else []
    arguments = [source, *filters, size, f'name=f"{{name}}_{name}"', *options, *relu]
    return call(f"{function}(", arguments, level=3).strip()


def _reduction(source, row, *, name):
    """The arguments of a factorised reduction."""
    return [source, "filters", f'name=f"{{name}}_{name}"', *([] if row.relu else ["relu=False"])]


def _function(row: Operation) -> str | None:
    """The function of the code that computes an operation; empty where none is needed, None where none can."""
    kind = type(row)
    if kind is Chain:
        first, *others = row.operations  # type: ignore[attr-defined]
        return "separable_convolutions" if type(first) is SeparableConvolution and others == [first] else None
    if kind is CrossedConvolutions:
        first, second = row.operations  # type: ignore[attr-defined]
        crossed = first.height == second.width == 1 and first.width == second.height and first.relu and second.relu
        return "crossed_convolutions" if crossed else None
    if kind is Pooling:
        return f"{row.kind}_pooling"  # type: ignore[attr-defined]
    return {
        Identity: "",
        Zero: "zero",
        Convolution: "convolution",
        SeparableConvolution: "separable_convolution",
        FactorisedReduction: "factorised_reduction",
    }.get(kind)


def _size(row):
    """The size of an operation's kernel or squares, as code."""
    if isinstance(row, CrossedConvolutions):
        return str(row.operations[0].width)
    if isinstance(row, Chain):
        return str(row.operations[0].size)
    if isinstance(row, Convolution):
        return str(row.height) if row.height == row.width else f"({row.height}, {row.width})"
    return str(row.size)


def _end(model, network):
    convolutions = stem_of(network.stem_name).convolutions
    stem, names = [], ["older", "newer"]
    for number, each in enumerate(convolutions):
        channels = each.channels(network.filters)
        name = "stem" if number == 0 else f"stem_{number}"
        target = "older = newer" if len(convolutions) == 1 else ["x", *names][max(0, number - len(convolutions) + 3)]
        options = [*([f"strides={each.stride}"] if each.stride > 1 else []), *(["relu=False"] if number == 0 else [])]
        source = "x" if number < len(convolutions) - 1 or len(convolutions) == 1 else "older"
        stem.append(call(f"{target} = convolution(", [source, str(channels), "3", f'name="{name}"', *options], level=1))
    end = ['    x = layers.ReLU(name="last_relu")(newer)'] if network.relu_before_pooling else []
    end.append(f'    x = layers.GlobalAveragePooling2D(name="features")({"x" if end else "newer"})')
    if model.dropout:
        end.append(f'    x = layers.Dropout({model.dropout!r}, name="dropout")(x)')
    bias = [] if network.bias else ["use_bias=False"]
    arguments = ["CLASSES", 'activation="softmax"', *bias, 'name="probabilities"']
    end.append(call("outputs = layers.Dense(", arguments, end=")(x)", level=1))
    return _END.format(stem="\n".join(stem), end="\n".join(end)) + MAIN


# ---- the weights


def _layers(model) -> Iterator[OperationLayer]:
    network = model.network
    yield from (network.stem, *network.stem_rest)
    for cell in network.cells:
        yield from (*cell.older, *cell.newer, *cell.operations, *cell.loose_inputs.values())


def _weights(model, network) -> Iterator[tuple[str, Sequence[np.ndarray]]]:
    """The weights of the layers of the code, by their names."""
    for number, layer in enumerate((network.stem, *network.stem_rest)):
        yield from _of_layer(layer, "stem" if number == 0 else f"stem_{number}")
    for number, cell in enumerate(network.cells):
        name = f"cell_{number}"
        for layer in cell.older:
            yield from _of_layer(layer, f"{name}_older")
        for layer, suffix in zip(reversed(cell.newer), ("", "_channels"), strict=False):
            yield from _of_layer(layer, f"{name}_newer{suffix}")
        for index, layer in enumerate(cell.operations):
            node, place = divmod(index, len(_PLACES))
            yield from _of_layer(layer, f"{name}_node_{node + INPUTS + 1}{_PLACES[place]}")
        for state, layer in cell.loose_inputs.items():
            yield from _of_layer(layer, f"{name}_node_{int(state) + 1}_output")
    yield "probabilities", [np.asarray(variable) for variable in model.dense.weights]


def _of_layer(layer: OperationLayer, name: str) -> Iterator[tuple[str, Sequence[np.ndarray]]]:
    arrays = {key: np.asarray(variable) for key, variable in layer.by_name.items()}
    yield from _of_operation(layer.row, arrays, name)


def _of_operation(row: Operation, arrays: Mapping[str, np.ndarray], name: str) -> Iterator[tuple[str, Sequence]]:
    if isinstance(row, Chain):
        for number, part in enumerate(row.operations):
            prefix = f"{number}_"
            own = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
            yield from _of_operation(part, own, f"{name}_{number + 1}")
        return
    kernels = {
        Convolution: {"convolution": "kernel"},
        SeparableConvolution: {"depthwise": "kernel", "pointwise": "pointwise"},
        FactorisedReduction: {"even": "kernel_0", "odd": "kernel_1"},
    }.get(type(row))
    if kernels is None:
        return  # an operation without weights
    for suffix, key in kernels.items():
        yield f"{name}_{suffix}", [arrays[key]]
    quantities = ("scale", "offset", "moving_mean", "moving_variance")
    yield f"{name}_normalisation", [arrays[f"normalisation_{quantity}"] for quantity in quantities]
