import itertools

import numpy as np
from searches import Judge, run

from nao_tf.architecture import Position, SearchSpace

WORDS = tuple("abcd")
GRID = SearchSpace("grid", [Position("row", "row", WORDS), Position("column", "column", WORDS)])


def test_it_moves_to_the_first_better_neighbour_and_restarts_from_summits():
    pool = run("local", budget=120, initial=5, proposals=1)
    generator = np.random.default_rng(0)
    climber = max(pool.evaluations[:5], key=lambda evaluation: evaluation.score)
    for evaluation in pool.evaluations[5:]:
        candidate = evaluation.candidate
        if candidate.origin == "random":
            known = [member.candidate.architecture for member in pool.evaluations[: evaluation.id]]
            neighbours = pool.space.neighbours(climber.candidate.architecture, generator)
            assert set(neighbours) <= set(known)
            climber = evaluation
            continue
        assert candidate.parent == climber.id
        if evaluation.score > climber.score:
            climber = evaluation


def test_a_round_of_several_moves_to_its_best():
    heights = {values: sum(values) for values in itertools.product(range(4), repeat=2)}
    judge = Judge(lambda architecture: heights[architecture.values])
    pool = run("local", judge=judge, budget=13, initial=1, proposals=6, space=GRID)  # a cell has six neighbours
    first, ring = pool.evaluations[0], pool.evaluations[1:7]
    assert {member.candidate.parent for member in ring} == {first.id}
    best = max([first, *ring], key=lambda member: member.score)
    climbed = [member for member in pool.evaluations[7:] if member.candidate.origin == "mutation"]
    assert {member.candidate.parent for member in climbed} == ({best.id} if climbed else set())
