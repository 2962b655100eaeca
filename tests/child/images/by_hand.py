"""Operations and cells in plain NumPy, by their definitions, with the weights of the layers that they check."""

import numpy as np

from nao_tf.child.images.normalisation import EPSILON
from nao_tf.child.images.operations import (
    Chain,
    Convolution,
    CrossedConvolutions,
    FactorisedReduction,
    Identity,
    Pooling,
    SeparableConvolution,
    Zero,
)

GENERATOR = np.random.default_rng(0)


def windows(values, height, width, stride, dilation=1, outside=0.0):
    """What every place of a padded kernel sees, `[B, H', W', h, w, C]`; TensorFlow's SAME padding by its definition."""
    sizes, padding = [], [(0, 0)]
    strides = stride if isinstance(stride, tuple) else (stride, stride)
    for size, kernel, step in zip(values.shape[1:3], (height, width), strides, strict=True):
        reach = (kernel - 1) * dilation + 1
        count = -(-size // step)
        total = max((count - 1) * step + reach - size, 0)
        sizes.append(count)
        padding.append((total // 2, total - total // 2))
    padded = np.pad(values, [*padding, (0, 0)], constant_values=outside)
    seen = np.empty([len(values), *sizes, height, width, values.shape[-1]])
    for row in range(height):
        for column in range(width):
            top, left = row * dilation, column * dilation
            part = padded[:, top : top + (sizes[0] - 1) * strides[0] + 1 : strides[0]]
            seen[:, :, :, row, column] = part[:, :, left : left + (sizes[1] - 1) * strides[1] + 1 : strides[1]]
    return seen


def normalised(values, weights):
    """With the statistics of the batch."""
    mean, variance = values.mean((0, 1, 2)), values.var((0, 1, 2))
    standard = (values - mean) / np.sqrt(variance + EPSILON)
    return standard * weights["normalisation_scale"] + weights["normalisation_offset"]


def convolution(row, values, weights, stride):
    """Of a `Convolution`."""
    values = np.maximum(values, 0) if row.relu else values
    seen = windows(values, row.height, row.width, stride)
    return normalised(np.einsum("bxyhwc,hwcf->bxyf", seen, weights["kernel"]), weights)


def separable(row, values, weights, stride):
    """Of a `SeparableConvolution`."""
    seen = windows(np.maximum(values, 0), row.size, row.size, stride, row.dilation)
    values = np.einsum("bxyhwc,hwcm->bxyc", seen, weights["kernel"])
    return normalised(values @ weights["pointwise"][0, 0], weights)


def reduction(row, values, weights, stride):
    """Of a `FactorisedReduction`."""
    values = np.maximum(values, 0) if row.relu else values
    shifted = np.pad(values[:, 1:, 1:], [(0, 0), (0, 1), (0, 1), (0, 0)])
    halves = [part[:, ::2, ::2] @ weights[name][0, 0] for part, name in ((values, "kernel_0"), (shifted, "kernel_1"))]
    return normalised(np.concatenate(halves, -1), weights)


def pooling(row, values, weights, stride):
    """Of a `Pooling`."""
    if row.kind == "average":
        seen, counts = (windows(array, row.size, row.size, stride) for array in (values, np.ones_like(values)))
        return seen.sum((3, 4)) / counts.sum((3, 4))
    sign = -1 if row.kind == "min" else 1
    return sign * windows(sign * values, row.size, row.size, stride, outside=-np.inf).max((3, 4))


def chain(row, values, weights, stride):
    """Of a `Chain`."""
    for number, part in enumerate(row.operations):
        own = {name[2:]: weight for name, weight in weights.items() if name.startswith(f"{number}_")}
        values = BY_HAND[type(part)](part, values, own, 1 if number else stride)
    return values


def crossed(row, values, weights, stride):
    """Of `CrossedConvolutions`: the stride of the width first, where it is divided."""
    strides = [(1, stride), (stride, 1)] if row.divided else [stride, 1]
    for number, (part, own) in enumerate(zip(row.operations, strides, strict=True)):
        named = {name[2:]: weight for name, weight in weights.items() if name.startswith(f"{number}_")}
        values = convolution(part, values, named, own)
    return values


BY_HAND = {
    Zero: lambda row, values, weights, stride: np.zeros_like(values[:, ::stride, ::stride]),
    Identity: lambda row, values, weights, stride: values,
    Pooling: pooling,
    Convolution: convolution,
    SeparableConvolution: separable,
    FactorisedReduction: reduction,
    Chain: chain,
    CrossedConvolutions: crossed,
}


def layer_by_hand(layer, values):
    """What a layer around an operation should compute in training."""
    weights = {name: np.asarray(variable) for name, variable in layer.by_name.items()}
    return BY_HAND[type(layer.row)](layer.row, values, weights, layer.stride)


def cell_by_hand(cell, older, newer):
    """What a `ConvolutionalCell` should compute in training."""
    for layer in cell.older:
        older = layer_by_hand(layer, older)
    for layer in cell.newer:
        newer = layer_by_hand(layer, newer)
    states, operations = [older, newer], iter(cell._operations)
    for node in cell.cell.nodes:
        states.append(sum(layer_by_hand(next(operations), states[branch.source]) for branch in node))
    read = {branch.source for node in cell.cell.nodes for branch in node}
    for state, layer in cell.loose_inputs.items():
        states[int(state)] = layer_by_hand(layer, states[int(state)])
    return np.concatenate([state for at, state in enumerate(states) if at not in read], -1)


def floats(*shape):
    """Normal numbers, float32."""
    return GENERATOR.normal(size=shape).astype(np.float32)


def randomise(layer):
    """Gives a layer random weights."""
    for weight in layer.trainable_weights:
        weight.assign(GENERATOR.normal(size=weight.shape))


def assert_close(result, expected):
    """Equal up to the rounding of float32."""
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
