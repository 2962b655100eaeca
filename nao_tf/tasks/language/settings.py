"""The settings of a study of language models, and where a user's own text comes from."""

from __future__ import annotations

import dataclasses

from nao_tf.architecture import NUMBERINGS
from nao_tf.search.rungs import check_ladder
from nao_tf.search.settings import StudySettings
from nao_tf.tasks.task import EXPORT_WEIGHTS, DataFiles
from nao_tf.training.language_settings import LanguageTraining


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnText(DataFiles):
    """Where a user's own text comes from.

    Attributes:
        vocabulary_size: most frequent words that are kept; none: all.
        minimum_count: rarer words become <unk>.
    """

    vocabulary_size: int | None = None
    minimum_count: int = 1

    def __post_init__(self):
        if self.vocabulary_size is not None and self.vocabulary_size < 3:
            raise ValueError(f"vocabulary of {self.vocabulary_size} words; at least 3")
        if self.minimum_count < 1:
            raise ValueError(f"minimum count of {self.minimum_count}; at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LanguageSettings(StudySettings):
    """The settings of a study of language models.

    Attributes:
        data: the corpus.
        weight_sharing: whether one shared child scores the pool, or each architecture is trained from scratch.
        score: the training that scores: of a child, or of a round of the shared child.
        rungs: training steps of the rungs of a ladder, the fewest first; the last are those of `score`. None: every
            child is trained for as many steps, those of `score`.
        final: the training of final models.
        export_weights: how an exported model's weights are stored: float32, float16 or int8; it computes in float32.
        activation_numbering: what activations 2 and 3 of given integers mean: nao_ws or nao.
    """

    data: DataFiles = DataFiles()
    weight_sharing: bool
    score: LanguageTraining
    rungs: tuple[int, ...] = ()
    final: LanguageTraining
    export_weights: str = EXPORT_WEIGHTS[0]
    activation_numbering: str = "nao_ws"

    def __post_init__(self):
        super().__post_init__()
        check_ladder(self.rungs, shared=self.weight_sharing)
        for name, known in (("export_weights", EXPORT_WEIGHTS), ("activation_numbering", NUMBERINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{getattr(self, name)!r} is not one of {', '.join(known)}")
