"""The task of language: the length of its trainings, what is no language model, whose weights a program has."""

import dataclasses

import numpy as np
import pytest

from nao_tf.data.text import Corpus
from nao_tf.data.vocabulary import Vocabulary
from nao_tf.settings import replaced
from nao_tf.tasks.language import LanguageTask


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
