"""A run is read from its work directory as it stands, without changing anything there."""

import json
import shutil

import pytest
from made_runs import decision_run, table_run, write_pool

from nao_tf.architecture import NasBench201Space, RecurrentSpace
from nao_tf.errors import InputError
from nao_tf.report.run import RecordedSpace, read_rows, read_run


@pytest.fixture(scope="module")
def work(invented_table, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "table"
    table_run(invented_table, path)
    return path


@pytest.fixture
def copy(work, tmp_path):
    return shutil.copytree(work, tmp_path / "copy")


def content(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_all_that_the_files_tell_is_there_and_nothing_is_written(work, invented_score):
    before = content(work)
    run = read_run(work)
    assert content(work) == before
    assert (run.task, run.space, run.metric.name) == ("nasbench201", NasBench201Space(), "seen")
    assert list(run.searches) == ["evolution", "random"]
    assert run.main.strategy == "evolution" and len(run.main.rows) == 30 and run.main.higher_is_better
    best = max(run.main.rows, key=lambda row: row.score)
    assert run.main.ranked[0] == best == run.winner_row and run.winner.values == best.values
    assert all(row.score == pytest.approx(invented_score(row.values), abs=1e-4) for row in run.main.rows)
    assert run.seconds.keys() >= {"search_evolution", "search_random"} and run.main.steps is None
    assert run.score_text(91.60667) == "91.607" and run.score_text(None) == "failed"


def test_a_run_under_way_is_read_up_to_its_last_whole_line(copy):
    (copy / "result.json").unlink()
    pool = copy / "pool.jsonl"
    lines = pool.read_bytes().splitlines(keepends=True)
    pool.write_bytes(b"".join(lines[:12]) + lines[12][:40])
    before = pool.read_bytes()
    run = read_run(copy)
    assert len(run.main.rows) == 12 and run.result is None and pool.read_bytes() == before
    assert run.winner.values == max(run.main.rows, key=lambda row: row.score).values


def test_what_is_damaged_or_no_run_is_refused_in_one_line(copy, tmp_path):
    pool = copy / "pool.jsonl"
    whole = pool.read_text()
    for damaged, message in [
        (whole.replace('"score": ', '"score": 1', 1), "line 1 .* changed by hand"),
        ('{"id": 0}\n', "'architecture'"),
        ('{"id": 0, "architecture": [1], "text": 3, "score": 1}\n', "'text'"),
        ('{"id": 0, "architecture": [1], "text": "a"}\n', "'score' is missing"),
        ("[]\n", "no evaluation"),
    ]:
        pool.write_text(damaged)
        with pytest.raises(InputError, match=message):
            read_run(copy)
    with pytest.raises(InputError, match="no work directory"):
        read_run(tmp_path)
    (copy / "result.json").unlink()
    for left in copy.glob("pool*.jsonl"):
        left.unlink()
    with pytest.raises(InputError, match="nothing was evaluated yet"):
        read_run(copy)
    (copy / "settings.json").write_text("[1]")
    with pytest.raises(InputError, match="not an object of objects"):
        read_run(copy)


def test_a_result_of_another_space_is_refused(copy):
    result = json.loads((copy / "result.json").read_text())
    result["best"]["architecture"] = [9, 9]
    (copy / "result.json").write_text(json.dumps(result))
    with pytest.raises(InputError, match="do not fit each other"):
        assert read_run(copy).winner


ROWS = [
    {"id": 0, "architecture": [0, 2], "text": "depth=2, \"note=a, b\"", "score": 3.0},
    {"id": 1, "architecture": [1, 0], "text": "depth=4, note=none", "score": None, "status": "failed", "reason": "nan"},
    {"id": 2, "architecture": [1, 2], "text": "depth=4, \"note=a, b\"", "score": 1.0},
]  # fmt: skip


def test_decisions_are_known_by_their_words_in_the_pool(tmp_path):
    run = read_run(decision_run(tmp_path / "run", ROWS))
    assert isinstance(run.space, RecordedSpace)
    assert [position.description for position in run.space.positions] == ["depth", "note"]
    assert run.space.positions[1].words == ("none", "number 1", "a, b")
    assert run.space.choices([0]) == (0, 2) and run.winner.text == 'depth=4, "note=a, b"'
    assert [row.id for row in run.main.ranked] == [2, 0] and not run.main.higher_is_better


def test_decisions_that_a_result_tells_are_known_whole(tmp_path):
    words = {"depth": ["2", "4", "8"], "note": ["none", "x", "a, b"]}
    result = {"best": {"architecture": [1, 2]}, "decisions": words, "test": {}}
    run = read_run(decision_run(tmp_path / "run", ROWS, result=result))
    assert run.space.decisions == {name: tuple(of) for name, of in words.items()} and run.winner.values == (1, 2)


def test_cells_of_fewer_nodes_are_still_recurrent_cells(tmp_path):
    space = RecurrentSpace(nodes=2)
    rows = [{"id": 0, "architecture": [0, 1, 1, 2], "text": space.text([0, 1, 1, 2]), "score": 1.0}]
    assert read_run(decision_run(tmp_path / "run", rows, space="rnn", task="ptb")).space.nodes == 2


def test_those_on_a_higher_rung_are_before_all_others(tmp_path):
    rows = [
        {"id": id, "architecture": [id], "text": f"a={id}", "score": score, "rung": rung, "cost": cost}
        for id, score, rung, cost in [(0, 5.0, "100", 0.1), (1, 4.0, "100", 0.1), (2, 1.0, "100", 0.1),
                                      (0, 3.0, "1000", 1.0), (1, 3.5, "1000", 1.0)]
    ]  # fmt: skip
    write_pool(tmp_path / "pool.jsonl", rows)
    run = read_run(decision_run(tmp_path / "run", rows))
    assert run.main.rungs == ("100", "1000") and [row.id for row in run.main.ranked] == [0, 1, 2]
    assert len(run.main.members) == 3 and len(read_rows(tmp_path / "pool.jsonl")[0]) == 5
