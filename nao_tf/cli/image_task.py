"""What a program for images is given by its flags: the data, and the architecture."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from nao_tf.architecture import Architecture, Bounded, Constraint, ConvolutionalSpace, parse_cells
from nao_tf.cli import flags, program
from nao_tf.cli.terminal import Terminal
from nao_tf.data.images import ImageData, load_images
from nao_tf.errors import InputError
from nao_tf.training.image_settings import ImagePreset, ImageTraining


def given_architecture(space: ConvolutionalSpace) -> Architecture | None:
    """The architecture of --architecture, of this or of another space; None without one. Raises ArchitectureError."""
    return None if flags.ARCHITECTURE.value is None else parse_cells(flags.ARCHITECTURE.value, space)


def images(settings: Callable[[int], tuple]) -> tuple[ImageData, tuple]:
    """The images of --task and the settings for so many of them.

    Args:
        settings: gives for a number of training images what is to be done with them, and the trainings of it.

    Returns:
        The images, and what `settings` gave.

    Raises:
        InputError: there are no such images, or fewer than a batch.
    """
    task = flags.TASK.value
    if task == "images":
        program.load_tensorflow()  # it decodes the files
    data = load_images(task, flags.DATA_DIR.value, flags.DOWNLOAD.value, image_size=flags.IMAGE_SIZE.value)
    chosen, trainings = settings(len(data.train))
    for training in trainings:  # refused before anything is written
        if training.batch_size > len(data.train):
            raise InputError(
                f"batches of {training.batch_size} images; {data.source} has {len(data.train)} to train with; "
                "give a smaller --batch_size"
            )
    return data, chosen


def tell_sample(terminal: Terminal, data: ImageData) -> None:
    """Tells people when it is the embedded sample; behind all that may be wrong with the input."""
    if data.name != flags.TASK.value:
        terminal.say(f"NOTICE: no {flags.TASK.value} data was given; running on the embedded sample {data.name}")


def described(data: ImageData) -> dict:
    """The data, for --dry_run."""
    return {
        "dataset": data.name,
        "source": data.source,
        "images": {name: len(getattr(data, name)) for name in ("train", "valid", "test")},
        "image_shape": list(data.shape),
        "classes": len(data.class_names),
    }


def described_model(data: ImageData, training: ImageTraining, given: Architecture | None) -> dict:
    """An architecture and the size of its final model, for --dry_run; without one all None. Loads TensorFlow."""
    from nao_tf.training.image_models import classifier_size

    size = None if given is None else classifier_size(training, data, architecture=given)
    return {
        "architecture": None if given is None else list(given.values),
        "space": None if given is None else given.space.name,
        "text": None if given is None else given.text,
        "parameters": None if size is None else size.parameters,
        "multiply_adds": None if size is None else size.multiply_adds,
    }


def bounded(space: ConvolutionalSpace, data: ImageData, preset: ImagePreset) -> ConvolutionalSpace:
    """The space of a search, with the bounds of --max_parameters and --max_flops on its final models.

    Raises:
        ArchitectureError: no architecture of the space is so small.
    """
    bounds = {"max_parameters": preset.max_parameters, "max_flops": preset.max_flops}
    bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    if not bounds:
        return space
    program.load_tensorflow()
    from nao_tf.training.image_models import classifier_size

    @functools.cache
    def excess(architecture):
        size = classifier_size(preset.final, data, architecture=architecture)
        found = {"max_parameters": size.parameters, "max_flops": size.multiply_adds}
        return max(found[name] / bound for name, bound in bounds.items())

    said = " and ".join(f"--{name}={bound:,}" for name, bound in bounds.items())
    name = f"{said} with {preset.final.layers} layers of {preset.final.filters} filters"
    found = Bounded(space, Constraint(excess, name))
    found.sample(np.random.default_rng(0))  # refused before anything is written
    return found


def data_line(data: ImageData) -> str:
    """The data, for people."""
    parts = ", ".join(f"{len(getattr(data, name)):,} {name}" for name in ("train", "valid", "test"))
    return f"images {data.name} ({data.source}): {parts}, {len(data.class_names)} classes"
