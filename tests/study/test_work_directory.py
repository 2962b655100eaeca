"""What a work directory belongs to, and what it keeps."""

import json

import pytest

from nao_tf.errors import InputError
from nao_tf.study.work_directory import WorkDirectory


def test_what_was_claimed_binds_and_what_is_new_joins(tmp_path):
    WorkDirectory(tmp_path / "work").claim({"pool.jsonl": {"seed": 1, "score": {"steps": 5}}})
    work = WorkDirectory(tmp_path / "work")
    work.claim({"pool.jsonl": {"seed": 1, "score": {"steps": 5}}, "pool_random.jsonl": {"seed": 1}})
    with pytest.raises(InputError, match=r"pool.jsonl: score.steps: 5, now 6.*--work_dir"):
        WorkDirectory(tmp_path / "work").claim({"pool.jsonl": {"seed": 1, "score": {"steps": 6}}})
    assert set(json.loads((tmp_path / "work" / "settings.json").read_text())) == {"pool.jsonl", "pool_random.jsonl"}


def test_a_directory_of_others_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="no work directory"):
        WorkDirectory(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="no work directory"):
        WorkDirectory(tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "thesis.txt"]


def test_a_kill_during_the_first_claim_leaves_a_directory_that_can_be_used(tmp_path):
    (tmp_path / "settings.json.writing").write_text('{"pool.js')
    WorkDirectory(tmp_path).claim({"pool.jsonl": {}})
    assert (tmp_path / "settings.json").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"pool.jsonl": ', "\x00"])
def test_a_damaged_identity_is_one_line_that_names_the_file(content, tmp_path):
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(InputError, match=r"settings\.json cannot be read"):
        WorkDirectory(tmp_path)


def test_seconds_of_stages_add_up_over_processes_and_survive_a_cut_line(tmp_path):
    work = WorkDirectory(tmp_path)
    (tmp_path / "timings.jsonl").write_text('{"stage": "search", "seconds": 2.5}\n{"stage": "sea')
    with work.timed("search"):
        pass
    with work.timed("test"):
        pass
    assert work.seconds() == {"search": 2.5, "test": 0.0}
    with pytest.raises(KeyboardInterrupt), work.timed("stopped"):
        raise KeyboardInterrupt
    assert "stopped" not in work.seconds()


def test_checkpoints_of_other_settings_have_other_names(tmp_path):
    work = WorkDirectory(tmp_path)
    work.claim({"final": work.first_final_settings({"steps": 1})})
    again = WorkDirectory(tmp_path)
    assert again.checkpoint("final", settings={"steps": 1}).name == "final.npz"
    other = again.checkpoint("final", settings={"steps": 2}).name
    assert other not in ("final.npz", again.checkpoint("final", settings={"steps": 3}).name)
    again.claim({"final": again.first_final_settings({"steps": 2})})  # the first settings stay those of the directory
