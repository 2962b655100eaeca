"""The file of a pool: what a kill leaves is repaired, what was changed is refused in one line that names the line."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nao_tf.architecture import RecurrentSpace
from nao_tf.errors import InputError
from nao_tf.search.pool import Candidate, Evaluation, Pool

SPACE = RecurrentSpace()
KEYS = ["id", "architecture", "text", "score", "metric", "higher_is_better", "status", "reason", "origin", "parent",
        "step_size", "round", "predicted", "parameters", "check"]  # fmt: skip


def pool_at(path):
    return Pool(path, SPACE, metric="relus", higher_is_better=True)


def member(id, *, round=0, score=1.5, seed=None, **candidate):
    architecture = SPACE.sample(np.random.default_rng(id if seed is None else seed))
    return Evaluation(id, Candidate(architecture, "random", **candidate), round, score, 10)


@pytest.fixture
def written(tmp_path):
    pool = pool_at(tmp_path / "pool.jsonl")
    for id in range(4):
        pool.append(member(id, score=None if id == 2 else id / 3, predicted=0.25, parent=id - 1 if id else None))
    pool.append(member(1, round=1, score=7.0))  # scored again
    return pool.path


def without_checks(path):
    path.write_bytes(re.sub(rb', "check": "[0-9a-f]{8}"', b"", path.read_bytes()))


def changed(path, line, **fields):
    """Writes other values into a line of a pool without check values."""
    without_checks(path)
    lines = path.read_text().splitlines()
    lines[line - 1] = json.dumps(json.loads(lines[line - 1]) | fields)
    path.write_text("\n".join(lines) + "\n")


def test_lines_end_with_a_check_value_and_come_back(written):
    lines = [json.loads(line) for line in written.read_text().splitlines()]
    assert all(list(line) == KEYS for line in lines)
    again = pool_at(written)
    assert [evaluation.id for evaluation in again.history] == [0, 1, 2, 3, 1]
    assert again.get(1).score == 7.0 and again.get(2).score is None and again.first_round(1) == 0


@pytest.mark.parametrize("old, new", [(b'"score": 0.0', b'"score": 9.0'), (b'"relus"', b'"relUs"'), (b": ", b":")])
def test_a_line_that_was_changed_is_named(old, new, written):
    lines = written.read_bytes().splitlines(keepends=True)
    lines[0] = lines[0].replace(old, new)
    written.write_bytes(b"".join(lines))
    before = written.read_bytes()
    with pytest.raises(InputError, match=r"line 1 of .*pool.jsonl .*changed by hand.*--work_dir"):
        pool_at(written)
    assert written.read_bytes() == before


def test_lines_without_check_values_go_on_without(written):
    without_checks(written)
    pool_at(written).append(member(4, round=2))
    assert b"check" not in written.read_bytes() and len(pool_at(written)) == 5


@pytest.mark.parametrize("bare", [1, 3])
def test_a_mixture_of_both_is_refused(bare, written):
    lines = written.read_bytes().splitlines(keepends=True)
    lines[bare - 1] = re.sub(rb', "check": "[0-9a-f]{8}"', b"", lines[bare - 1])
    written.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=rf"line {2 if bare == 1 else bare} of .*check value, but line 1 has"):
        pool_at(written)


@pytest.mark.parametrize(
    "line, fields, said",
    [
        (1, {"id": True}, "'id' is true"),
        (1, {"id": -1}, "'id' is -1"),
        (2, {"id": 3}, "its id is 3, but the next one is 1"),
        (3, {"id": 0}, "its id 0 is that of another architecture"),
        (5, {"round": 0}, "evaluated in round 0 already"),
        (2, {"round": 1.0}, "'round' is 1.0"),
        (2, {"score": "0.5"}, "'score' is"),
        (2, {"score": False}, "'score' is false"),
        (2, {"score": None}, "'status' is"),
        (2, {"status": "failed"}, "'status' is"),
        (2, {"text": "node 0"}, "'text' is"),
        (2, {"architecture": [0, 1]}, "takes 22"),
        (2, {"architecture": "0 1"}, "takes a list"),
        (2, {"architecture": [True] * 22}, "holds true"),
        (2, {"architecture": [1e400] * 22}, "Infinity"),
        (2, {"architecture": [99] * 22}, "not allowed"),
        (2, {"parent": "0"}, "'parent' is"),
        (2, {"origin": None}, "'origin' is null"),
        (2, {"predicted": [0.5]}, "'predicted' is"),
        (2, {"parameters": -3}, "'parameters' is -3"),
        (2, {"reason": 3}, "'reason' is 3"),
        (2, {"higher_is_better": 1}, "'higher_is_better' is 1"),
        (2, {"higher_is_better": False}, "higher_is_better is false"),
        (2, {"metric": "loss"}, "metric"),
    ],
)
def test_a_field_that_is_none_is_named(line, fields, said, written):
    changed(written, line, **fields)
    with pytest.raises(InputError, match=rf"line {line} of .*{re.escape(said)}"):
        pool_at(written)


@pytest.mark.parametrize("name", KEYS[:-1])
def test_a_field_that_is_missing_is_named(name, written):
    without_checks(written)
    lines = written.read_text().splitlines()
    fields = json.loads(lines[2])
    del fields[name]
    written.write_text("\n".join([*lines[:2], json.dumps(fields), *lines[3:]]) + "\n")
    with pytest.raises(InputError, match=rf"line 3 of .*'{name}' is missing"):
        pool_at(written)


@pytest.mark.parametrize(
    "score", ["NaN", "-Infinity", "1e400", "9" * 4301, "1" * 30, '"\\ud800"', "[" * 100_000, '0.5, "score": 0.6']
)
def test_numbers_that_are_none_are_refused(score, written):
    without_checks(written)
    lines = written.read_text().splitlines()
    lines[1] = lines[1].replace(f'"score": {1 / 3}', f'"score": {score}')
    written.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="line 2 of ") as caught:
        pool_at(written)
    assert len(str(caught.value)) < 700 and "\n" not in str(caught.value)


@pytest.mark.parametrize("order", [[1, 0, 2, 3], [0, 2, 3], [0, 1, 1, 2], [0, 1, 2, 3, 3]])
def test_lines_out_of_order_missing_or_twice_are_refused(order, written):
    lines = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(lines[number] for number in order))
    with pytest.raises(InputError, match="line [1-5] of "):
        pool_at(written)


@pytest.mark.parametrize("rest", [b"{", b'{"id": 5, "archi', b"\0" * 512, b'{"id": 5' + b"\0" * 7])
def test_what_a_kill_leaves_is_dropped(rest, written):
    whole = written.read_bytes()
    written.write_bytes(whole + rest)
    assert len(pool_at(written)) == 4 and written.read_bytes() == whole


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\0rest", b"a thesis without a line end", b"\xff\xfei\0d\0"])
def test_a_file_of_another_kind_is_refused_and_kept(content, tmp_path):
    (tmp_path / "pool").write_bytes(content)
    with pytest.raises(InputError, match="line 1 of "):
        pool_at(tmp_path / "pool")
    assert (tmp_path / "pool").read_bytes() == content


def test_a_folder_is_one_line(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        pool_at(tmp_path)


def test_estimates_that_are_not_finite_are_none(tmp_path):
    pool = pool_at(tmp_path / "pool")
    pool.append(member(0, score=math.nan, predicted=math.inf, step_size=math.nan))
    read = pool_at(tmp_path / "pool").get(0)
    assert read.score is None and read.candidate.predicted is None and read.candidate.step_size is None


@given(data=st.data())
@settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_change_of_bytes_is_refused_or_leaves_the_lines_before_it(data, written, tmp_path):
    content = bytearray(written.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        end = data.draw(st.integers(at, min(len(content), at + 40)))
        content[at:end] = data.draw(st.binary(max_size=6))
        if not content:
            return
    path = tmp_path / "changed.jsonl"
    path.write_bytes(content)
    try:
        read = pool_at(path).history
    except InputError as error:
        assert "\n" not in str(error) and "line " in str(error)
        return
    whole = pool_at(written).history
    assert read == whole[: len(read)]  # nothing else was changed than that lines at the end are missing


def test_a_round_that_has_not_begun_copies_nothing(written):
    pool = pool_at(written)
    assert pool.before(2) is pool
    assert len(pool.before(1).history) == 4 and pool.before(1).evaluations == list(pool.history[:4])


def test_the_best_is_the_first_of_the_best_also_when_members_are_scored_again():
    pool = Pool(None, SPACE, metric="relus", higher_is_better=True)
    assert pool.best is None
    for id, score in enumerate([2.0, None, 5.0, 5.0]):
        pool.append(member(id, score=score))
    assert pool.best.id == 2
    for id, score in enumerate([3.0, 4.0, 1.0, 3.5]):
        pool.append(member(id, score=score, round=1))
        ranked = pool.ranked
        assert pool.best == ranked[0]


def test_a_round_below_that_of_the_line_before_is_refused(written):
    pool_at(written).append(member(4))
    with pytest.raises(InputError, match="its round is 0, but the line before is of 1"):
        pool_at(written)
