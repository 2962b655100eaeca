"""The tasks of the package: their tables of flags and presets, and the contract that all tasks keep."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from nao_tf.architecture import NasBench201Space
from nao_tf.data.images import ImageData, Part
from nao_tf.data.table import read_table
from nao_tf.data.text import Corpus
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.errors import InputError
from nao_tf.settings import replaced, values_of
from nao_tf.tasks import TASKS
from nao_tf.tasks.images import ImageTask
from nao_tf.tasks.language import EXPORT_WEIGHTS, LanguageTask
from nao_tf.tasks.table import TableTask
from nao_tf.testing import TaskContract

every_task = pytest.mark.parametrize("name", TASKS)


@every_task
@pytest.mark.parametrize("preset", ["cpu", "paper"])
def test_every_preset_is_there_and_every_value_described(name, preset):
    values = values_of(TASKS[name].presets(name, preset))
    assert not [path for path, value in values.items() if not value.description]
    with pytest.raises(InputError, match="--preset=fast: known are cpu, paper"):
        TASKS[name].presets(name, "fast")


@pytest.mark.parametrize("kind", dict.fromkeys(TASKS.values()), ids=lambda kind: kind.__name__)
def test_every_flag_names_a_value(kind):
    paths = {path for name in kind.names for path in values_of(kind.presets(name, "cpu"))}
    named = {path for short in kind.short.values() for path in (short.path, *short.also)}
    assert named <= paths and set(kind.axes) <= paths
    assert {flag for pair in kind.same for flag in pair} <= set(kind.short)
    assert {path.partition(".")[0] for path in paths} >= set(kind.trains)


@pytest.mark.parametrize("name", ["ptb", "cifar10"])
def test_axes_choose_among_presets(name):
    kind = TASKS[name]
    own, shared = kind.presets(name, "cpu"), kind.presets(name, "cpu", weight_sharing=True)
    assert not own.weight_sharing and shared.weight_sharing and own.score.steps < shared.score.steps


def test_formats_of_exports_are_those_that_are_written():
    from nao_tf.serving import stored_weights

    assert tuple(stored_weights.FORMATS) == EXPORT_WEIGHTS and stored_weights.DEFAULT == EXPORT_WEIGHTS[0]


def test_tasks_and_settings_load_no_tensorflow():
    script = """
import sys
from nao_tf.tasks import TASKS
for name, kind in TASKS.items():
    kind.presets(name, "cpu")
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class TestTableTask(TaskContract):
    @pytest.fixture(autouse=True)
    def table(self, invented_table):
        self.table = read_table(invented_table, NasBench201Space(), score_column="seen", test_column="told")

    def make_task(self):
        return TableTask("nasbench201", TableTask.presets("nasbench201", "cpu"), table=self.table)


def small_language_task():
    """A language task with an invented text, so small that a training takes a second."""
    words = ["the", "cat", "sat", "<unk>", "<eos>"]
    text = np.random.default_rng(0).integers(len(words), size=900).astype(np.int32)
    corpus = Corpus("text", "invented", Vocabulary(words), text[:600], text[600:750], text[750:])
    settings = LanguageTask.presets("text", "cpu")
    small = {"units": 4, "batch_size": 4, "window": 5, "steps": 6, "evaluation_batch": 4}
    for part in ("score", "final"):
        settings = replaced(settings, part, value=dataclasses.replace(getattr(settings, part), **small))
    return LanguageTask("text", settings, corpus=corpus)


def test_final_models_of_one_program_know_whose_weights_it_has(tmp_path):
    from nao_tf.observer import Observer

    task = small_language_task()
    one, other = (task.final(task.space.parse(name), seed=1) for name in ("NAO", "NAO-WS"))
    one.train(tmp_path / "one.npz", label="one", observer=Observer())
    value = one.validate()
    other.train(tmp_path / "other.npz", label="other", observer=Observer())
    with pytest.raises(RuntimeError, match="train this one from its checkpoint"):
        one.validate()
    one.train(tmp_path / "one.npz", label="one", observer=Observer())  # brings its weights back
    assert one.validate() == value != other.parameters


def test_a_perplexity_above_the_vocabulary_is_no_language_model():
    task = small_language_task()  # of five words
    assert task.useless({"validation_perplexity": 4.9, "perplexity": 5.0}) is None
    assert "test perplexity 81,376 is above the 5 words" in task.useless({"perplexity": 81_376.2})
    assert "validation perplexity 6 is" in task.useless({"validation_perplexity": 6.0, "perplexity": 4.0})
    assert "learnt nothing" in task.useless({"perplexity": float("nan")})


def own_text(tokens, **axes):
    """An own text of some tokens, and its settings as `axes` say."""
    text = np.zeros(tokens, np.int32)
    corpus = Corpus("text", "invented", Vocabulary(["the", "<unk>", "<eos>"]), text, text[:150], text[:150])
    return LanguageTask("text", LanguageTask.presets("text", "cpu", **axes), corpus=corpus)


@pytest.mark.parametrize(
    ("tokens", "axes", "steps", "patience"),
    [
        (108_000, {}, (500, 5_308), 462),  # 154 steps an epoch
        (108_000, {"training": True}, (500, 9_240), 462),
        (929_589, {}, (500, 5_308), 3_981),
        (929_589, {"training": True}, (500, 23_886), 3_981),
        (5_000, {"weight_sharing": True}, (100, 1_000), 200),  # 7 steps an epoch
    ],
)
def test_lengths_follow_the_size_of_an_own_text(tokens, axes, steps, patience):
    settings = own_text(tokens, **axes).settings
    assert (settings.score.steps, settings.final.steps) == steps
    assert settings.final.patience == patience and settings.final.epochwise and settings.score.patience is None


@pytest.mark.parametrize(
    ("images", "steps", "patience"),
    [
        (540, (300, 2_500), 1_000),
        (64, (150, 2_500), 1_000),
        (9_000, (300, 5_600), 2_240),
        (45_000, (300, 10_000), None),  # patience of 16 epochs would be longer
    ],
)
def test_lengths_follow_the_number_of_own_images(images, steps, patience):
    part = Part(np.zeros((images, 1, 1, 3), np.uint8), np.arange(images, dtype=np.int32) % 2)
    data = ImageData("images", "here", ("a", "b"), part, part, part)
    settings = ImageTask("images", ImageTask.presets("images", "cpu"), data=data).settings
    assert (settings.score.steps, settings.final.steps, settings.final.patience) == (*steps, patience)
    given = replaced(ImageTask.presets("images", "cpu"), "epochs", value=2)
    final = ImageTask("images", given, data=data).settings.final
    assert (final.steps, final.patience) == (2 * (images // 64), None)  # passes that are given win


def test_the_line_about_lengths_tells_what_was_chosen_for_the_run():
    task = own_text(108_000)
    assert task.length_line() == (
        "lengths that fit 108,000 tokens: children of the search 500 steps (3.25 epochs); final models at most 5,308 "
        "steps (34.5 epochs), ended by validation where 462 steps bring no gain"
    )
    assert "children" not in task.length_line(training=True) and "5,308" in task.length_line(training=True)
    assert "rounds of the shared child" in own_text(108_000, weight_sharing=True).length_line()
    given = replaced(LanguageTask.presets("text", "cpu"), "final.steps", value=7)
    one = LanguageTask("text", given, corpus=task.corpus)
    assert "children" in one.length_line() and "final" not in one.length_line()
    assert one.length_line(training=True) is None
    published = LanguageTask("ptb", LanguageTask.presets("ptb", "cpu"), corpus=task.corpus)
    assert published.length_line() is None


@pytest.mark.parametrize(("accuracy", "learnt"), [(0.7, False), (0.74, False), (0.79, True), (0.2, False)])
def test_an_accuracy_of_a_guess_is_no_classifier(accuracy, learnt):
    """Of 400 images 70 % are of one class: a guess is right with a standard error of 2.3 %."""
    labels = np.repeat(np.arange(3), [140, 40, 20]).astype(np.int32)
    part = Part(np.zeros((200, 8, 8, 3), np.uint8), labels)
    data = ImageData("images", "here", ("a", "b", "c"), part, part, part)
    task = ImageTask("images", ImageTask.presets("images", "cpu"), data=data)
    said = task.useless({"validation_accuracy": accuracy + 0.01, "accuracy": accuracy - 0.01})
    assert (said is None) == learnt and (learnt or f"{accuracy:.2%} on validation and test" in said)


def test_a_table_has_one_figure_for_each_network():
    with pytest.raises(ValueError, match="final_seeds of 3; a table has one figure for each network"):
        dataclasses.replace(TableTask.presets("nasbench201", "cpu"), final_seeds=3)


# Of published networks: trainable parameters and multiply-adds for 10 classes of 32 pixels,
# counted from the authors' integers by a program apart from this package.
PUBLISHED = {
    "NAONet-A-36": (11_470_150, 1_673_814_240),
    "NAONet-A-128": (144_576_394, 21_133_147_136),
    "NAONet-B": (2_921_302, 462_002_400),
    "NAONet-V2-36": (4_387_654, 684_238_464),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_their_own_structure_and_size(name):
    settings = ImageTask.presets("cifar10", "paper", training=True, architecture=name)
    task = ImageTask("cifar10", settings, data=pictures(10))
    described = task.description(task.parse(name))
    assert (described["parameters"], described["multiply_adds"]) == PUBLISHED[name]
    assert "published_form" not in described
    other = dataclasses.replace(settings, final=dataclasses.replace(settings.final, macro="nao_ws"))
    assert ImageTask("cifar10", other, data=pictures(10)).description(task.parse(name)) != described
    small = ImageTask("cifar100", settings, data=pictures(10, size=8, channels=1))  # stands in for the published data
    form = small.description(small.parse(name))["published_form"]
    assert (form["image_shape"], form["classes"]) == ([32, 32, 3], 100)
    assert form["parameters"] > PUBLISHED[name][0] > small.description(small.parse(name))["parameters"]


def pictures(classes, size=32, channels=3):
    """One black image of each class in every part."""
    part = Part(np.zeros([classes, size, size, channels], np.uint8), np.arange(classes, dtype=np.int32))
    return ImageData("images", "here", tuple(map(str, range(classes))), part, part, part)
