"""A program that cannot import nao_tf: for each folder given, what the model of its found_cell.py answers.

    python -I without_the_package.py FOLDER …

A folder has the inputs of the model in inputs.npy, and gets its outputs in outputs.npy and, where printed.txt is, what
`main` prints.
"""

import contextlib
import importlib.util
import pathlib
import runpy
import sys


class Refused:
    """Refuses to import the package."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "nao_tf":
            raise ModuleNotFoundError("nao_tf is refused here")


def main():
    sys.meta_path.insert(0, Refused())
    import keras
    import numpy as np

    for folder in map(pathlib.Path, sys.argv[1:]):
        spec = importlib.util.spec_from_file_location("found_cell", folder / "found_cell.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        model = module.build_model()
        model.load_weights(module.WEIGHTS)
        inputs = np.load(folder / "inputs.npy")
        np.save(folder / "outputs.npy", keras.ops.convert_to_numpy(model(inputs)))
        if (folder / "printed.txt").exists():
            with open(folder / "printed.txt", "w") as file, contextlib.redirect_stdout(file):
                runpy.run_path(str(folder / "found_cell.py"), run_name="__main__")
    assert "nao_tf" not in sys.modules


main()
