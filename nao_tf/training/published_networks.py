"""The networks that the authors published by name, and how they were trained.

A network is more than its cells: the structure around them, their number, their filters and a training belong to it.
The three named NAONet-A, NAONet-B and NAONet-V2 are those of the authors' PyTorch program, whose scripts the values
are from.
"""

import dataclasses
from collections.abc import Mapping

from nao_tf.architecture import Architecture
from nao_tf.architecture.published_cells import published_name
from nao_tf.child.images.macro import published_macro
from nao_tf.training.image_settings import ImageTraining

IMAGENET = "imagenet"  # the task

# 600 epochs of 50,000 images; drop-path of NAO-V2's program spares identities, that of the first one does not
_NAONET_A_36 = ImageTraining(
    filters=36,
    layers=18,
    batch_size=128,
    steps=600 * 390,
    learning_rate=0.025,
    nesterov=False,
    weight_decay=3e-4,
    dropout=0.4,
    drop_path=0.2,
    cutout=16,
    auxiliary_weight=0.4,
    macro="nao_pytorch",
    drop_identity=True,
)
# The mobile setting: pictures of 224 pixels, 250 epochs of 1,281,167. For n times the batch size the authors give n
# times the learning rate.
MOBILE = ImageTraining(
    filters=42,
    layers=12,
    batch_size=128,
    steps=250 * 10_009,
    learning_rate=0.1,
    decay_rate=0.97,
    nesterov=False,
    weight_decay=3e-5,
    label_smoothing=0.1,
    auxiliary_weight=0.4,
    evaluation_batch=100,
    stem="imagenet",
    color_jitter=0.4,
)


@dataclasses.dataclass(frozen=True)
class PublishedNetwork:
    """A network by its published name.

    Attributes:
        cells: the name of its pair of cells, see `architecture.published_cells`.
        training: on CIFAR-10; the same on CIFAR-100.
    """

    cells: str
    training: ImageTraining


PUBLISHED_NETWORKS: Mapping[str, PublishedNetwork] = {
    "NAONet-A-36": PublishedNetwork("NAONet-A", _NAONET_A_36),
    "NAONet-A-128": PublishedNetwork(
        "NAONet-A", dataclasses.replace(_NAONET_A_36, filters=128, weight_decay=5e-4, drop_path=0.3)
    ),
    "NAONet-B-36": PublishedNetwork("NAONet-B", _NAONET_A_36),
    "NAONet-V2-36": PublishedNetwork("NAONet-V2", dataclasses.replace(_NAONET_A_36, drop_identity=False)),
}
# What cells alone are called after: the network that their best published figure is of.
_OF_CELLS: Mapping[str, str] = {
    "NAONet-A": "NAONet-A-128",
    "NAONet-B": "NAONet-B-36",
    "NAONet-V2": "NAONet-V2-36",
}
_IMAGENET_FILTERS: Mapping[str, int] = {"NAONet-A": 42, "NAONet-V2": 52}


def cells_in(text: str) -> str:
    """The cells of a network that a text names; any other text as it is."""
    network = PUBLISHED_NETWORKS.get(text.strip())
    return text if network is None else network.cells


def published_training(text: str, architecture: Architecture, *, task: str) -> ImageTraining | None:
    """How a published network was trained; None if its training is that of its space.

    Args:
        text: as the user wrote it; a name tells two networks of the same cells apart.
        architecture: that the text names.
        task: "cifar10", "cifar100" or "imagenet".
    """
    cells = published_name(architecture)
    if task == IMAGENET:
        filters = _IMAGENET_FILTERS.get(cells or "", MOBILE.filters)
        return dataclasses.replace(MOBILE, filters=filters, macro=published_macro(architecture))
    network = PUBLISHED_NETWORKS.get(text.strip()) or PUBLISHED_NETWORKS.get(_OF_CELLS.get(cells or "", ""))
    return None if network is None else network.training
