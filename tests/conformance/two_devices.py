"""Trains a tiny child on one device and on two logical ones, and prints both as one JSON line."""

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from nao_tf.architecture import RecurrentSpace  # noqa: E402
from nao_tf.training.language import ChildTrainer  # noqa: E402
from nao_tf.training.settings import LanguageTraining  # noqa: E402

V, STEPS = 11, 3
SETTINGS = LanguageTraining(
    units=6, batch_size=4, window=5, steps=STEPS, optimizer="sgd", learning_rate=0.5, clip_norm=0.2, weight_decay=0.01
)


def main():
    """Prints the losses of all steps, the likelihood of another text before and after, and the traces of the step."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    train, valid = np.random.default_rng(0).integers(V, size=[2, 100]).astype(np.int32)
    mirrored = tf.distribute.MirroredStrategy(
        ["/cpu:0", "/cpu:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    found = {}
    for kind, architecture in (("stand_alone", RecurrentSpace().published["NAO"]), ("lstm", ())):
        found[kind] = {}
        for name, strategy in (("one", None), ("two", mirrored)):
            trainer = ChildTrainer(SETTINGS, train, valid, V, kind, strategy)
            trainer.start(1)
            untrained = trainer.evaluate(architecture)
            losses = [trainer.train(architecture, seed=1, steps=steps) for steps in range(1, STEPS + 1)]
            found[kind][name] = {
                "losses": losses,
                "untrained": untrained,
                "valid": trainer.evaluate(architecture),
                "traces": trainer.traces,
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
