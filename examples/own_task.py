"""A task of your own in one file: a dense network for a table of numbers, found, trained, tested, exported.

Run it: python examples/own_task.py [WORK_DIRECTORY]
"""

from __future__ import annotations

import hashlib
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import nao_tf
from nao_tf.architecture import Architecture
from nao_tf.data import digits
from nao_tf.observer import Observer
from nao_tf.report.terminal import TerminalObserver
from nao_tf.search.evaluator import FromScratch

DECISIONS = {
    "layers": ("1", "2", "3"),
    "units": ("16", "32", "64", "128"),
    "activation": ("relu", "tanh", "gelu", "sigmoid"),
    "dropout": ("0", "0.1", "0.3", "0.5"),
    "rate": ("0.001", "0.003", "0.01", "0.03"),
}
SPACE = nao_tf.CategoricalSpace("dense", DECISIONS)
SCORE_EPOCHS, FINAL_EPOCHS = 1, 8


class Table:
    """Rows of numbers and their classes, in three parts: the handwritten digits that the package carries."""

    def __init__(self):
        images, labels = digits.read()
        rows = images.reshape(len(images), -1).astype(np.float32) / 255
        order = np.random.default_rng(0).permutation(len(rows))
        self.train, self.valid, self.test = (
            (rows[part], labels[part]) for part in np.split(order, [int(0.7 * len(rows)), int(0.85 * len(rows))])
        )
        self.fingerprint = hashlib.sha256(rows.tobytes() + labels.tobytes()).hexdigest()


class DenseChild:
    """Trains one network after the other for its score: what `FromScratch` asks for."""

    def __init__(self, table: Table):
        self.table, self.model = table, None

    def parameters(self, architecture: Architecture) -> int:
        return network(architecture, self.table).count_params()

    def train(self, architecture: Architecture, *, seed: int, report: Callable | None = None) -> None:
        keras.utils.set_random_seed(seed)
        self.model = network(architecture, self.table)
        self.model.fit(*self.table.train, epochs=SCORE_EPOCHS, batch_size=64, verbose=0)

    def score(self, architecture: Architecture) -> float:
        return float(self.model.evaluate(*self.table.valid, verbose=0)[0])


class DenseFinal(nao_tf.FinalModel):
    """A network that is trained to the end."""

    def __init__(self, architecture: Architecture, table: Table, seed: int):
        keras.utils.set_random_seed(seed)
        self.model, self.table, self.seed = network(architecture, table), table, seed
        self.parameters, self.steps = self.model.count_params(), FINAL_EPOCHS

    def train(self, checkpoint: pathlib.Path, *, label: str, observer: Observer) -> None:
        weights = checkpoint.with_suffix(".weights.h5")
        if weights.exists():
            self.model.load_weights(weights)
            return
        keras.utils.set_random_seed(self.seed)
        for epoch in range(FINAL_EPOCHS):
            history = self.model.fit(*self.table.train, batch_size=64, verbose=0)
            observer.training(label, epoch + 1, loss=history.history["loss"][0], steps=FINAL_EPOCHS)
        weights.parent.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(weights)

    def validate(self) -> float:
        return float(self.model.evaluate(*self.table.valid, verbose=0)[1])

    def measure(self) -> dict[str, Any]:
        return {
            "validation_accuracy": self.validate(),
            "accuracy": float(self.model.evaluate(*self.table.test, verbose=0)[1]),
            "parameters": self.parameters,
        }

    def export(self, directory: pathlib.Path) -> None:
        self.model.export(directory, verbose=False)


class DenseTask(nao_tf.Task):
    """Dense networks for a table: the data, the space, scores and final models."""

    name, space = "dense", SPACE
    metric = nao_tf.Metric("validation_loss", higher_is_better=False)
    final_metric = nao_tf.Metric("validation_accuracy", higher_is_better=True, form="{:.2%}")

    def __init__(self, settings: nao_tf.StudySettings):
        super().__init__(settings)
        self.table = Table()

    def fingerprint(self) -> str:
        return self.table.fingerprint

    def evaluator(self, *, seed, directory=None, executor=None):
        return FromScratch(lambda: DenseChild(self.table), seed=seed, executor=executor)

    def final(self, network, *, seed, devices=None, steps=None):
        return DenseFinal(network, self.table, seed)


def network(architecture: Architecture, table: Table) -> keras.Model:
    """The Keras model that an architecture describes."""
    decided = SPACE.decisions_of(architecture.values)
    layers: list[keras.layers.Layer] = [keras.Input([table.train[0].shape[1]])]
    for _ in range(int(decided["layers"])):
        layers.append(keras.layers.Dense(int(decided["units"]), activation=decided["activation"]))
        layers.append(keras.layers.Dropout(float(decided["dropout"])))
    model = keras.Sequential([*layers, keras.layers.Dense(int(table.train[1].max()) + 1, activation="softmax")])
    model.compile(
        keras.optimizers.Adam(float(decided["rate"])), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def main(work: str, *, budget: int = 16) -> nao_tf.Result:
    """Searches, trains the two best to the end, compares with random search, exports."""
    task = DenseTask(nao_tf.StudySettings(budget=budget, initial=8, proposals=4, finalists=2))
    study = nao_tf.Study(task, work, strategy="evolution", observer=TerminalObserver(task, pathlib.Path(work)))
    return study.run(baselines=["random"])


if __name__ == "__main__":
    main(*sys.argv[1:] or ["runs/own_task"])
