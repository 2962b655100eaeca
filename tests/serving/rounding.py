"""What the formats of exported weights make of a model, computed apart from the code that is tested."""

import numpy as np


def rounded(values, weights, by_row):
    """The values that a reader of the export sees, of one variable."""
    if weights == "float32" or values.ndim == 1:
        return values
    if weights == "float16":
        return values.astype(np.float16).astype(np.float32)
    outputs = np.moveaxis(values, -1 if by_row else -2, 0)  # a scale for each entry of what comes behind
    found = np.empty_like(outputs)
    for index in np.ndindex(outputs.shape[1:]):
        column = outputs[(slice(None), *index)]
        step = max(abs(column.min()), abs(column.max())) / 127
        found[(slice(None), *index)] = np.floor(column / step + 0.5) * step
    return np.moveaxis(found, 0, -1 if by_row else -2)


def give_rounded(model, weights):
    """Gives a language model the weights that its export has."""
    for variable in model.variables:
        variable.assign(rounded(np.asarray(variable), weights, by_row=variable is model.embedding))
