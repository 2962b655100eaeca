"""The task of language: recurrent cells that learn a text.

Importing this loads no TensorFlow; making an evaluator or a final model does.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from nao_tf.architecture import Architecture, RecurrentSpace
from nao_tf.child.language.size import size_of_language_model
from nao_tf.data.streams import streams, window_count
from nao_tf.data.text import Corpus, load_corpus
from nao_tf.errors import InputError
from nao_tf.search.evaluator import Evaluator, FromScratch, SharedWeights
from nao_tf.search.executors import Executor
from nao_tf.search.settings import SIZES, StudySettings
from nao_tf.tasks.language.final_model import CURVE, FinalLanguageModel
from nao_tf.tasks.language.flags import FLAGS
from nao_tf.tasks.language.presets import PRESETS
from nao_tf.tasks.language.settings import LanguageSettings, OwnText
from nao_tf.tasks.sizes import limited
from nao_tf.tasks.task import (
    DataFiles,
    FinalModel,
    Latency,
    Metric,
    Rival,
    Task,
    chosen,
    with_ladder,
    without_ladder,
)
from nao_tf.training import lengths
from nao_tf.training.language_settings import final_training

OWN_TEXT = "text"
LSTM = "lstm"


class LanguageTask(Task):
    """A corpus, and recurrent cells that learn it.

    Scores are perplexities on the validation text, nothing dropped, the state carried over.

    Args:
        name: of the task.
        settings: of the study.
        corpus: is learned.
    """

    names = ("ptb", "wikitext2", OWN_TEXT)
    axes = ("weight_sharing",)
    short = FLAGS
    default_baselines = (LSTM,)
    trains = ("data", "final", "final_seeds", "export_weights", "activation_numbering")
    same = (("search_steps", "rungs"),)
    rival = LSTM
    sizes, varying_sizes = SIZES, ("latency_ms",)
    measures_latency = True
    noun = "cell"
    metric = Metric("validation_perplexity", higher_is_better=False, form="{:.2f}")
    test_metric = Metric("perplexity", higher_is_better=False, form="{:.2f}")

    def __init__(self, name: str, settings: LanguageSettings, *, corpus: Corpus):
        settings = with_ladder(settings)  # a length that is given
        score, final = (
            training.fitted(window_count(streams(corpus.train, training.batch_size), training.window))
            for training in (settings.score, settings.final)
        )
        self._chosen = {"score": score is not settings.score, "final": final is not settings.final}
        super().__init__(dataclasses.replace(settings, score=score, final=final))
        self.name, self.corpus = name, corpus
        self._trainers: dict[object, Any] = {}
        self.limits_of(None)

    def __getstate__(self) -> dict[str, Any]:
        # another process compiles its own programs; it proposes nothing, so it needs no limits
        return {**self.__dict__, "space": RecurrentSpace(), "_trainers": {}}

    # ---- how large its networks are

    def sizes_of(self, architecture: Architecture) -> dict[str, float]:
        """See `Task`; equal for all cells."""
        parameters, multiply_adds = size_of_language_model(self.settings.final.units, len(self.corpus.vocabulary))
        return {"parameters": parameters, "flops": multiply_adds}

    @property
    def copies_of_weights(self) -> int | None:
        """See `Task`; weights and what the optimizer keeps; where epochs are validated, the best and averaged ones."""
        final = self.settings.final
        kept = {"adam": 3}.get(final.optimizer, 1)
        return kept if final.patience is None else 2 * kept + 1

    def limits_of(self, latency: Latency | None) -> None:
        """See `Task`. Raises InputError where a limit of what is equal for all cells leaves none."""
        space, bounds, units = RecurrentSpace(), self.settings.bounds, self.settings.final.units
        of = f"{units} units and {len(self.corpus.vocabulary):,} words"
        sizes = self.sizes_of(space.architecture(next(iter(space.published.values()))))
        for name, size in sizes.items():
            bound = bounds.pop(f"max_{name}", None)
            if bound is not None and size > bound:
                raise InputError(
                    f"no cell keeps --max_{name}={bound:,}: with {of} every one has {size:,} {name}; "
                    "give fewer --units, or more"
                )
        self.space = limited(space, bounds, task=self, latency=latency, of=of)

    def serve_untrained(self, architecture: Architecture, directory: pathlib.Path) -> Mapping[str, Any]:
        """See `Task`; a text as long as a window of the training."""
        from nao_tf.serving.export_language import export_language_model
        from nao_tf.training.language_networks import build_model, searched_cell

        final, words = self.settings.final, len(self.corpus.vocabulary)
        model = build_model(final, words, cell=searched_cell(final), values=architecture.values)
        export_language_model(model, self.corpus.vocabulary, directory=directory, weights=self.settings.export_weights)
        return {"tokens": np.random.default_rng(0).integers(0, words, [1, final.window]).astype(np.int32)}

    def latency_features(self, architecture: Architecture) -> tuple[float, ...]:
        """See `Task`; nodes with an activation that takes an exponential, and with another one that computes."""
        activations = [position.words[value] for position, value in zip(
            RecurrentSpace().positions[1::2], architecture.values[1::2], strict=True)]  # fmt: skip
        exponential = sum(activation in ("tanh", "sigmoid") for activation in activations)
        return exponential, activations.count("relu")

    # ---- for the programs

    @classmethod
    def presets(
        cls, name: str, preset: str, *, training: bool = False, architecture: str | None = None, **axes: Any
    ) -> LanguageSettings:
        """See `Task`."""
        settings = chosen(PRESETS, preset, variant=axes.get("weight_sharing"))
        data = OwnText() if name == OWN_TEXT else DataFiles()
        score, final = settings.score, final_training(preset, name) if training else settings.final
        if name == OWN_TEXT and preset in lengths.FITTED:
            settings = without_ladder(settings)
            length = "text_round" if settings.weight_sharing else "text_child"
            score = dataclasses.replace(score, steps=0, length=length)
            final = dataclasses.replace(
                final, steps=0, length="text_final" if training else "text_finalist", epochwise=True
            )
        return dataclasses.replace(settings, data=data, score=score, final=final)

    @classmethod
    def load(cls, name: str, settings: StudySettings, *, training: bool = False) -> LanguageTask:
        """See `Task`."""
        assert isinstance(settings, LanguageSettings)
        data = settings.data
        own = data if isinstance(data, OwnText) else OwnText()
        corpus = load_corpus(
            name,
            data.directory,
            download=data.download,
            vocabulary_size=own.vocabulary_size,
            minimum_count=own.minimum_count,
        )
        for part in (settings.final,) if training else (settings.score, settings.final):
            window_count(streams(corpus.train, part.batch_size), part.window)  # refused before anything is written
        return cls(name, settings, corpus=corpus)

    def with_settings(self, settings: LanguageSettings) -> LanguageTask:
        """See `Task`."""
        return type(self)(self.name, settings, corpus=self.corpus)

    def parse(self, text: str) -> Architecture:
        """See `Task`; integers are read in the numbering of the settings."""
        return RecurrentSpace().convert(RecurrentSpace(self.settings.activation_numbering).parse(text))

    # ---- the data

    def dataset(self) -> dict[str, Any]:
        """See `Task`."""
        return {"dataset": self.corpus.name, "source": self.corpus.source}

    def fingerprint(self) -> str:
        """See `Task`."""
        return self.corpus.fingerprint()

    def data_lines(self) -> list[str]:
        """See `Task`."""
        corpus = self.corpus
        notice = f"NOTICE: no {self.name} data was given; running on the embedded sample {corpus.name}"
        line = f"corpus {corpus.name} ({corpus.source}): {len(corpus.vocabulary):,} words"
        notes = [f"NOTICE: {note}" for note in corpus.notes]
        return [*notes, line] if corpus.name == self.name else [notice, *notes, line]

    def length_line(self, *, training: bool = False) -> str | None:
        """See `Task`."""
        tokens = self.corpus.train
        return lengths.line_of_study(
            self.settings,
            self._chosen,
            per_epoch=lambda part: window_count(streams(tokens, part.batch_size), part.window),
            size=f"{len(tokens):,} tokens",
            training=training,
        )

    def description(self, architecture: Architecture | None = None) -> dict[str, Any]:
        """See `Task`; every cell has as many parameters."""
        from nao_tf.training.language_networks import build_model, searched_cell

        corpus, final = self.corpus, self.settings.final
        model = build_model(final, len(corpus.vocabulary), cell=searched_cell(final))
        return {
            **self.dataset(),
            "tokens": {part: len(getattr(corpus, part)) for part in ("train", "valid", "test")},
            "vocabulary": len(corpus.vocabulary),
            "parameters": model.count_params(),
        }

    def score_identity(self) -> dict[str, Any]:
        """See `Task`."""
        settings = self.settings
        identity = {"weight_sharing": settings.weight_sharing, "score": settings.score.identity()}
        if settings.max_latency_ms is not None:
            identity |= {"max_latency_ms": settings.max_latency_ms, "of": {"units": settings.final.units}}
        return {**identity, "rungs": list(settings.rungs)} if settings.rungs else identity

    def final_identity(self) -> Any:
        """See `Task`."""
        return self.settings.final.identity()

    def figures_text(self, figures: Mapping[str, Any]) -> str:
        """See `Task`."""
        return (
            f"validation perplexity {figures['validation_perplexity']:8.2f}  test perplexity "
            f"{figures['perplexity']:8.2f}  parameters {figures['parameters']:,}"
        )

    def useless(self, figures: Mapping[str, Any]) -> str | None:
        """See `Task`; guessing every word alike has as large a perplexity as there are words."""
        words = len(self.corpus.vocabulary)
        for part, name in (("validation", "validation_perplexity"), ("test", "perplexity")):
            perplexity = figures.get(name, 0)
            if not perplexity <= words:  # nor is one that is not a number
                return (
                    f"{part} perplexity {perplexity:,.0f} is above the {words:,} words of the vocabulary: "
                    "it has learnt nothing"
                )
        return None

    def curves(self, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, list[float]]:
        """See `Task`; of trainings whose epochs are validated."""
        return {name: row[CURVE] for name, row in rows.items() if CURVE in row}

    # ---- networks

    @property
    def independent_scores(self) -> bool:
        """See `Task`; not with shared weights."""
        return not self.settings.weight_sharing

    def evaluator(
        self, *, seed: int, directory: pathlib.Path | None = None, executor: Executor | None = None
    ) -> Evaluator:
        """See `Task`."""
        from nao_tf.training.language_children import LanguageChild, SharedLanguageChild
        from nao_tf.training.reproducible import reproducibly

        settings, corpus = self.settings, self.corpus
        texts = {"train": corpus.train, "valid": corpus.valid}
        if settings.weight_sharing:
            shared = functools.partial(
                SharedLanguageChild, settings.score, **texts, vocabulary_size=len(corpus.vocabulary)
            )
            return SharedWeights(shared, seed=seed, directory=directory)
        child = functools.partial(
            reproducibly, LanguageChild, seed, settings.score, **texts, vocabulary_size=len(corpus.vocabulary)
        )
        return FromScratch(child, seed=seed, executor=executor, directory=directory, steps=settings.rungs)

    def final(
        self, network: Architecture | Rival, *, seed: int, devices: Any = None, steps: int | None = None
    ) -> FinalModel:
        """See `Task`; the LSTM is trained on one device."""
        from nao_tf.training.language import LanguageTrainer
        from nao_tf.training.language_networks import KerasLstm

        settings, corpus = self.settings.final, self.corpus
        if isinstance(network, Rival):
            settings = dataclasses.replace(settings, units=network.size["units"])
            trained: Any = KerasLstm(network.size["units"])
        else:
            trained = network
        # one trainer for all cells, however long they train: unless epochs are validated, its program serves them all
        key = settings, type(trained), devices
        if key not in self._trainers:
            self._trainers[key] = LanguageTrainer(
                settings,
                train=corpus.train,
                valid=corpus.valid,
                vocabulary_size=len(corpus.vocabulary),
                network=trained,
                devices=None if isinstance(network, Rival) else devices,
            )
        return FinalLanguageModel(
            self._trainers[key],
            trained,
            corpus=corpus,
            seed=seed,
            steps=settings.steps if steps is None else steps,
            weights=self.settings.export_weights,
        )

    def rival_of(self, model: FinalModel) -> Rival:
        """A one-layer Keras LSTM with about as many parameters."""
        from nao_tf.training.language_networks import KerasLstm

        assert model.parameters is not None
        return Rival(LSTM, {"units": KerasLstm.of_size(model.parameters, len(self.corpus.vocabulary)).units})
