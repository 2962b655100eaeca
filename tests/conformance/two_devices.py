"""Trains tiny models on one device and on two logical ones, and prints both as one JSON line."""

import dataclasses
import json
import pathlib
import sys
import tempfile

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from nao_tf.architecture import RecurrentSpace  # noqa: E402
from nao_tf.training.epochs import FinalTrainer  # noqa: E402
from nao_tf.training.language import ChildTrainer  # noqa: E402
from nao_tf.training.language_settings import LanguageTraining  # noqa: E402

V, STEPS = 11, 3
SETTINGS = LanguageTraining(
    units=6, batch_size=4, window=5, steps=STEPS, optimizer="sgd", learning_rate=0.5, clip_norm=0.2, weight_decay=0.01
)
# Windows of random length, and averaging after the second epoch; no dropout, since each device draws masks of its own.
FINAL = dataclasses.replace(
    SETTINGS,
    steps=24,
    learning_rate=2.0,
    decay=False,
    activation_penalty=0.1,
    evaluation_batch=2,
    epochwise=True,
    window_deviation=2.0,
    averaging_patience=0,
)
STOPPED_AFTER = 4  # epochs; the mean of iterates has begun by then
TRAIN, VALID = np.random.default_rng(0).integers(V, size=[2, 100]).astype(np.int32)


class Stopped(Exception):
    """What stops a training."""


def of_a_child(kind, architecture, strategy):
    """The losses of all steps, the likelihood of another text before and after, and the traces of the step."""
    trainer = ChildTrainer(SETTINGS, TRAIN, VALID, V, kind, strategy)
    trainer.start(1)
    untrained = trainer.evaluate(architecture)
    losses = [trainer.train(architecture, seed=1, steps=steps) for steps in range(1, STEPS + 1)]
    return {"losses": losses, "untrained": untrained, "valid": trainer.evaluate(architecture), "traces": trainer.traces}


def of_a_final_model(kind, architecture, strategy):
    """What an undisturbed final training says of its epochs, and one that was stopped and went on from its file."""

    def stop(epoch):
        if epoch.epoch == STOPPED_AFTER:
            raise Stopped

    trainer, epochs, resumed = FinalTrainer(FINAL, TRAIN, VALID, V, kind, strategy), [], []
    best = trainer.train(architecture, seed=1, on_epoch=epochs.append)
    after = trainer.evaluate(architecture)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "training.npz"
        try:
            trainer.train(architecture, seed=1, save_to=file, on_epoch=stop)
        except Stopped:
            trainer.start(2)  # something else in between
        trainer.train(architecture, seed=1, save_to=file, on_epoch=resumed.append)
    return {
        "epochs": epochs,
        "resumed": resumed,
        "best": best,
        "after": [after, trainer.evaluate(architecture)],
        "traces": trainer.traces,
    }


def main():
    """Prints the figures: measured -> kind -> "one" or "two" devices -> what the functions above say."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored = tf.distribute.MirroredStrategy(
        ["/cpu:0", "/cpu:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    found = {
        name: {
            kind: {
                count: measure(kind, architecture, strategy) for count, strategy in (("one", None), ("two", mirrored))
            }
            for kind, architecture in (("stand_alone", RecurrentSpace().published["NAO"]), ("lstm", ()))
        }
        for name, measure in (("child", of_a_child), ("final", of_a_final_model))
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
