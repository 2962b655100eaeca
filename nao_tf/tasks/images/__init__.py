"""Image classifiers: pairs of convolutional cells for CIFAR-10, CIFAR-100 and anyone's folders of images.

Importing this loads no TensorFlow; making an evaluator or a final model does.
"""

from nao_tf.tasks.images.presets import PRESETS
from nao_tf.tasks.images.settings import ImageSettings, OwnImages
from nao_tf.tasks.images.task import ImageTask

__all__ = ["PRESETS", "ImageSettings", "ImageTask", "OwnImages"]
