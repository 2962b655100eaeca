"""The controller's embeddings of the architectures of a pool, for TensorBoard's Projector.

Letters: E members of the ensemble, P architectures of the pool, T tokens, S encoder steps, H hidden units, D numbers
of a point.
"""

from __future__ import annotations

import pathlib

import numpy as np
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from nao_tf import files
from nao_tf.controller.fit import Controller
from nao_tf.search.pool import Evaluation, Pool

NAME, POINTS, TABLE = "projector_config.pbtxt", "embeddings.tsv", "embeddings_metadata.tsv"
MOST_POINTS = 2000  # of a larger pool the best half of them, and others evenly over the ranks
MOST_COLUMNS = 50  # D; of longer embeddings the first principal components
COLUMNS = ("architecture", "measured", "predicted", "round", "id")


def write_projector(directory: pathlib.Path, pool: Pool, *, controller: Controller) -> None:
    """Writes what the Projector shows; it finds it where the folder is a run that has events.

    An embedding is what the first member of the ensemble predicts from: all its states side by side. The predicted
    scores are on the scale of the controller's targets, higher is better; the measured ones are scores.

    Args:
        directory: of the run.
        pool: of the search.
        controller: that has learnt it.
    """
    members = selected(pool.ranked)
    if len(members) < 2:
        return
    architectures = [evaluation.candidate.architecture for evaluation in members]
    states = controller.model.encode(pool.space.token_array(architectures)).numpy()[0]  # [P, S, H]
    points = principal(states.reshape(len(states), -1), MOST_COLUMNS)  # [P, D]
    predicted = controller.predict(architectures).mean  # [P]
    rows = ["\t".join(COLUMNS + (("rung",) if pool.rungs else ()))]
    for evaluation, value in zip(members, predicted, strict=True):
        cells = [evaluation.candidate.architecture.text, f"{evaluation.score:.6g}", f"{value:.6g}"]
        cells += [str(pool.first_round(evaluation.id)), str(evaluation.id)]
        cells += [pool.rungs[evaluation.candidate.rung].name] if pool.rungs else []
        rows.append("\t".join(cells))
    files.write_text(directory / POINTS, "".join("\t".join(f"{x:.5g}" for x in point) + "\n" for point in points))
    files.write_text(directory / TABLE, "\n".join(rows) + "\n")
    config = ProjectorConfig()
    config.embeddings.add(tensor_name="architectures", tensor_path=POINTS, metadata_path=TABLE)
    files.write_text(directory / NAME, str(config))


def selected(ranked: list[Evaluation]) -> list[Evaluation]:
    """At most `MOST_POINTS` of evaluations, the best first."""
    if len(ranked) <= MOST_POINTS:
        return ranked
    half = MOST_POINTS // 2
    others = np.linspace(half, len(ranked) - 1, MOST_POINTS - half).astype(int)
    return [*ranked[:half], *(ranked[index] for index in others)]


def principal(points: np.ndarray, most: int) -> np.ndarray:
    """Points with at most so many numbers each: themselves, or their first principal components.

    Args:
        points: `[P, D]`.
        most: the largest D that is left.
    """
    if points.shape[1] <= most:
        return points
    left, lengths, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    return (left * lengths)[:, :most]
