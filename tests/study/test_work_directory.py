"""What a work directory belongs to, and what it keeps."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nao_tf.errors import InputError
from nao_tf.study.work_directory import WorkDirectory

IDENTITIES = {"pool.jsonl": {"seed": 1, "strategy": "random"}, "final": {"settings": {"steps": 2}}}
HOLDER = """
import sys
from nao_tf.study.work_directory import WorkDirectory
WorkDirectory(sys.argv[1]).claim({"pool.jsonl": {"seed": 1}})
print("held", flush=True)
sys.stdin.read()
"""


def test_what_was_claimed_binds_and_what_is_new_joins(tmp_path):
    WorkDirectory(tmp_path / "work").claim({"pool.jsonl": {"seed": 1, "score": {"steps": 5}}})
    work = WorkDirectory(tmp_path / "work")
    work.claim({"pool.jsonl": {"seed": 1, "score": {"steps": 5}}, "pool_random.jsonl": {"seed": 1}})
    (tmp_path / "work" / "pool.jsonl").write_text("a line\n")
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
    with pytest.raises(InputError, match="would lie in a file"):
        WorkDirectory(tmp_path / "file" / "run" / "deeper")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "thesis.txt"]


def test_a_kill_during_the_first_claim_leaves_a_directory_that_can_be_used(tmp_path):
    (tmp_path / "settings.json.writing").write_text('{"pool.js')
    WorkDirectory(tmp_path).claim({"pool.jsonl": {}})
    assert (tmp_path / "settings.json").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"pool.jsonl": ', b"\0", b"\xff{}", b'{"pool.jsonl": 3}', b'{"final": {}}', b'{"a": {"b": NaN}}',
     b'{"a": {"b": 1' + b"0" * 5000 + b"}}", b'{"a": {}, "a": {}}', b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_identity_is_one_line_that_names_the_file(content, tmp_path):
    (tmp_path / "settings.json").write_bytes(content)
    with pytest.raises(InputError, match=r"settings\.json is damaged .*--work_dir") as caught:
        WorkDirectory(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("computed", [{"pool.jsonl": "line"}, {"checkpoints/shared_random/round-0.npz": "weights"}])
def test_a_claim_binds_once_something_was_computed(computed, tmp_path):
    WorkDirectory(tmp_path).claim(IDENTITIES)
    corrected = {**IDENTITIES, "pool.jsonl": {"seed": 2, "strategy": "random"}}
    (tmp_path / "flags.txt").write_text("--seed=1\n")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "final.npz.writing").write_text("half")
    WorkDirectory(tmp_path).claim(corrected)  # the first run failed before it computed anything
    assert not (tmp_path / "checkpoints" / "final.npz.writing").exists()
    for name, content in computed.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match="seed: 2, now 1"):
        WorkDirectory(tmp_path).claim(IDENTITIES)
    WorkDirectory(tmp_path).claim(corrected)


@pytest.mark.parametrize(
    "name", ["checkpoints/final.npz", "pool.jsonl", "result.json", "export/child/1/saved_model.pb"]
)
def test_a_training_is_bound_by_whatever_was_computed(name, tmp_path):
    WorkDirectory(tmp_path).claim({"final": {"seed": 1, "settings": None}})
    WorkDirectory(tmp_path).claim({"final": {"seed": 2, "settings": None}})
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("computed")
    with pytest.raises(InputError, match="final: seed: 2, now 3"):
        WorkDirectory(tmp_path).claim({"final": {"seed": 3, "settings": None}})


@pytest.mark.parametrize("left", [[".lock"], [".lock", ".lock_owner"], [".lock", "settings.json.writing"]])
def test_what_a_kill_before_the_claim_leaves_blocks_nothing(left, tmp_path):
    for name in left:
        (tmp_path / name).write_text("{")
    WorkDirectory(tmp_path).claim(IDENTITIES)
    assert json.loads((tmp_path / "settings.json").read_text()) == IDENTITIES


@pytest.mark.parametrize("name", ["result.json", "flags.txt", "timings.jsonl", ".lock"])
def test_a_folder_where_a_file_should_be_is_told_before_the_work(name, tmp_path):
    WorkDirectory(tmp_path / "a").claim({"pool.jsonl": {}})
    work = tmp_path / "b"
    work.mkdir()
    (work / "settings.json").write_text((tmp_path / "a" / "settings.json").read_text())
    (work / name).mkdir()
    with pytest.raises(InputError, match=f"{name} is a folder"):
        WorkDirectory(work).claim({"pool.jsonl": {}})


@pytest.mark.parametrize(
    "name", ["settings.json", "pool.jsonl", "pool_random.jsonl", "timings.jsonl", "result.json", ".lock"]
)
def test_a_pipe_where_a_file_should_be_is_not_waited_for(name, tmp_path):
    WorkDirectory(tmp_path).claim({"pool.jsonl": {}})
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=f"{name} is a pipe or a device, where a run keeps a file; move it away"):
        WorkDirectory(tmp_path)


def test_a_link_to_nothing_is_told(tmp_path):
    os.symlink(tmp_path / "disk" / "run", tmp_path / "work")
    with pytest.raises(InputError, match="work is a link to nothing; make what it leads to, or give another"):
        WorkDirectory(tmp_path / "work")
    (tmp_path / "disk" / "run").mkdir(parents=True)
    WorkDirectory(tmp_path / "work").claim({"pool.jsonl": {}})
    assert (tmp_path / "disk" / "run" / "settings.json").exists()


@pytest.mark.parametrize("name", ["checkpoints", "export", "tensorboard"])
def test_a_file_where_a_folder_should_be_is_told_before_the_work(name, tmp_path):
    WorkDirectory(tmp_path).claim({"pool.jsonl": {}})
    (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=f"{name} is a file"):
        WorkDirectory(tmp_path).claim({"pool.jsonl": {}})


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "work")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(InputError, match=rf"work is in use by process {holder.pid} \(since \d{{4}}-.*--work_dir"):
        WorkDirectory(tmp_path / "work").claim({"pool.jsonl": {"seed": 1}})
    (tmp_path / "work" / ".lock_owner").write_text("{")
    with pytest.raises(InputError, match="in use by another process"):
        WorkDirectory(tmp_path / "work").claim({"pool.jsonl": {"seed": 1}})
    holder.kill()
    holder.communicate()
    work = WorkDirectory(tmp_path / "work")
    work.claim({"pool.jsonl": {"seed": 1}})
    work.claim({"pool.jsonl": {"seed": 1}})  # the same process as often as it likes


def test_a_directory_that_was_deleted_and_made_again_is_locked_again(tmp_path):
    WorkDirectory(tmp_path / "work").claim({})
    for path in (tmp_path / "work").iterdir():
        path.unlink()
    (tmp_path / "work").rmdir()
    WorkDirectory(tmp_path / "work").claim({"pool.jsonl": {}})
    assert (tmp_path / "work" / ".lock").exists()


def test_a_name_that_is_not_utf_8_is_refused(tmp_path):
    with pytest.raises(InputError, match="not UTF-8"):
        WorkDirectory(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    with pytest.raises(InputError, match=r"a control character in its name"):
        WorkDirectory(tmp_path / "a\nb")
    WorkDirectory(tmp_path / "café 🐱 ")


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


@pytest.mark.parametrize(
    "line", ["[]", '{"stage": 3, "seconds": 1}', '{"stage": "a", "seconds": true}', '{"stage": "a", "seconds": NaN}',
             '{"stage": "a", "seconds": 1e300}', "hello", '{"pool": "p", "id": "3", "rung": 0, "seconds": 1}']
)  # fmt: skip
def test_a_line_of_the_timings_that_was_changed_is_told_before_the_work(line, tmp_path):
    WorkDirectory(tmp_path).claim({"pool.jsonl": {}})
    (tmp_path / "timings.jsonl").write_text('{"stage": "search", "seconds": 2.5}\n' + line + "\n")
    with pytest.raises(InputError, match="line 2 of .*timings.jsonl is damaged"):
        WorkDirectory(tmp_path).claim({"pool.jsonl": {}})


@given(data=st.data())
@settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_changed_files_are_fine_or_one_line(data, tmp_path):
    contents = {
        "settings.json": json.dumps(IDENTITIES).encode(),
        "timings.jsonl": b'{"stage": "search", "seconds": 2.5}\n{"stage": "sea',
    }
    for name, whole in contents.items():
        changed = bytearray(whole)
        at = data.draw(st.integers(0, len(whole) - 1))
        changed[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=5))
        (tmp_path / name).write_bytes(changed)
    try:
        WorkDirectory(tmp_path).claim({"pool.jsonl": {"seed": 2}})
    except InputError as error:
        assert "\n" not in str(error)


def test_checkpoints_of_other_settings_have_other_names(tmp_path):
    work = WorkDirectory(tmp_path)
    work.claim({"final": work.first_final_settings({"steps": 1})})
    again = WorkDirectory(tmp_path)
    assert again.checkpoint("final", settings={"steps": 1}).name == "final.npz"
    other = again.checkpoint("final", settings={"steps": 2}).name
    assert other not in ("final.npz", again.checkpoint("final", settings={"steps": 3}).name)
    again.claim({"final": again.first_final_settings({"steps": 2})})  # the first settings stay those of the directory
