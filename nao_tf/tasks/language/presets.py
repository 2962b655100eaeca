"""The presets of studies of language models: the authors' search, and what a small machine can do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from nao_tf.controller.settings import PRESETS as CONTROLLERS
from nao_tf.search.strategies.nao import PUBLISHED_ASCENT, AscentSettings
from nao_tf.tasks.language.settings import LanguageSettings
from nao_tf.tasks.task import without_ladder
from nao_tf.training.language_settings import FINALIST_TRAININGS, SCRATCH_TRAININGS, SHARED_TRAININGS

# The authors' search with weight sharing (their NAO-WS); scores from scratch as their final models are trained.
_PUBLISHED = LanguageSettings(
    budget=2400,  # 1000 + 4 rounds
    initial=1000,
    proposals=350,
    finalists=10,
    controller=CONTROLLERS["paper"],
    ascent=dataclasses.replace(
        PUBLISHED_ASCENT,
        random_share=1 / 7,  # up to 300 of the controller, 50 random
        step_sizes=tuple(range(1, 31)),
    ),
    weight_sharing=True,
    score=SHARED_TRAININGS["paper"],
    final=FINALIST_TRAININGS["paper"],
)
_CPU = LanguageSettings(
    budget=50,  # in children of 1,000 steps: about 100 of the first rung and 25 of the second
    rungs=(250, 1000),  # docs/results/penn_treebank.md, "How long must the children of the preset train?"
    initial=40,
    proposals=10,
    finalists=2,
    ascent=AscentSettings(ascents=1, exploration=0.0),  # with which the figures in docs/results were measured
    weight_sharing=False,
    score=SCRATCH_TRAININGS["cpu"],
    final=FINALIST_TRAININGS["cpu"],
)
PRESETS: Mapping[str, Mapping[bool, LanguageSettings]] = {  # by name, then by weight sharing
    "cpu": {
        False: _CPU,
        True: dataclasses.replace(without_ladder(_CPU), weight_sharing=True, score=SHARED_TRAININGS["cpu"]),
    },
    "paper": {
        True: _PUBLISHED,
        False: dataclasses.replace(_PUBLISHED, weight_sharing=False, score=SCRATCH_TRAININGS["paper"]),
    },
}
