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
from nao_tf.training.language import LanguageTrainer
from nao_tf.training.language_networks import KerasLstm  # noqa: E402
from nao_tf.training.language_settings import LanguageTraining  # noqa: E402
from nao_tf.training.training import run  # noqa: E402

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
    """Stops a training."""


CELL, LSTM = RecurrentSpace().parse("NAO"), KerasLstm(SETTINGS.units)


def trainer_of(settings, network, devices):
    """A trainer on one device or on several."""
    return LanguageTrainer(settings, train=TRAIN, valid=VALID, vocabulary_size=V, network=network, devices=devices)


def of_equal_steps(network, devices):
    """The losses of all steps, the likelihood of another text before and after, and the traces of the step."""
    trainer = trainer_of(SETTINGS, network, devices)
    training = trainer.training
    training.start(1)
    untrained = trainer.likelihood(network)
    losses = [run(training, seed=1, steps=steps) for steps in range(1, STEPS + 1)]
    return {
        "losses": losses,
        "untrained": untrained,
        "valid": trainer.likelihood(network),
        "traces": training.program.experimental_get_tracing_count(),
    }


def of_epochs(network, devices):
    """The epochs of an undisturbed training, and of one that was stopped and went on from its file."""

    def stop(epoch):
        if epoch.epoch == STOPPED_AFTER:
            raise Stopped

    trainer, epochs, resumed = trainer_of(FINAL, network, devices), [], []
    trainer.train(1, on_epoch=epochs.append)
    after = trainer.likelihood(network)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "training.npz"
        try:
            trainer.train(1, checkpoint=file, on_epoch=stop)
        except Stopped:
            trainer.training.start(2)  # another training in between
        trainer.train(1, checkpoint=file, on_epoch=resumed.append)
    return {
        "epochs": epochs,
        "resumed": resumed,
        "best": min(trainer.history),
        "after": [after, trainer.likelihood(network)],
        "traces": trainer.training.program.experimental_get_tracing_count(),
    }


def main():
    """Prints the figures: training -> "one" or "two" devices -> results of the functions above.

    Each kind of training and of network is there once: their programs are most of the time.
    """
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored = tf.distribute.MirroredStrategy(
        ["/cpu:0", "/cpu:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    figures = {
        name: {count: measure(network, devices) for count, devices in (("one", None), ("two", mirrored))}
        for name, measure, network in (("child", of_equal_steps, LSTM), ("final", of_epochs, CELL))
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
