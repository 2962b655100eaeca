"""Tasks: what is learned, on which data, how an architecture gets its score and becomes a final model."""

from collections.abc import Mapping

from nao_tf.tasks.imagenet import ImageNetTask
from nao_tf.tasks.images.task import ImageTask
from nao_tf.tasks.language.task import LanguageTask
from nao_tf.tasks.table import TableTask
from nao_tf.tasks.task import Task

# The tasks by their names. Importing them loads no TensorFlow.
TASKS: Mapping[str, type[Task]] = {
    name: kind for kind in (LanguageTask, ImageTask, ImageNetTask, TableTask) for name in kind.names
}
