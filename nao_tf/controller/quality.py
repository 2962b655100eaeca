"""The quality of a predictor on architectures that it did not learn: order of the scores, reconstruction.

Letters: N architectures, T tokens.
"""

import dataclasses

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class PredictorQuality:
    """The quality of a predictor on architectures that it did not learn.

    Attributes:
        held_out: number of those architectures. In an ensemble each is judged by the members that never saw it.
        pairwise_accuracy: share of their pairs that are ordered right; None for fewer than two.
        kendall_tau: Kendall's tau-b; None where it is undefined.
        hamming_distance: mean number of tokens in which they differ from their reconstructions; None where there is
            nothing held out, and for a predictor without a decoder.
    """

    held_out: int
    pairwise_accuracy: float | None
    kendall_tau: float | None
    hamming_distance: float | None


def _pairs(scores, predictions):
    scores, predictions = np.asarray(scores, np.float64), np.asarray(predictions, np.float64)
    if scores.shape != predictions.shape or scores.ndim != 1:
        raise ValueError(f"scores of shape {scores.shape} and predictions of shape {predictions.shape}; both take [N]")
    first, second = np.triu_indices(len(scores), 1)
    return np.sign(scores[first] - scores[second]), np.sign(predictions[first] - predictions[second])


def pairwise_accuracy(scores: npt.ArrayLike, predictions: npt.ArrayLike) -> float | None:
    """The share of pairs that the predictions order as the scores do (NAO, section 4; authors' code).

    Args:
        scores: `[N]`.
        predictions: `[N]`.

    Returns:
        0..1; a pair that is equal in both counts as ordered. None for fewer than two architectures.
    """
    true, predicted = _pairs(scores, predictions)
    return float(np.mean(true == predicted)) if len(true) else None


def kendall_tau(scores: npt.ArrayLike, predictions: npt.ArrayLike) -> float | None:
    """Kendall's tau-b: concordant less discordant pairs, corrected for ties.

    Args:
        scores: `[N]`.
        predictions: `[N]`.

    Returns:
        -1..1; None where it is undefined: fewer than two architectures, or all scores or all predictions equal.
    """
    true, predicted = _pairs(scores, predictions)
    normaliser = np.sqrt(float(np.sum(true != 0)) * float(np.sum(predicted != 0)))
    return float(np.sum(true * predicted) / normaliser) if normaliser else None


def hamming_distance(tokens: npt.ArrayLike, reconstructions: npt.ArrayLike) -> float | None:
    """The mean number of tokens in which architectures and their reconstructions differ (NAO, section 4).

    Args:
        tokens: `[N, T]`.
        reconstructions: `[N, T]`.

    Returns:
        0..T tokens; None for no architecture.
    """
    tokens, reconstructions = np.asarray(tokens), np.asarray(reconstructions)
    if tokens.shape != reconstructions.shape or tokens.ndim != 2:
        raise ValueError(f"tokens of shape {tokens.shape} and {reconstructions.shape}; both take [N, T]")
    return float(np.mean(np.sum(tokens != reconstructions, axis=1))) if len(tokens) else None
