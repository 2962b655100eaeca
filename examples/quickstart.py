# %% [markdown]
# # Quickstart
#
# Five steps, about a minute on two cores: search with a function of your own, look at what was found, draw it; then
# search, train and export a small network for pictures, and answer from the SavedModel.
#
# This page is `examples/quickstart.py` and `examples/quickstart.ipynb`; `python examples/make_notebook.py` makes the
# second from the first.

# %% [markdown]
# ## 1. Search with a function of your own
#
# A space is a dictionary of decisions, and a function tells how good each choice is. Here it classifies handwritten
# digits, which the package carries, by their nearest neighbours. Higher is better.

# %%
import dataclasses
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

import nao_tf
from nao_tf.data import digits
from nao_tf.report.drawing import drawing, svg_file

images, labels = digits.read()
rows = images.reshape(len(images), 64) / 255.0
order = np.random.default_rng(0).permutation(len(rows))
known, asked = order[:400], order[400:600]

space = nao_tf.CategoricalSpace(
    "neighbours",
    {
        "neighbours": ["1", "2", "3", "5", "9", "15", "25"],
        "power": ["0.5", "1", "2", "3", "5"],
        "contrast": ["0.3", "0.5", "1", "2", "4"],
        "weight": ["equal", "nearer counts more"],
    },
)


def accuracy(architecture):
    """The share of the digits that their neighbours classify rightly."""
    decided = space.decisions_of(architecture.values)
    seen, new = (rows[part] ** float(decided["contrast"]) for part in (known, asked))
    differences = np.abs(new[:, None] - seen[None])  # [asked, known, 64]
    distances = (differences ** float(decided["power"])).sum(-1)
    nearest = distances.argsort(1)[:, : int(decided["neighbours"])]
    weights = 1 / (1e-9 + np.take_along_axis(distances, nearest, 1)) if "nearer" in decided["weight"] else 1.0
    votes = (np.eye(10)[labels[known][nearest]] * np.reshape(weights, [*np.shape(weights), 1])).sum(1)
    return float((votes.argmax(1) == labels[asked]).mean())


pool = nao_tf.search(space, accuracy, budget=40, strategy="nao", initial=30, proposals=10, seed=1)

# %% [markdown]
# ## 2. Look at what was found

# %%
print(f"{len(pool)} of {space.size} were tried; the best:")
for evaluation in pool.ranked[:3]:
    candidate = evaluation.candidate
    print(f"{evaluation.score:.3f}  {candidate.architecture.text}  ({candidate.origin})")

# %% [markdown]
# ## 3. Search a network for pictures, train and export it
#
# A task is data, a space of networks and how they are trained. `cifar10` without a folder takes the same digits. The
# sizes here are tiny, to be quick; `bin/nao_search --task=cifar10` has the real ones.

# %%
task_class = nao_tf.TASKS["cifar10"]
settings = task_class.presets("cifar10", "cpu", space="enas")
settings = dataclasses.replace(
    settings,
    budget=3,
    initial=3,
    finalists=1,
    score=dataclasses.replace(settings.score, steps=20, filters=4, layers=3),
    final=dataclasses.replace(settings.final, steps=150, filters=8, layers=3),
)
task = task_class.load("cifar10", settings)
work = pathlib.Path(tempfile.mkdtemp(prefix="quickstart-"))
result = nao_tf.Study(task, work, strategy="random").run()
print(f"test accuracy {result.test['accuracy']:.1%} with {result.test['parameters']:,} parameters")
print(result.architecture.text)

# %% [markdown]
# ## 4. Draw it

# %%
picture = svg_file(drawing(result.architecture, "found"))
(work / "found.svg").write_text(picture)
print(work / "found.svg")

# In a notebook this shows it:
try:
    from IPython.display import SVG, display
except ImportError:
    pass
else:
    display(SVG(picture))

# %% [markdown]
# ## 5. Answer from the SavedModel
#
# `export/child/1` is what TensorFlow Serving takes. `export/child/keras` is the same network as plain Keras code.

# %%
model = tf.saved_model.load(work / "export" / "child" / "1")
answer = model.signatures["classify"](images=tf.constant(images[asked[:10]]))
print("said:", *(label.decode() for label in answer["labels"].numpy()))
print("are: ", *labels[asked[:10]])
