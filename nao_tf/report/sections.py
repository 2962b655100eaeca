"""The sections of a report, as what a page shows: words, tables, drawings and charts.

A section is there where the run has what it tells: a verdict where the study compared several seeds, a ladder where the
search had rungs, an ascent where it exported a controller.
"""

from __future__ import annotations

import datetime
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from nao_tf.architecture import (
    Architecture,
    CategoricalSpace,
    ConvolutionalSpace,
    NasBench201Space,
    RecurrentSpace,
)
from nao_tf.architecture.cells import CELLS
from nao_tf.controller.quality import kendall_tau
from nao_tf.report import charts
from nao_tf.report.ascent import Ascent, ascents
from nao_tf.report.commands import commands
from nao_tf.report.drawing import diagrams, svg_part
from nao_tf.report.run import RecordedSpace, Row, Run, Search
from nao_tf.report.traits import FEWEST, SHARE, Trait, compare
from nao_tf.search.settings import SCORE, SIZES
from nao_tf.settings import differences
from nao_tf.tasks.sizes import size_text

DRAWN: Mapping[type, int] = {ConvolutionalSpace: 3}  # of the best, how many are drawn; 6 in other spaces
MOST_TRAITS = 12
SPACE_NAMES = {
    RecurrentSpace: "recurrent cells",
    ConvolutionalSpace: "pairs of a normal and a reduction cell",
    NasBench201Space: "cells of NAS-Bench-201",
    CategoricalSpace: "independent decisions",
    RecordedSpace: "decisions",
}
STAND_INS = ("python-docs", "digits")  # embedded samples, for data that were not given
HEADLINES = {"perplexity": False, "accuracy": True}  # test figures that runs are compared by; whether higher is better
STAGES = {
    "search": "search by {}",
    "retrain": "final trainings for {}",
    "controller": "the predictor of the whole pool",
    "train": "training",
    "test": "test",
}
ORIGINS = {
    "random": "drawn at random",
    "ascent": "found by gradient ascent",
    "mutation": "a mutation",
    "policy": "drawn from the policy",
    "predictor": "chosen by the predictor",
    "given": "given by the user",
    "prior": "a member of the prior",
    "promotion": "promoted to a higher rung",
}


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
        "title": f"{_stand_in(run) or run.task}: {_noun(run)}",
        "task": run.task,
        "stand_in": _stand_in(run),
        "fewest": FEWEST,
        "noun": _noun(run),
        "path": str(run.path),
        "finished": run.result is not None,
        "facts": _facts(run),
        "winner": _winner(run),
        "verdict": _verdict(run, prefix),
        "best": _best(run, drawn=3 if brief else DRAWN.get(type(run.space), 6)),
        "progress": _progress([run], prefix),
        "predictor": _predictor(run, prefix),
        "ladder": _ladder(run),
        "audit": run.result.get("audit") if run.result is not None else None,
        "fidelity": run.result.get("fidelity") if run.result is not None else None,
        "traits": _traits(run, prefix),
        "ascents": [
            _ascent(run, one, f"{prefix}ascent{index}")
            for index, one in enumerate(ascents(run, most=1 if brief else 3))
        ],
        "lineage": _lineage(run),
        "sizes": _sizes(run, prefix),
        "front": _front(run),
        "training": _training(run, prefix),
        "time": _time(run, prefix),
        "failures": _failures(run),
        "commands": commands(run),
        "is_table": run.task in ("nasbench201", "table"),
    }


def _stand_in(run: Run) -> str | None:
    """The data that stood in for those that the task is called after; None where none did."""
    dataset = (run.result or {}).get("dataset")
    return dataset if dataset in STAND_INS else None


def _noun(run: Run) -> str:
    """The word for an architecture of the run."""
    kinds = {RecurrentSpace: "recurrent cell", ConvolutionalSpace: "pair of convolutional cells",
             NasBench201Space: "cell of NAS-Bench-201"}  # fmt: skip
    return kinds.get(type(run.space), "architecture")


def _figure_name(name: str) -> str:
    """The name of a figure for people."""
    return {"perplexity": "test perplexity", "accuracy": "test accuracy", "loss": "test loss"}.get(
        name, name.replace("_", " ")
    )


def _figure_text(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if "accuracy" in name and 0 <= value <= 1:
        return f"{value:.2%}"
    return f"{value:.2f}" if "perplexity" in name else f"{value:.5g}"


def _drawings(architecture: Architecture, name: str = "", **marks: Any) -> list[Markup]:
    """The drawings of an architecture, one a cell; their texts were escaped there."""
    parts = diagrams(architecture, name)
    drawn = [Markup(svg_part(part, **marks)) for part in parts]  # noqa: S704
    if len(parts) == 1:
        return drawn
    return [Markup('<div class="cell"><span class="quiet">{} cell</span>{}</div>').format(kind, one)
            for kind, one in zip(CELLS, drawn, strict=True)]  # fmt: skip


def _svg(text: str) -> Markup:
    return Markup(text)  # noqa: S704, charts escape their texts


# ---- what was searched


def _facts(run: Run) -> list[tuple[str, str]]:
    result = run.result or {}
    kind = SPACE_NAMES.get(type(run.space), "architectures")
    size = (
        "" if isinstance(run.space, RecordedSpace) else f", {_approximately(run.space.size)} in all, counted as written"
    )
    facts = [
        ("task", run.task),
        (
            "data",
            f"{result['dataset']} ({result.get('source', 'source unknown')})"
            if "dataset" in result
            else ", ".join(flag for flag in run.flags if flag.startswith(("--data_dir=", "--table="))) or "unknown",
        ),
        ("architectures", f"{kind} (space {run.space.name}{size})"),
    ]
    if run.main is not None:
        search = run.main
        direction = "higher" if search.higher_is_better else "lower"
        facts += [
            (
                "search",
                f"{search.strategy}, {len(search.members)} architectures evaluated, seed {search.identity.get('seed')}",
            ),
            ("score", f"{run.metric.words}, {direction} is better{_training_text(search.identity)}"),
        ]
    if isinstance(run.final_settings, Mapping):
        facts.append(("final training", _settings_text(run.final_settings)))
    rivals = list(result.get("baselines", {})) or [name for name in run.searches if name != _main_name(run)]
    told = [
        f"{name} search with the same budget" if name in run.searches else f"{name}, made by hand" for name in rivals
    ]
    facts.append(("compared with", ", ".join(told) or "nothing"))
    if run.result is not None:
        ended = datetime.datetime.fromtimestamp((run.path / "result.json").stat().st_mtime).astimezone()
        facts.append(("ended", ended.strftime("%Y-%m-%d %H:%M %Z")))
    if "versions" in result:
        facts.append(("versions", ", ".join(f"{name} {version}" for name, version in result["versions"].items())))
    return facts


def _approximately(count: int) -> str:
    return f"{count:,}" if count < 1_000_000 else f"about 10^{len(str(count)) - 1}"


def _main_name(run: Run) -> str | None:
    return None if run.main is None else run.main.strategy


def _training_text(identity: Mapping[str, Any]) -> str:
    score = identity.get("score")
    if not isinstance(score, Mapping):
        return ""
    how = "with the weights of one shared child" if identity.get("weight_sharing") else "each trained from scratch"
    return f"; {how}: {_settings_text(score)}"


def _settings_text(settings: Mapping[str, Any]) -> str:
    names = ("steps", "units", "filters", "layers", "batch_size", "learning_rate")
    return ", ".join(f"{name.replace('_', ' ')} {settings[name]:,}" for name in names if settings.get(name) is not None)


# ---- the winner


def _winner(run: Run) -> dict[str, Any] | None:
    architecture, row = run.winner, run.winner_row
    if architecture is None:
        return None
    how = "given by the user"
    if row is not None:
        how = ORIGINS.get(row.origin, row.origin)
        if row.parent is not None:
            how += f" from architecture {row.parent}"
        if row.step_size is not None:
            how += f" with step size {row.step_size:g}"
        how += f", in round {row.round}"
    published = next(
        (name for name, values in run.space.published.items() if tuple(values) == architecture.values), None
    )
    test = (run.result or {}).get("test", {})
    parameters = test.get("parameters") or (None if row is None else row.parameters)
    return {
        "drawings": _drawings(architecture, "The winner"),
        "text": architecture.text,
        "integers": str(architecture),
        "id": None if row is None else row.id,
        "score": None if row is None else run.score_text(row.score),
        "metric": run.metric.words,
        "how": how,
        "published": published,
        "parameters": parameters,
        "seconds": sum(run.seconds.values()),
        "rank": _rank(run, row),
        "of": 0 if run.main is None else len(run.main.members),
    }


def _rank(run: Run, row: Row | None) -> int | None:
    """The place of the winner by the score of the search; final trainings may have chosen another than the first."""
    if run.main is None or row is None or row not in run.main.ranked:
        return None
    return run.main.ranked.index(row) + 1


def _lineage(run: Run) -> list[dict[str, Any]]:
    """The winner and what it comes from, the oldest first."""
    row = run.winner_row
    if row is None or run.main is None:
        return []
    by_id: dict[int, Row] = {}
    for one in run.main.rows:
        by_id.setdefault(one.id, one)  # as it came into the pool
    line: list[Row] = []
    while row is not None and len(line) < 50 and row not in line:
        line.append(row)
        row = None if row.parent is None else by_id.get(row.parent)
    if len(line) < 2:
        return []
    return [
        {
            "id": one.id,
            "round": one.round,
            "how": ORIGINS.get(one.origin, one.origin),
            "step_size": one.step_size,
            "predicted": one.predicted,
            "score": run.score_text(one.score),
            "text": one.text,
        }
        for one in reversed(line)
    ]


# ---- is it better


def headline(result: Mapping[str, Any], search: Search | None) -> tuple[str, bool] | None:
    """The test figure that networks are compared by, and whether higher is better."""
    test = result.get("test", {})
    for name, higher in HEADLINES.items():
        if name in test:
            return name, higher
    numbers = [name for name, value in test.items() if isinstance(value, float | int)]
    return (numbers[0], search is None or search.higher_is_better) if numbers else None


def _verdict(run: Run, prefix: str) -> dict[str, Any] | None:
    """The figures of the winner and its rivals, and what can be said of their difference."""
    result = run.result
    if result is None:
        return None
    told, rivals = result.get("verdict"), result.get("baselines", {})
    if isinstance(told, Mapping) and len(told.get("winner", {}).get("values", ())) < 2:
        told = None  # nothing was tested: the figures themselves are told
    rows = [("the winner" if run.main is not None else "the architecture", result.get("test", {})), *rivals.items()]
    names = [
        name for name, value in rows[0][1].items() if isinstance(value, float | int) and not isinstance(value, bool)
    ]
    table = [
        {
            "name": name,
            "failed": figures.get("failed"),
            "values": [_figure_text(key, figures.get(key)) for key in names],
        }
        for name, figures in rows
    ]
    compared = headline(result, run.main)
    words: list[str] = []
    samples: list[tuple[str, list[float], str]] = []
    x = ""
    if isinstance(told, Mapping):
        words = [str(sentence) for sentence in told.get("words", [])]
        x = f"{str(told.get('metric', '')).replace('_', ' ')}, each training a circle, mean and standard deviation"
        parts = {"the winner": told.get("winner", {}), **told.get("rivals", {})}
        samples = [(name, list(part.get("values", [])), str(part.get("words", name))) for name, part in parts.items()]
    elif compared is not None:
        nothing = result.get("test", {}).get("learnt_nothing")
        words = _words_of_figures(result, *compared) if nothing is None else [str(nothing)]
        x = _figure_name(compared[0])
        for name, figures in rows:
            value = figures.get(compared[0])
            if value is not None and "failed" not in figures:
                samples.append((name, [float(value)], f"{name}: {_figure_text(compared[0], value)}"))
    samples = [sample for sample in samples if sample[1]]
    chart = None
    if len(samples) > 1:
        description = "; ".join(f"{name}: {statistics.fmean(values):.5g}" for name, values, _ in samples)
        chart = _svg(charts.figures(f"{prefix}figures", description, x=x, rows=samples))
    return {
        "words": words,
        "tested": isinstance(told, Mapping),
        "test": told.get("test") if isinstance(told, Mapping) else None,
        "names": [_figure_name(name) for name in names],
        "rows": table,
        "chart": chart,
        "headline": None if compared is None else _figure_name(compared[0]),
        "value": None if compared is None else _figure_text(compared[0], result["test"][compared[0]]),
    }


def _words_of_figures(result: Mapping[str, Any], name: str, higher: bool) -> list[str]:
    """What one figure of each network says."""
    own = result["test"][name]
    said, failed = [], []
    for rival, figures in result.get("baselines", {}).items():
        other = figures.get(name)
        if "failed" in figures:
            failed.append(f"{rival} failed: {figures['failed']}.")
        elif other is not None and own is not None:
            how = "level with" if own == other else "better than" if (own > other) == higher else "worse than"
            said.append(f"{how} {rival} ({_figure_text(name, other)})")
    if not said:
        return failed
    direction = "higher" if higher else "lower"
    compared = f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]
    return [
        f"Its {_figure_name(name)} ({direction} is better) is {_figure_text(name, own)}: {compared}.",
        *failed,
    ]


# ---- the best


def _best(run: Run, *, drawn: int) -> list[dict[str, Any]]:
    if run.main is None:
        return []
    on_front = {row.get("id") for row in (run.result or {}).get("front", ())}
    return [
        {
            "place": place,
            "id": row.id,
            "score": run.score_text(row.score),
            "how": ORIGINS.get(row.origin, row.origin),
            "parameters": row.parameters,
            "rung": row.rung,
            "on_front": row.id in on_front,
            "text": row.text,
            "integers": " ".join(map(str, row.values)),
            "drawings": _drawings(run.architecture(row.values), f"Place {place}") if place <= drawn else [],
        }
        for place, row in enumerate(run.main.ranked[:10], start=1)
    ]


def _failures(run: Run) -> list[tuple[str, int]]:
    """Why evaluations failed, and how often."""
    counts: dict[str, int] = {}
    for row in run.main.members if run.main is not None else ():
        if row.score is None:
            counts[row.reason or "unknown"] = counts.get(row.reason or "unknown", 0) + 1
    return sorted(counts.items(), key=lambda item: -item[1])


# ---- progress


def _tip(run: Run, row: Row, *, short: bool = False) -> str:
    """What a dot says when it is pointed at; short where another chart has the same dot."""
    rung = "" if row.rung is None else f" on {row.rung}"
    said = f"architecture {row.id} ({row.origin}, round {row.round}): {run.score_text(row.score)}{rung}"
    return said if short else f"{said}\n{row.text}"


def _progress(runs: Sequence[Run], prefix: str) -> list[dict[str, Any]]:
    """Charts of the best so far: against evaluations, seconds, and training steps, where these are known."""
    searches = [
        (search.strategy if len(runs) == 1 else f"{number}: {search.strategy}", search, run)
        for number, run in enumerate(runs, start=1)
        for search in (run.searches.values() if len(runs) == 1 else [run.main])
        if search is not None and search.ranked
    ]
    if not searches:
        return []
    first = searches[0][1]
    shown = []
    for axis, label, note in (
        ("evaluations", "evaluations" if not first.rungs else "cost, in evaluations on the last rung", ""),
        ("seconds", "seconds of the search", "The seconds of a search are spread evenly over its evaluations."),
        ("steps", "training steps of children", ""),
    ):
        lines = []
        for name, search, run in searches:
            each = _each(search, axis)
            if each is None:
                continue
            top = search.rungs[-1] if search.rungs else None
            lines.append(
                charts.Line(
                    name=name,
                    x=charts.cumulated(each),
                    scores=[row.score if row.rung == top else None for row in search.rows],
                    tips=[_tip(run, row, short=axis != "evaluations") for row in search.rows],
                    proposed=[row.origin not in ("random", "given") for row in search.rows],
                )
            )
        if not lines or not any(score is not None for line in lines for score in line.scores):
            continue
        text, outside = charts.progress(
            f"{prefix}progress-{axis}",
            lines,
            x=label,
            metric=runs[0].metric.words,
            higher_is_better=first.higher_is_better,
        )
        notes = [note] if note else []
        if outside:
            lie = "score of {} lies" if outside == 1 else "scores of {} lie"
            notes.append(f"{outside} {lie.format(lines[0].name)} outside the picture.")
        shown.append({"chart": _svg(text), "title": f"Against {label}", "notes": notes})
    return shown


def _each(search: Search, axis: str) -> list[float] | None:
    """What every evaluation of a search takes; None where that is not known."""
    if axis == "evaluations":
        return [1.0 if row.cost is None else row.cost for row in search.rows]
    if axis == "seconds":
        costs = _each(search, "evaluations")
        if not search.seconds or costs is None:
            return None
        return [search.seconds * cost / sum(costs) for cost in costs]
    return None if search.steps is None else [float(search.steps)] * len(search.rows)


# ---- predictor, ladder, traits


def _predictor(run: Run, prefix: str) -> dict[str, Any] | None:
    quality = (run.result or {}).get("predictor")
    search = run.main
    rows = [
        row
        for row in (search.rows if search is not None else ())
        if row.predicted is not None
        and row.score is not None
        and (not search or not search.rungs or row.rung == search.rungs[-1])
    ]
    if search is None or (quality is None and len(rows) < 3):
        return None
    chart, tau, within = None, None, None
    if len(rows) >= 3:
        predicted = [float(row.predicted or 0.0) for row in rows]
        scores = [float(row.score or 0.0) for row in rows]
        goodness = [search.goodness(row) for row in rows]
        tau = kendall_tau(goodness, predicted)
        rounds = [
            [at for at, row in enumerate(rows) if row.round == number] for number in sorted({row.round for row in rows})
        ]
        taus = [
            kendall_tau([goodness[at] for at in part], [predicted[at] for at in part])
            for part in rounds
            if len(part) > 1
        ]
        known = [value for value in taus if value is not None]
        within = statistics.fmean(known) if known else None
        last = max(row.round for row in rows) or 1
        low, high = charts.extent(np.array(scores), search.higher_is_better)
        chart = _svg(
            charts.scatter(
                f"{prefix}predicted",
                f"predicted against measured scores of {len(rows)} architectures; Kendall's tau {number_text(tau)}",
                x=("predicted, before it was evaluated (higher is better)", predicted),
                y=(run.metric.words, scores),
                shares=[row.round / (last + 1e-9) for row in rows],
                tips=[_tip(run, row) for row in rows],
                limits=(low, high),
            )
        )
    return {"quality": quality, "chart": chart, "tau": tau, "within": within, "count": len(rows)}


def number_text(value: float | None) -> str:
    """A coefficient for people."""
    return "undefined" if value is None else f"{value:.2f}"


def _ladder(run: Run) -> list[dict[str, Any]]:
    """For every rung of a ladder how many came to it, and how it ranked those that came to the next."""
    search = run.main
    if search is None or not search.rungs:
        return []
    scores: dict[str, dict[int, float]] = {rung: {} for rung in search.rungs}
    cost = dict.fromkeys(search.rungs, 0.0)
    count = dict.fromkeys(search.rungs, 0)
    for row in search.rows:
        if row.rung is not None:
            count[row.rung] += 1
            cost[row.rung] += row.cost or 0.0
            if row.score is not None:
                scores[row.rung][row.id] = search.goodness(row)
    steps = []
    for index, rung in enumerate(search.rungs):
        following = search.rungs[index + 1] if index + 1 < len(search.rungs) else None
        both = [] if following is None else sorted(scores[rung].keys() & scores[following].keys())
        tau = None
        if following is not None and len(both) > 1:
            tau = kendall_tau([scores[following][id] for id in both], [scores[rung][id] for id in both])
        steps.append({"name": rung, "count": count[rung], "cost": cost[rung], "next": following, "both": len(both),
                      "tau": tau})  # fmt: skip
    return steps


def _traits(run: Run, prefix: str) -> dict[str, Any] | None:
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
    return {"chart": _svg(chart), "words": words[:4], "quarter": len(search.ranked) // SHARE, "compared": len(traits)}


def _trait_words(trait: Trait) -> str:
    more = "more" if trait.difference > 0 else "fewer"
    if max(trait.best, trait.worst) <= 1:
        how = "" if trait.difference > 0 else "no " if trait.best == 0 else "less often "
        return f"{how}{trait.name} (in {trait.best:.0%} of the best, in {trait.worst:.0%} of the worst)"
    if trait.name.startswith("depth"):
        return f"{trait.name} {trait.best:.1f} (against {trait.worst:.1f})"
    cell, _, counted = trait.name.rpartition(": ")
    return f"{more} {counted}{f' in the {cell}' if cell else ''} ({trait.best:.1f} against {trait.worst:.1f})"


# ---- the ascent


def _ascent(run: Run, ascent: Ascent, prefix: str) -> dict[str, Any]:
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
            frames.append({"drawings": _drawings(step.architecture, name, **marks), "text": step.architecture.text})
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
        "scores": _svg(scores),
        "map": _svg(plane),
        "shown": best,
    }


# ---- sizes, trainings, time


def _sizes(run: Run, prefix: str) -> dict[str, Any] | None:
    """Scores against parameters and multiply-adds, with the front of what nothing surpasses."""
    search = run.main
    if search is None:
        return None
    found: list[dict[str, Any]] = []
    equal: int | None = None
    for attribute, name in (("parameters", "parameters"), ("multiply_adds", "multiply-adds")):
        rows = [row for row in search.ranked if getattr(row, attribute) is not None
                and (not search.rungs or row.rung == search.rungs[-1])]  # fmt: skip
        sizes = [float(getattr(row, attribute)) for row in rows]
        if len(set(sizes)) < 2:
            if attribute == "parameters" and len(rows) > 1:
                equal = int(sizes[0])
            continue
        goodness = [search.goodness(row) for row in rows]
        on_front = charts.front(sizes, goodness)
        scores = [float(row.score or 0.0) for row in rows]
        places = charts.ranks(goodness)
        text = charts.scatter(
            f"{prefix}size-{attribute}",
            f"{run.metric.words} against {name}; the front has {len(on_front)} architectures",
            x=(f"{name} of the child", sizes),
            y=(run.metric.words, scores),
            shares=places,
            tips=[f"{_tip(run, row)}\n{getattr(row, attribute):,} {name}" for row in rows],
            line=[(sizes[at], scores[at]) for at in on_front],
            limits=charts.extent(np.array(scores), search.higher_is_better),
            logarithmic=max(sizes) > 8 * min(sizes),
        )
        front = [
            {"id": rows[at].id, "size": f"{int(sizes[at]):,}", "score": run.score_text(rows[at].score)}
            for at in on_front
        ]
        found.append({"chart": _svg(text), "name": name, "front": front})
    return {"charts": found, "equal": equal} if found or equal is not None else None


def _front(run: Run) -> dict[str, Any] | None:
    """What no other surpasses in score and sizes of the final model, where the run had such objectives."""
    result = run.result or {}
    rows = result.get("front")
    if not rows:
        return None
    sizes = [name for name in result["objectives"] if name != SCORE]
    known = {"id", "architecture", "text", "score", "metric", "origin", "rung", *SIZES}
    figures = list(dict.fromkeys(name for row in rows for name in row if name not in known))
    return {
        "objectives": [name.replace("_", " ") for name in result["objectives"]],
        "names": [run.metric.words, *(name.replace("_", " ") for name in (*sizes, *figures))],
        "rows": [
            {
                "id": row["id"],
                "text": row["text"],
                "cells": [
                    run.score_text(row["score"]),
                    *(size_text(name, row[name]) for name in sizes),
                    *(_figure_text(name, row[name]) if name in row else "not trained" for name in figures),
                ],
            }
            for row in rows
        ],
    }


def _training(run: Run, prefix: str) -> dict[str, Any] | None:
    """Finalists, and validation figures by epoch where there are some."""
    result = run.result or {}
    rows = {"the winner": result.get("test", {}), **result.get("baselines", {})}
    lines: dict[str, list[float]] = {}
    name = ""
    for label, figures in rows.items():
        for key, values in figures.items():
            if key.endswith("_by_epoch") and isinstance(values, list) and len(values) > 1:
                lines[label], name = [float(value) for value in values if value is not None], key
    finalists = result.get("finalists") or []
    names = [key for key in (finalists[0] if finalists else {}) if key not in ("id", "text", "score")]
    if len(finalists) < 2 and not lines:
        return None
    chart = None
    if lines:
        words = name.removesuffix("_by_epoch").replace("_", " ")
        description = "; ".join(f"{label} ends at {values[-1]:.5g}" for label, values in lines.items())
        chart = _svg(charts.curves(f"{prefix}curves", description, x="epoch", y=words, lines=lines))
    by_id = {row.id: row for row in run.main.members} if run.main is not None else {}
    table = [
        {
            "id": row.get("id"),
            "score": run.score_text(by_id[row["id"]].score) if row.get("id") in by_id else "–",
            "values": [_value_text(key, row.get(key)) for key in names],
            "text": row.get("text"),
        }
        for row in finalists
    ]
    return {"chart": chart, "finalists": table, "names": [_figure_name(key) for key in names]}


def _value_text(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value_text(name, one) for one in value)
    return value if isinstance(value, str) else _figure_text(name, value)


def _time(run: Run, prefix: str) -> dict[str, Any] | None:
    if not run.seconds:
        return None
    values = {_stage(stage): seconds for stage, seconds in run.seconds.items() if seconds > 0}
    if not values:
        return None
    total = sum(values.values())
    texts = [f"{seconds:,.0f} s, {seconds / total:.0%}" for seconds in values.values()]
    description = "; ".join(f"{name}: {text}" for name, text in zip(values, texts, strict=True))
    return {
        "chart": _svg(charts.bars(f"{prefix}time", description, x="seconds", values=values, texts=texts)),
        "total": total,
    }


def _stage(stage: str) -> str:
    kind, _, name = stage.partition("_")
    return STAGES.get(kind, stage.replace("_", " ")).format(name) if kind in STAGES else f"training of {stage}"


# ---- several runs


def comparison(runs: Sequence[Run]) -> dict[str, Any]:
    """What several runs have in common and what not: figures, settings, progress in one picture."""
    compared = [None if run.result is None else headline(run.result, run.main) for run in runs]
    rows = []
    for number, (run, best) in enumerate(zip(runs, compared, strict=True), start=1):
        row = run.main.ranked[0] if run.main is not None and run.main.ranked else None
        rows.append(
            {
                "number": number,
                "path": str(run.path),
                "task": run.task,
                "search": _main_name(run) or "one given architecture",
                "seed": "–" if run.main is None else run.main.identity.get("seed"),
                "evaluations": 0 if run.main is None else len(run.main.members),
                "score": "–" if row is None else f"{run.score_text(row.score)} ({run.metric.words})",
                "test": "–" if best is None or run.result is None else
                f"{_figure_text(best[0], run.result['test'][best[0]])} ({_figure_name(best[0])})",
                "seconds": sum(run.seconds.values()),
                "drawings": [] if run.winner is None else _drawings(run.winner, f"The winner of run {number}"),
                "text": "" if run.winner is None else run.winner.text,
            }
        )  # fmt: skip
    identities = [{**(run.main.identity if run.main is not None else {}), "final": run.final_settings} for run in runs]
    changes = [
        {"number": number, "differences": _differences(identities[0], identity)}
        for number, identity in enumerate(identities[1:], start=2)
    ]
    same_metric = len({(run.metric.name, run.metric.higher_is_better) for run in runs}) == 1
    same_data = len({str(identity.get("data")) for identity in identities}) == 1
    return {
        "rows": rows,
        "changes": changes,
        "progress": _progress(runs, "all-") if same_metric else [],
        "same_metric": same_metric,
        "same_data": same_data,
    }


def _differences(first: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What differs between the settings of two runs; parts that only one of them has are told by their names."""
    parts = {name for name in {*first, *other} if isinstance(first.get(name, other.get(name)), Mapping)}
    alone = {name for name in parts if name not in first or name not in other}
    lines = differences(*({name: run[name] for name in run if name not in alone} for run in (first, other)))
    lines += [f"{name}: in the first alone" for name in first if name in alone]
    return [*lines, *(f"{name}: {json.dumps(other[name])}, not in the first" for name in other if name in alone)]
