from nao_tf.architecture import NasBench201Space
from nao_tf.data.table import read_table
from nao_tf.search.pool import Candidate, Pool
from nao_tf.search.table_evaluator import TableEvaluator


def test_every_candidate_is_looked_up_once(invented_table):
    space = NasBench201Space()
    table = read_table(invented_table, space, score_column="seen", test_column="told")
    pool = Pool(None, space, "seen", higher_is_better=True)
    cells = [space.architecture(values).canonical for values in ((3, 3, 3, 3, 3, 3), (1, 0, 0, 4, 3, 0))]
    candidates = [Candidate(cell, "given") for cell in cells]
    for round in range(2):
        for evaluation in TableEvaluator(table).evaluate(pool, candidates, round):
            pool.append(evaluation)
    assert [evaluation.score for evaluation in pool.evaluations] == [table.row(cell).score for cell in cells]
    assert [evaluation.parameters for evaluation in pool.evaluations] == [table.row(cell).parameters for cell in cells]
    assert [evaluation.round for evaluation in pool.evaluations] == [0, 0]
