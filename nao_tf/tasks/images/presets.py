"""The presets of studies of image classifiers: the authors' searches, and what a small machine can do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from nao_tf.controller.settings import PRESETS as CONTROLLERS
from nao_tf.search.strategies.nao import PUBLISHED_ASCENT
from nao_tf.tasks.images.settings import ImageSettings
from nao_tf.training.image_settings import FINAL_TRAININGS, SCRATCH_TRAININGS, SHARED_TRAININGS

# The authors' searches: with weight sharing in the space `enas`, without it in the space of the paper.
_PUBLISHED = ImageSettings(
    budget=3200,  # 1000 + 4 rounds
    initial=1000,
    proposals=550,
    finalists=5,
    controller=CONTROLLERS["paper"],
    ascent=dataclasses.replace(
        PUBLISHED_ASCENT,
        random_share=1 / 11,  # up to 500 of the controller, 50 random
        step_sizes=tuple(range(1, 101)),
    ),
    space="enas",
    weight_sharing=True,
    score=SHARED_TRAININGS["paper"],
    final=FINAL_TRAININGS["paper"],
)
_CPU = ImageSettings(
    budget=48,
    initial=24,
    proposals=8,
    finalists=1,
    space="nao",
    weight_sharing=False,
    score=SCRATCH_TRAININGS["cpu"],
    final=FINAL_TRAININGS["cpu"],
)
PRESETS: Mapping[str, Mapping[bool, ImageSettings]] = {  # by name, then by weight sharing
    "cpu": {
        False: _CPU,
        True: dataclasses.replace(_CPU, space="enas", weight_sharing=True, score=SHARED_TRAININGS["cpu"]),
    },
    "paper": {
        True: _PUBLISHED,
        False: dataclasses.replace(_PUBLISHED, space="nao", weight_sharing=False, score=SCRATCH_TRAININGS["paper"]),
    },
}
