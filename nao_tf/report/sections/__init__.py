"""The sections of a report, as what a page shows: words, tables, drawings and charts.

A section is there where the run has what it tells: a verdict where the study compared several seeds, a ladder where the
search had rungs, an ascent where it exported a controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.report.ascent import ascents
from nao_tf.report.commands import commands
from nao_tf.report.run import Run
from nao_tf.report.sections.ascending import watched
from nao_tf.report.sections.better import training, verdict
from nao_tf.report.sections.progress import progress, time
from nao_tf.report.sections.searched import facts
from nao_tf.report.sections.sizes import front, sizes
from nao_tf.report.sections.trust import ladder, predictor
from nao_tf.report.sections.why import traits
from nao_tf.report.sections.winner import best, failures, lineage, winner
from nao_tf.report.sections.words import noun, stand_in
from nao_tf.report.traits import FEWEST

DRAWN: Mapping[type, int] = {ConvolutionalSpace: 3}  # of the best, how many are drawn; 6 in other spaces


def sections(run: Run, prefix: str, *, brief: bool = False) -> dict[str, Any]:
    """Everything that the page shows of a run.

    Args:
        run: as it was read.
        prefix: of the identifiers in the page, so that several runs may stand in one.
        brief: whether to show fewer architectures and ascents, as where several runs stand side by side.

    Raises:
        InputError: the files of the run do not fit each other.
    """
    return {
        "prefix": prefix,
        "title": f"{stand_in(run) or run.task}: {noun(run)}",
        "task": run.task,
        "stand_in": stand_in(run),
        "fewest": FEWEST,
        "noun": noun(run),
        "path": str(run.path),
        "finished": run.result is not None,
        "facts": facts(run),
        "winner": winner(run),
        "verdict": verdict(run, prefix),
        "best": best(run, drawn=3 if brief else DRAWN.get(type(run.space), 6)),
        "progress": progress([run], prefix),
        "predictor": predictor(run, prefix),
        "ladder": ladder(run),
        "audit": run.result.get("audit") if run.result is not None else None,
        "fidelity": run.result.get("fidelity") if run.result is not None else None,
        "traits": traits(run, prefix),
        "ascents": [
            watched(run, one, prefix=f"{prefix}ascent{index}")
            for index, one in enumerate(ascents(run, most=1 if brief else 3))
        ],
        "lineage": lineage(run),
        "sizes": sizes(run, prefix),
        "front": front(run),
        "training": training(run, prefix),
        "time": time(run, prefix),
        "failures": failures(run),
        "commands": commands(run),
        "is_table": run.task in ("nasbench201", "table"),
    }
