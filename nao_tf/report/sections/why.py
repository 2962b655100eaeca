"""What the good architectures share and the bad ones lack."""

from __future__ import annotations

from typing import Any

from nao_tf.report import charts
from nao_tf.report.run import Run
from nao_tf.report.sections.pictures import svg
from nao_tf.report.traits import FEWEST, SHARE, Trait, compare

MOST_TRAITS = 12


def traits(run: Run, prefix: str) -> dict[str, Any] | None:
    """What the best quarter has against the worst; None where too few were evaluated."""
    search = run.main
    if search is None or len(search.ranked) < FEWEST:
        return None
    traits = compare([run.architecture(row.values) for row in search.ranked])
    if not traits:
        return None
    shown = traits[:MOST_TRAITS]
    words = [_trait_words(trait) for trait in traits if trait.is_told]
    description = "; ".join(words) or "no difference that is more than chance would make"
    chart = charts.dumbbells(
        f"{prefix}traits",
        description,
        x="mean in an architecture",
        rows=[(f"{'* ' if trait.is_told else ''}{trait.name}", trait.worst, trait.best) for trait in shown],
    )
    return {"chart": svg(chart), "words": words[:4], "quarter": len(search.ranked) // SHARE, "compared": len(traits)}


def _trait_words(trait: Trait) -> str:
    more = "more" if trait.difference > 0 else "fewer"
    if max(trait.best, trait.worst) <= 1:
        how = "" if trait.difference > 0 else "no " if trait.best == 0 else "less often "
        return f"{how}{trait.name} (in {trait.best:.0%} of the best, in {trait.worst:.0%} of the worst)"
    if trait.name.startswith("depth"):
        return f"{trait.name} {trait.best:.1f} (against {trait.worst:.1f})"
    cell, _, counted = trait.name.rpartition(": ")
    return f"{more} {counted}{f' in the {cell}' if cell else ''} ({trait.best:.1f} against {trait.worst:.1f})"
