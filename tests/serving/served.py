"""An export as others than this package see it."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf


def serve(export, signature, *, folder, **inputs):
    """Outputs of a signature by name, from the command that comes with TensorFlow; `folder` is for its files."""
    (folder / "answer").mkdir(parents=True)
    names = []
    for name, value in inputs.items():
        np.save(folder / f"{name}.npy", value)
        names.append(f"{name}={folder / name}.npy")
    tool = pathlib.Path(sys.executable).with_name("saved_model_cli")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [tool, "run", "--dir", export, "--tag_set", "serve", "--signature_def", signature]
    command += ["--inputs", ";".join(names), "--outdir", folder / "answer"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {path.stem: np.load(path) for path in (folder / "answer").glob("*.npy")}


def named_with_a_free_batch(export):
    """Names of inputs and outputs of every signature; fails where the first dimension of an input is fixed."""
    names = {}
    for signature, function in tf.saved_model.load(export).signatures.items():
        inputs = function.structured_input_signature[1]
        assert all(spec.shape[0] is None for spec in inputs.values()), signature
        names[signature] = (set(inputs), set(function.structured_outputs))
    return names
