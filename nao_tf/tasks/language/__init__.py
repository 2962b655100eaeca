"""Language models: recurrent cells for the Penn Treebank, WikiText-2 and anyone's own text.

Importing this loads no TensorFlow; making an evaluator or a final model does.
"""

from nao_tf.tasks.language.presets import PRESETS
from nao_tf.tasks.language.settings import LanguageSettings, OwnText
from nao_tf.tasks.language.task import LanguageTask

__all__ = ["PRESETS", "LanguageSettings", "LanguageTask", "OwnText"]
