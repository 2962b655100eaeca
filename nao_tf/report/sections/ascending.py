"""The ascent that one can watch."""

from __future__ import annotations

from typing import Any

from nao_tf.report import charts
from nao_tf.report.ascent import Ascent
from nao_tf.report.run import Run
from nao_tf.report.sections.pictures import drawings, svg


def watched(run: Run, ascent: Ascent, *, prefix: str) -> dict[str, Any]:
    """One ascent to be watched; steps that come to the same architecture share its drawing."""
    frames: list[dict[str, Any]] = []
    frame_of: dict[tuple[int, ...], int] = {}
    steps = []
    tips = []
    for index, step in enumerate(ascent.steps):
        key = step.architecture.values
        if key not in frame_of:
            frame_of[key] = len(frames)
            marks: dict[str, Any] = {"heat": ascent.heat} if not frames else {"changed": step.changed}
            name = "The start" if not frames else f"At step size {step.size:g}"
            frames.append({"drawings": drawings(step.architecture, name, **marks), "text": step.architecture.text})
        measured = None if step.row is None else run.score_text(step.row.score)
        said = f"step size {step.size:g}: predicted {step.predicted:.2f} ± {step.spread:.2f}"
        tips.append(said + ("" if measured is None else f", measured {measured}"))
        steps.append(
            {
                "index": index,
                "size": f"{step.size:g}",
                "still": frame_of[key],
                "predicted": f"{step.predicted:.3f}",
                "spread": f"{step.spread:.3f}",
                "promised": f"{step.promised:.3f}",
                "measured": measured,
                "measured_scaled": None if step.measured is None else f"{step.measured:.3f}",
                "id": None if step.row is None else step.row.id,
                "changed": len(step.changed),
                "is_start": not step.changed,
            }
        )
    scores = charts.ascent_scores(
        f"{prefix}-scores",
        "; ".join(tips),
        sizes=[step.size for step in ascent.steps],
        promised=[step.promised for step in ascent.steps],
        predicted=[step.predicted for step in ascent.steps],
        spread=[step.spread for step in ascent.steps],
        measured=[step.measured for step in ascent.steps],
        tips=tips,
        y="score as the controller learnt it",
    )
    plane = charts.ascent_map(
        f"{prefix}-map",
        "the way of the embedding along the gradient, among the embeddings of evaluated architectures",
        way=[step.place for step in ascent.steps],
        landed=[step.landed for step in ascent.steps],
        points=ascent.points,
        tips=tips,
    )
    best = max(range(len(steps)), key=lambda at: ascent.steps[at].predicted)
    return {
        "id": prefix,
        "name": ascent.name,
        "start": ascent.start.id,
        "start_score": run.score_text(ascent.start.score),
        "member": ascent.member + 1,
        "members": ascent.members,
        "stills": frames,
        "steps": steps,
        "scores": svg(scores),
        "map": svg(plane),
        "shown": best,
    }
