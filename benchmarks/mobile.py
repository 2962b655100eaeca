"""The mobile setting of ImageNet on generated pictures: an epoch, its memory, and a step of plain Keras layers.

    python benchmarks/mobile.py                              # both in turn, in processes of their own, and the ratio
    python benchmarks/mobile.py --only=epoch --batch=128     # an epoch of 200 pictures of 224 pixels, peak memory
    python benchmarks/mobile.py --only=keras

`epoch` is a training as `bin/nao_train --task=imagenet --preset=paper` runs it: pictures are decoded, cropped and
changed by the pipeline, and every step has the auxiliary head, label smoothing, clipping and decay. `waited` is the
share of the time in which a step waited for its pictures. `keras` trains the network of plain Keras layers
(`plain_keras.py`) on images that are there already, in one graph, with the same loss and optimizer. Prints
`NAME median_ms=… min_ms=… n=… peak_mb=…`.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CLASSES, WARM_UP = 10, 1
LARGER = 1.3  # sides of generated files / those of images


def generate(folder: pathlib.Path, *, pictures: int, size: int) -> None:
    """Writes JPEG files of smooth noise: `train` with so many, `valid` and `test` with one of each class."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    for part, count in (("train", pictures // CLASSES), ("valid", 1), ("test", 1)):
        for name in range(CLASSES):
            (folder / part / f"n{name:02}").mkdir(parents=True)
            for number in range(count):
                coarse = generator.integers(0, 256, [12, 16, 3]).astype(np.uint8)
                sides = (round(LARGER * size * 4 / 3), round(LARGER * size))
                picture = Image.fromarray(coarse).resize(sides, Image.Resampling.BICUBIC)
                picture.save(folder / part / f"n{name:02}" / f"{number}.jpg", quality=90)


def settings_of(arguments):
    """The published training of the network, with the batch that was asked for."""
    from nao_tf.tasks.imagenet import ImageNetTask, PictureFolder

    settings = ImageNetTask.presets("imagenet", "paper", training=True, architecture=arguments.architecture)
    changes = {"batch_size": arguments.batch, "evaluation_batch": 10}
    if arguments.filters:
        changes["filters"] = arguments.filters
    data = PictureFolder(image_size=arguments.size)
    return dataclasses.replace(settings, data=data, epochs=1, final=dataclasses.replace(settings.final, **changes))


def report(name, seconds, **more):
    """Prints the figures of some steps, the first ones left out, and the highest memory of the process."""
    counted = seconds[WARM_UP:] or seconds
    told = "".join(f" {key}={value}" for key, value in more.items())
    print(
        f"{name} median_ms={1e3 * statistics.median(counted):.0f} min_ms={1e3 * min(counted):.0f} n={len(counted)}"
        f"{told} peak_mb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}",
        flush=True,
    )


def time_epoch(arguments, label):
    """An epoch through the task: its steps, what they waited for, and the validation after it."""
    from nao_tf.tasks.imagenet import ImageNetTask
    from nao_tf.training import images

    batches_of, waits, steps = images.batches_of, [], []

    def timed(*given, **named):
        batches = batches_of(*given, **named)
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            waits.append(time.perf_counter() - start)
            yield batch

    images.batches_of = timed
    with tempfile.TemporaryDirectory() as folder:
        generate(pathlib.Path(folder), pictures=arguments.pictures, size=arguments.size)
        settings = settings_of(arguments)
        settings = dataclasses.replace(settings, data=dataclasses.replace(settings.data, directory=folder))
        task = ImageNetTask.load("imagenet", settings, training=True)
        network = task.parse(arguments.architecture)
        trainer = images.ImageTrainer(task.settings.final, data=task.data, network=network)
        trainer.training.start(1)
        for number in range(task.settings.final.steps):
            start = time.perf_counter()
            trainer.training.step(number).numpy()
            steps.append(time.perf_counter() - start)
        waited = sum(waits[WARM_UP:]) / (sum(steps[WARM_UP:]) or 1)
        report(f"epoch {label}", steps, total_s=f"{sum(steps):.0f}", waited=f"{waited:.3f}")
        start = time.perf_counter()
        trainer.validate()
        print(f"validation {label} seconds={time.perf_counter() - start:.1f}", flush=True)


def time_keras(arguments, label):
    """Steps of the network of plain Keras layers on random images."""
    import keras
    import numpy as np
    import tensorflow as tf

    from benchmarks import plain_keras
    from nao_tf.architecture import ConvolutionalSpace, parse_cells

    settings = settings_of(arguments).final
    cells = parse_cells(arguments.architecture, ConvolutionalSpace("nao"))
    model = plain_keras.network(
        list(cells.values),
        settings.macro,
        filters=settings.filters,
        cells_between=settings.layers // 3,
        classes=CLASSES,
        size=arguments.size,
        large=True,
    )
    optimizer = keras.optimizers.SGD(
        settings.learning_rate,
        momentum=settings.momentum,
        global_clipnorm=settings.clip_norm,
        weight_decay=settings.weight_decay,
    )
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits, auxiliary = model((tf.cast(images, tf.float32) / 255 - 0.45) / 0.225, training=True)
            targets = tf.one_hot(labels, CLASSES)
            loss = loss_of(targets, logits) + settings.auxiliary_weight * loss_of(targets, auxiliary)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    generator, seconds = np.random.default_rng(0), []
    images = generator.integers(0, 256, [arguments.batch, arguments.size, arguments.size, 3]).astype(np.uint8)
    labels = generator.integers(0, CLASSES, arguments.batch).astype(np.int32)
    for _ in range(max(WARM_UP + 1, arguments.pictures // arguments.batch)):
        start = time.perf_counter()
        step(tf.constant(images), tf.constant(labels)).numpy()
        seconds.append(time.perf_counter() - start)
    report(f"keras {label}", seconds)


def in_turn(arguments):
    """Both programs alternately, and the ratio of the medians of their medians."""
    medians = {"epoch": [], "keras": []}
    own = [f"--{name}={getattr(arguments, name)}" for name in ("architecture", "filters", "batch", "size", "pictures")]
    for _ in range(arguments.rounds):
        for only, found in medians.items():
            command = [sys.executable, __file__, f"--only={only}", *own]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
            print(done.stdout, end="", flush=True)
            found.append(float(re.search(r"median_ms=([\d.]+)", done.stdout)[1]))
    one, other = (statistics.median(found) for found in medians.values())
    print(f"keras / epoch {other / one:.2f}", flush=True)


def main():
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("epoch", "keras"))
    parser.add_argument("--architecture", default="NAONet-A")
    parser.add_argument("--filters", type=int, default=0, help="0: as published")
    parser.add_argument("--batch", type=int, default=25)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    label = f"architecture={arguments.architecture} batch={arguments.batch} size={arguments.size}"
    if arguments.only is None:
        in_turn(arguments)
    elif arguments.only == "epoch":
        time_epoch(arguments, label)
    else:
        time_keras(arguments, label)


if __name__ == "__main__":
    main()
