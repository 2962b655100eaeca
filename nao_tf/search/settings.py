"""The presets of a search on a table, where an evaluation costs nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from nao_tf.training.language_settings import PUBLISHED_ASCENT


@dataclasses.dataclass(frozen=True)
class TableSearchSettings:
    """A search on a table.

    Attributes:
        budget: architectures that are evaluated.
        initial: random architectures before the strategy is first asked; None: the strategy's own number.
        proposals: new architectures a round; None: the strategy's own number.
        controller: the preset of the controller's settings, for `nao`.
        ascent: how `nao` proposes, options of `search.strategies.nao`; its own where not given.
    """

    budget: int = 300
    initial: int | None = None
    proposals: int | None = None
    controller: str = "small"
    ascent: Mapping[str, object] = dataclasses.field(default_factory=dict)


PRESETS: Mapping[str, TableSearchSettings] = {
    "cpu": TableSearchSettings(),
    # The authors' procedure, its pool of 1,000 made smaller: the published seeds and rounds are more than the budget.
    "paper": TableSearchSettings(
        initial=50,
        proposals=20,
        controller="paper",
        ascent={
            **PUBLISHED_ASCENT,
            "random_share": 0.0,
            "step_sizes": tuple(range(1, 31)),  # authors' code for recurrent cells with weight sharing
        },
    ),
}
