"""Trains a tiny image classifier on one device and on two logical ones, and prints both as one JSON line."""

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from nao_tf.architecture import ConvolutionalSpace  # noqa: E402
from nao_tf.data.images import ImageData, Part  # noqa: E402
from nao_tf.training.image_models import make_classifier  # noqa: E402
from nao_tf.training.image_settings import ImageTraining  # noqa: E402
from nao_tf.training.images import ClassifierTrainer  # noqa: E402

STEPS = 3
SETTINGS = ImageTraining(
    filters=2, layers=1, batch_size=8, steps=STEPS, learning_rate=0.1, clip_norm=0.5, weight_decay=0.01, shift=1,
    auxiliary_weight=0.4,
)  # fmt: skip


def main():
    """Prints the losses of all steps, the loss on other images before and after, and the traces of the step."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    generator = np.random.default_rng(0)
    parts = [
        Part(generator.integers(0, 256, [count, 8, 8, 3]).astype(np.uint8), np.arange(count, dtype=np.int32) % 3)
        for count in (24, 10, 10)
    ]
    data = ImageData("images", "here", ("a", "b", "c"), *parts)
    architecture = ConvolutionalSpace("enas").parse("NAO-WS")
    mirrored = tf.distribute.MirroredStrategy(
        ["/cpu:0", "/cpu:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )

    def make():
        return make_classifier(SETTINGS, data, architecture=architecture)

    figures = {}
    for name, strategy in (("one", None), ("two", mirrored)):
        trainer = ClassifierTrainer(SETTINGS, data, make, strategy)
        evaluate = trainer.evaluator(data.valid)
        trainer.start(1)
        untrained = evaluate().loss
        losses = []
        trainer.train(seed=1, report=lambda step, loss, losses=losses: losses.append(loss))
        figures[name] = {
            "losses": losses,
            "untrained": untrained,
            "valid": evaluate().loss,
            "traces": trainer.traces,
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
