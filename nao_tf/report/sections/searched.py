"""What was searched, on which data, and how."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from nao_tf.architecture import CategoricalSpace, ConvolutionalSpace, NasBench201Space, RecurrentSpace
from nao_tf.report.run import RecordedSpace, Run
from nao_tf.report.sections.words import main_name

SPACE_NAMES = {
    RecurrentSpace: "recurrent cells",
    ConvolutionalSpace: "pairs of a normal and a reduction cell",
    NasBench201Space: "cells of NAS-Bench-201",
    CategoricalSpace: "independent decisions",
    RecordedSpace: "decisions",
}


def facts(run: Run) -> list[tuple[str, str]]:
    """Names and values: task, data, space, search, trainings, versions."""
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
    rivals = list(result.get("baselines", {})) or [name for name in run.searches if name != main_name(run)]
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


def _training_text(identity: Mapping[str, Any]) -> str:
    score = identity.get("score")
    if not isinstance(score, Mapping):
        return ""
    how = "with the weights of one shared child" if identity.get("weight_sharing") else "each trained from scratch"
    return f"; {how}: {_settings_text(score)}"


def _settings_text(settings: Mapping[str, Any]) -> str:
    names = ("steps", "units", "filters", "layers", "batch_size", "learning_rate")
    return ", ".join(f"{name.replace('_', ' ')} {settings[name]:,}" for name in names if settings.get(name) is not None)
