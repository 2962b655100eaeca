"""Weights after storage in the formats of an export, computed independently of the tested code."""

import numpy as np


def rounded(values, weights, by_row):
    """The values of a variable as a reader of the export gets them."""
    if weights == "float32" or values.ndim == 1:
        return values
    if weights == "float16":
        return values.astype(np.float16).astype(np.float32)
    if values.ndim == 4:  # a convolution's kernel: a scale for each channel that it gives
        depthwise = values.shape[-1] == 1
        channels = np.moveaxis(values, -2 if depthwise else -1, 0)
        steps = [max(abs(channel.min()), abs(channel.max())) / 127 for channel in channels]
        whole = [np.floor(channel / step + 0.5) * step for channel, step in zip(channels, steps, strict=True)]
        return np.moveaxis(np.array(whole, np.float32), 0, -2 if depthwise else -1)
    outputs = np.moveaxis(values, -1 if by_row else -2, 0)  # a scale for each index of the other axes
    result = np.empty_like(outputs)
    for index in np.ndindex(outputs.shape[1:]):
        column = outputs[(slice(None), *index)]
        step = max(abs(column.min()), abs(column.max())) / 127
        result[(slice(None), *index)] = np.floor(column / step + 0.5) * step
    return np.moveaxis(result, 0, -1 if by_row else -2)


def assign_rounded(model, weights):
    """Assigns a model the weights of its export."""
    for variable in model.variables:
        by_row = variable is getattr(model, "embedding", None)
        variable.assign(rounded(np.asarray(variable), weights, by_row=by_row))
