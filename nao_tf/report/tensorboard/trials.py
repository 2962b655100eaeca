"""The children of a search as trials of HParams: what is compared, and the run of each child."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from nao_tf.architecture import Architecture, SearchSpace
from nao_tf.report.tensorboard.events import scalar
from nao_tf.search.pool import Evaluation, Pool

MOST_DECISIONS = 16  # integers of an architecture up to which each is a hyperparameter of its own

_TYPES = {str: api_pb2.DATA_TYPE_STRING, float: api_pb2.DATA_TYPE_FLOAT64}


def score_tag(pool: Pool) -> str:
    """The tag of a child's score."""
    return f"child/{pool.metric}"


def experiment(pool: Pool) -> Summary.Value:
    """What the trials of searches in a space have: hyperparameters, and the score as metric."""
    kinds: dict[str, type] = {"strategy": str, "architecture": str, "origin": str, "round": float, "parameters": float}
    if pool.rungs:
        kinds["rung"] = str
    infos = [api_pb2.HParamInfo(name=name, type=_TYPES[kind]) for name, kind in kinds.items()]
    for name, words in _decisions(pool.space).items():
        info = api_pb2.HParamInfo(name=name, type=_TYPES[type(words[0])])
        info.domain_discrete.extend(dict.fromkeys(words))
        infos.append(info)
    metric = api_pb2.MetricInfo(
        name=api_pb2.MetricName(tag=score_tag(pool)),
        display_name=pool.metric.replace("_", " "),
        description=f"{'higher' if pool.higher_is_better else 'lower'} is better",
        dataset_type=api_pb2.DATASET_VALIDATION,
    )
    told = api_pb2.Experiment(hparam_infos=infos, metric_infos=[metric])
    return _value(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=told))


def trial(strategy: str, evaluations: Sequence[Evaluation], *, pool: Pool) -> Iterator[tuple[int, list[Summary.Value]]]:
    """The events of a child, of all its evaluations; its hyperparameters are those of the last.

    Its scores are at the rounds in which they were measured, its losses at the steps of its training.

    Args:
        strategy: of the search.
        evaluations: of the child, the first one first.
        pool: of the search.
    """
    last = evaluations[-1]
    start = SessionStartInfo(group_name=f"{strategy} {last.id}")
    for name, value in _hyperparameters(strategy, last, pool).items():
        if isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    end = SessionEndInfo()
    if last.seconds is not None:  # else it was evaluated before this process began, or within no time
        end.end_time_secs = time.time()
        start.start_time_secs = end.end_time_secs - last.seconds
    end.status = api_pb2.STATUS_FAILURE if last.score is None else api_pb2.STATUS_SUCCESS
    yield (
        0,
        [
            _value(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
            _value(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
        ],
    )
    for evaluation in evaluations:
        rung = f"_{pool.rungs[evaluation.candidate.rung].name}" if pool.rungs else ""
        for step, loss in evaluation.losses:
            yield step, [scalar(f"child/training_loss{rung}", loss)]
        if evaluation.score is not None:
            yield evaluation.round, [scalar(score_tag(pool), evaluation.score)]


def _hyperparameters(strategy: str, evaluation: Evaluation, pool: Pool) -> dict[str, str | float]:
    candidate, space = evaluation.candidate, pool.space
    values: dict[str, str | float] = {
        "strategy": strategy,
        "architecture": candidate.architecture.text,
        "origin": candidate.origin,
        "round": pool.first_round(evaluation.id),
    }
    if evaluation.parameters is not None:
        values["parameters"] = evaluation.parameters
    if pool.rungs:
        values["rung"] = pool.rungs[candidate.rung].name
    chosen = _chosen(candidate.architecture)
    return values | {name: words[at] for (name, words), at in zip(_decisions(space).items(), chosen, strict=True)}


def _chosen(architecture: Architecture) -> Sequence[int]:
    return architecture.values if len(architecture.values) <= MOST_DECISIONS else ()


def _decisions(space: SearchSpace) -> dict[str, list[str] | list[float]]:
    """The words of each integer, numbers where all are such; none of architectures with many integers.

    TensorBoard sorts by names, and shows the first few: these come last, in their own order.
    """
    if len(space.positions) > MOST_DECISIONS:
        return {}
    positions = enumerate(space.positions)
    return {f"value {index:02d}, {position.description}": _numbers(position.words) for index, position in positions}


def _numbers(words: Sequence[str]) -> list[str] | list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        return list(words)


def _value(tag: str, content: HParamsPluginData) -> Summary.Value:
    return Summary.Value(tag=tag, tensor=metadata.NULL_TENSOR, metadata=metadata.create_summary_metadata(content))
