"""Times the hot loops; with --peers, alternately with the eager PyTorch programs that do the same work.

Prints `NAME median_ms=… min_ms=… n=…` for each figure, as the peers do. With --peers=DIR and --peers_python=PYTHON (a
Python that has torch) each round runs the peer and then this program in processes of their own, and the last lines are
the ratios: median over the rounds of the medians.

    python benchmarks/speed.py --peers=DIR --peers_python=PYTHON
    python benchmarks/speed.py --only=rnn_train --units=128 --batch=64 --vocabulary=10000
    python benchmarks/speed.py --only=final_train --peers=DIR --peers_python=PYTHON --rounds=1 --repeats=3
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

IMAGES = 64  # of a batch
SIZES = ((64, 32, 2000), (128, 64, 10_000), (300, 256, 10_000))  # units, batch, vocabulary
FINAL = (850, 64, 10_000)  # of the published final training
EVALUATED = 4  # batches of an evaluation of images
LOOPS = ("rnn_train", "rnn_evaluate", "epd_train", "cnn_train", "cnn_data", "cnn_evaluate", "matmul", "final_train")


def report(name, call, repeats, warmup=3, steps=1):
    """Prints the median and the least wall time of a step; a call makes `steps` of them."""
    for _ in range(warmup):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start) / steps)
    print(f"{name} median_ms={statistics.median(times):.2f} min_ms={min(times):.2f} n={repeats}", flush=True)


def time_recurrent(arguments, only):
    """A step of the shared child with the published settings, and an evaluation of one window."""
    import dataclasses

    import numpy as np
    import tensorflow as tf

    from nao_tf.architecture import RecurrentSpace
    from nao_tf.training.language_children import SharedLanguageChild
    from nao_tf.training.language_settings import SHARED_TRAININGS

    generator, space = np.random.default_rng(0), RecurrentSpace()
    batch, window, words = arguments.batch or 32, arguments.steps, arguments.vocabulary
    settings = dataclasses.replace(
        SHARED_TRAININGS["paper"],
        units=arguments.units,
        batch_size=batch,
        steps=5,
        window=window,
        evaluation_batch=batch,
    )
    train = generator.integers(0, words, batch * (10 * window + 1)).astype(np.int32)
    valid = train[: batch * window + 1]  # one window of `batch` sequences
    child = SharedLanguageChild(settings, train=train, valid=valid, vocabulary_size=words)
    child.start(1)
    label = f"units={arguments.units} batch={batch} vocabulary={words}"

    def draw():
        return space.complete((), generator)

    if "rnn_train" in only:
        pool = [draw() for _ in range(100)]
        steps = settings.steps
        report(
            f"rnn_train {label}",
            lambda: child.train_together(pool, seed=1),
            arguments.repeats,
            warmup=2,
            steps=steps,
        )
    if "rnn_evaluate" in only:
        report(f"rnn_evaluate {label}", lambda: child.likelihood(draw()), arguments.repeats)
    if "matmul" in only:
        one = tf.random.normal([batch * window, arguments.units])
        other = tf.random.normal([arguments.units, words])
        product = tf.function(lambda: tf.matmul(one, other), jit_compile=True)
        report(f"matmul {label}", lambda: product().numpy(), arguments.repeats)
        softmax, cell = 2 * arguments.units * words, 12 * 4 * arguments.units**2  # operations a token, forward
        step = 3 * (softmax + cell) * batch * window  # and twice that backward
        print(f"operations {label} train={step / 1e9:.2f}e9 matmul={softmax * batch * window / 1e9:.2f}e9", flush=True)


def time_classifier(arguments, only):
    """A step of the shared child with its batch from the pipeline, a batch alone, and a batch of an evaluation.

    The auxiliary head is left out: the peer has none.
    """
    import dataclasses

    import numpy as np

    from nao_tf.architecture import ConvolutionalSpace
    from nao_tf.data.image_batches import training_batches
    from nao_tf.data.images import ImageData, Part
    from nao_tf.training.image_children import SharedImageChild
    from nao_tf.training.image_settings import SHARED_TRAININGS

    generator, space = np.random.default_rng(0), ConvolutionalSpace("enas")
    filters, layers, batch = arguments.filters, arguments.layers, arguments.batch or IMAGES
    settings = dataclasses.replace(
        SHARED_TRAININGS["paper"],
        filters=filters,
        layers=layers,
        batch_size=batch,
        steps=20,
        evaluation_batch=batch,
        auxiliary_weight=0.0,
    )

    def part(count):
        images = generator.integers(0, 256, [count, 32, 32, 3]).astype(np.uint8)
        return Part(images, generator.integers(0, 10, count).astype(np.int32))

    data = ImageData("images", "random", tuple("0123456789"), part(20 * batch), part(EVALUATED * batch), part(batch))
    child = SharedImageChild(settings, data=data, space=space)
    child.start(1)
    label = f"filters={filters} layers={layers} batch={batch}"

    def draw():
        return space.complete((), generator)

    if "cnn_train" in only:
        pool, steps = [draw() for _ in range(100)], settings.steps
        repeats = max(3, arguments.repeats // 4)
        report(f"cnn_train {label}", lambda: child.train_together(pool, seed=1), repeats, warmup=2, steps=steps)
    if "cnn_data" in only:
        batches = iter(training_batches(data.train, batch, seed=1, steps=10**6))
        report(f"cnn_data {label}", lambda: next(batches), arguments.repeats)
    if "cnn_evaluate" in only:
        report(f"cnn_evaluate {label}", lambda: child.quality(draw()), arguments.repeats, steps=EVALUATED)


def time_final(arguments):
    """A step of the published final training of one cell, and the highest memory of the process."""
    import dataclasses
    import resource

    import numpy as np

    from nao_tf.architecture import RecurrentSpace
    from nao_tf.training.language import LanguageTrainer
    from nao_tf.training.language_settings import final_training

    batch, window, words = arguments.batch or 32, arguments.steps, arguments.vocabulary
    settings = dataclasses.replace(
        final_training("paper", "ptb"), units=arguments.units, batch_size=batch, window=window
    )
    train = np.random.default_rng(0).integers(0, words, batch * (10 * window + 1)).astype(np.int32)
    trainer = LanguageTrainer(
        settings,
        train=train,
        valid=train[: batch * window + 1],
        vocabulary_size=words,
        network=RecurrentSpace().architecture(final_architecture()),
    )
    trainer.training.start(1)
    seconds = trainer.training.seconds_of_steps(arguments.repeats)
    print(
        f"final_train units={arguments.units} batch={batch} vocabulary={words} "
        f"median_ms={1e3 * statistics.median(seconds):.2f} min_ms={1e3 * min(seconds):.2f} n={len(seconds)} "
        f"peak_mb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}",
        flush=True,
    )


def final_architecture():
    """The cell of `final_train`, of this program and of the peer."""
    from nao_tf.architecture import RecurrentSpace

    return RecurrentSpace().published["NAO-WS"]


def time_controller(arguments):
    """A training step of the controller at the published sizes on 100 architectures, as `Controller.fit` runs it."""
    import dataclasses

    import numpy as np

    from nao_tf import controller
    from nao_tf.architecture import RecurrentSpace

    generator, space = np.random.default_rng(0), RecurrentSpace()
    pool = [space.sample(generator) for _ in range(100)]
    scores = generator.random(len(pool))
    short, long = (
        dataclasses.replace(controller.PRESETS["paper"], epochs=None, steps=steps, batch_size=100, held_out=0.0)
        for steps in (100, 200)
    )
    times = {100: [], 200: []}
    for settings in (short, long):
        controller.Controller.fit(space, pool, scores, settings=settings, seed=1)  # compiles
    for _ in range(max(3, arguments.repeats // 5)):
        for settings in (short, long):
            start = time.perf_counter()
            controller.Controller.fit(space, pool, scores, settings=settings, seed=1)
            times[settings.steps].append(time.perf_counter() - start)
    steps = [10 * (b - a) for a, b in zip(times[100], times[200], strict=True)]  # of 100 steps, in ms a step
    print(
        f"epd_train batch=100 median_ms={statistics.median(steps):.2f} min_ms={min(steps):.2f} n={len(steps)}",
        flush=True,
    )


def figures(command):
    """Name and median of every line that a program prints; what else it says of memory is passed on."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    for line in re.findall(r"^.*peak_mb=.*$", done.stdout, re.MULTILINE):
        print(line, flush=True)
    return {
        re.sub("^torch_| channels_last=.*", "", match[1]): float(match[2])
        for match in re.finditer(r"^(\S.*?) median_ms=([\d.]+)", done.stdout, re.MULTILINE)
    }


def alternate(arguments, only):
    """Runs peers and this program in turn and prints the ratios."""
    peers, python = pathlib.Path(arguments.peers), arguments.peers_python

    def sized(units, batch, words):
        return [f"--units={units}", f"--batch={batch}", f"--vocabulary={words}", f"--repeats={arguments.repeats}"]

    pairs = []
    if recurrent := [name for name in only if name in ("rnn_train", "rnn_evaluate")]:
        for size in map(sized, *zip(*SIZES, strict=True)):
            pairs.append(([python, peers / "torch_rnn_step.py", *size], [f"--only={','.join(recurrent)}", *size]))
    if "epd_train" in only:
        pairs.append(([python, peers / "torch_epd_step.py"], ["--only=epd_train"]))
    if "final_train" in only:
        cell = f"--architecture={' '.join(map(str, final_architecture()))}"
        peer = [python, ROOT / "benchmarks" / "torch_final_step.py", cell, *sized(*FINAL)]
        pairs.append((peer, ["--only=final_train", *sized(*FINAL)]))
    if images := [name for name in only if name in ("cnn_train", "cnn_evaluate")]:
        size = [f"--filters={arguments.filters}", f"--layers={arguments.layers}"]
        size += [f"--batch={arguments.batch or IMAGES}", f"--repeats={arguments.repeats}"]
        for channels_last in (0, 1):  # as the peer is by default, and in its faster form
            peer = [python, peers / "torch_cnn_step.py", *size, f"--channels_last={channels_last}"]
            pairs.append((peer, [f"--only={','.join(images)}", *size]))
    for peer, own in pairs:
        found: dict[str, tuple[list, list]] = {}
        for _ in range(arguments.rounds):
            for side, command in enumerate((peer, [sys.executable, __file__, *own])):
                for name, median in figures(command).items():
                    found.setdefault(name, ([], []))[side].append(median)
        for name, (theirs, ours) in found.items():
            if not ours:  # the peer times more than was asked for
                continue
            one, other = statistics.median(theirs), statistics.median(ours)
            form = " peer's channels last" if "--channels_last=1" in peer else ""
            ratio = f"peer_ms={one:.2f} own_ms={other:.2f} ratio={one / other:.2f} rounds={len(ours)}"
            print(f"{name}{form} {ratio}", flush=True)


def main():
    """Reads the arguments and times what they ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"units": 64, "steps": 35, "vocabulary": 2000, "filters": 20, "layers": 6, "repeats": 20, "rounds": 3}
    parser.add_argument("--batch", type=int, help=f"default: 32 texts, {IMAGES} images")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default=",".join(LOOPS), help=f"of {', '.join(LOOPS)}, with commas")
    parser.add_argument("--peers", help="folder of the PyTorch programs")
    parser.add_argument("--peers_python", default="python3", help="a Python that has torch")
    arguments = parser.parse_args()
    only = arguments.only.split(",")
    unknown = set(only) - set(LOOPS)
    if unknown:
        parser.error(f"--only: {', '.join(sorted(unknown))} is not of {', '.join(LOOPS)}")
    if arguments.peers:
        return alternate(arguments, only)
    if {"rnn_train", "rnn_evaluate", "matmul"} & set(only):
        time_recurrent(arguments, only)
    if {"cnn_train", "cnn_data", "cnn_evaluate"} & set(only):
        time_classifier(arguments, only)
    if "epd_train" in only:
        time_controller(arguments)
    if "final_train" in only:
        time_final(arguments)


if __name__ == "__main__":
    main()
