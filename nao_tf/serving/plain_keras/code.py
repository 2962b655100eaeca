"""What is written of a network: its code, its weights by layer; and lines of code that fit the width."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FILE, WEIGHTS = "found_cell.py", "found_cell.weights.h5"
WIDTH = 88  # characters of a line: what formatters take where nothing is set
INDENT = 4
MAIN = """

def main():
    model = build_model()
    model.load_weights(WEIGHTS)
    model.summary()


if __name__ == "__main__":
    main()
"""  # the end of every module


@dataclasses.dataclass(frozen=True)
class PlainCode:
    """A network as plain Keras code.

    Attributes:
        text: of a module with a function `build_model`.
        weights: of every layer that has some, by its name, in the order of `layer.weights`.
    """

    text: str
    weights: Mapping[str, Sequence[np.ndarray]]

    def build(self) -> Any:
        """The Keras model of the code, with the weights."""
        module = types.ModuleType("found_cell")
        module.__file__ = FILE
        # The text was written here, of numbers and of names in tables of this package: nothing in it is anyone's input.
        exec(compile(self.text, FILE, "exec"), module.__dict__)
        model = module.build_model()
        for name, arrays in self.weights.items():
            model.get_layer(name).set_weights(arrays)
        without = [layer.name for layer in model.layers if layer.weights and layer.name not in self.weights]
        if without:
            raise ValueError(f"no weights were given to the layers {', '.join(without)}")
        return model


def call(start: str, arguments: Sequence[str], *, end: str = ")", level: int = 0) -> str:
    """A call in one line where it fits, else an argument a line.

    Args:
        start: to the opening bracket.
        arguments: as code.
        end: from the closing bracket on.
        level: of indentation.
    """
    margin = " " * (INDENT * level)
    line = f"{margin}{start}{', '.join(arguments)}{end}"
    if len(line) <= WIDTH:
        return line
    inner = " " * INDENT
    return "\n".join([f"{margin}{start}", *(f"{margin}{inner}{argument}," for argument in arguments), f"{margin}{end}"])


def numbers(values: Sequence[float]) -> list[str]:
    """Numbers as code that reads them back; a single one with the comma that makes it a tuple of one."""
    written = [repr(float(value)) for value in values]
    return [f"{written[0]},"] if len(written) == 1 else written
