"""Limits and objectives: what is refused, and what a front is."""

import types

import numpy as np
import pytest

from nao_tf.errors import InputError
from nao_tf.search.settings import StudySettings
from nao_tf.tasks.sizes import check_sizes, front


@pytest.mark.parametrize("seed", range(20))
def test_a_front_is_what_no_other_surpasses(seed):
    generator = np.random.default_rng(seed)
    goodness = generator.integers(0, 6, [int(generator.integers(1, 40)), int(generator.integers(1, 4))])
    surpassed = {
        at for at, own in enumerate(goodness) if any((other >= own).all() and (other > own).any() for other in goodness)
    }
    kept = front(goodness.tolist())
    assert {tuple(goodness[at]) for at in kept} == {
        tuple(own) for at, own in enumerate(goodness) if at not in surpassed
    }
    assert len({tuple(goodness[at]) for at in kept}) == len(kept)  # of equal ones the first
    assert [goodness[at][0] for at in kept] == sorted((goodness[at][0] for at in kept), reverse=True)
    assert all(at == goodness.tolist().index(goodness[at].tolist()) for at in kept)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_flops": 3}, "--max_flops is of no use with --task=one, which does not know the flops of networks"),
        ({"objectives": ("score", "flops")}, "does not know the flops of networks; it has score, latency_ms"),
        ({"objectives": ("score", "parameters")}, "all networks of --task=one have equal parameters"),
    ],
)
def test_a_size_that_says_nothing_of_a_task_is_refused(settings, said):
    task = types.SimpleNamespace(name="one", sizes=("parameters", "latency_ms"), varying_sizes=("latency_ms",))
    for given in ({}, {"max_parameters": 3, "objectives": ("score", "latency_ms")}):
        task.settings = StudySettings(**given)
        check_sizes(task)
    task.settings = StudySettings(**settings)
    with pytest.raises(InputError, match=said):
        check_sizes(task)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"objectives": ("score", "params")}, "'params' is not one of score, parameters, flops, latency_ms"),
        ({"objectives": ("parameters",)}, "the objectives are score and others"),
        ({"objectives": ("score", "score")}, "each once"),
        ({"max_latency_ms": float("nan")}, "max_latency_ms of nan; more than 0"),
    ],
)
def test_settings_that_are_none_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        StudySettings(**settings)
