"""Packaging of nao_tf. The bounds are those of the releases that the tests were run with."""

import glob
import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "nao_tf" / "__init__.py").read_text()).group(1)
REPORT = ["jinja2>=3.1,<4", "matplotlib>=3.11,<4"]
SLURM = ["submitit>=1.5,<2"]
OPTUNA = ["optuna>=5,<6"]
DOCS = ["pdoc>=16,<17"]
BUILDER_FILES = ["checksums.tsv", "README.md", "CITATIONS.bib", "TAGS.txt"]

setup(
    name="nao_tf",
    version=VERSION,
    description="Neural Architecture Optimization in TensorFlow and Keras",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["nao_tf", "nao_tf.*"]),
    package_data={
        "nao_tf.data.digits": ["digits.csv.gz", "README.md"],
        "nao_tf.data.ptb": [*BUILDER_FILES, "dummy_data/*.txt"],
        "nao_tf.report": ["page/*"],
        "nao_tf.data.wikitext2": [*BUILDER_FILES, "dummy_data/wikitext-2/*.tokens"],
    },
    scripts=sorted(glob.glob("bin/nao_*")),
    install_requires=[
        "tensorflow>=2.21,<2.22",
        "keras>=3.15,<3.16",
        "tensorflow-datasets>=4.9.10,<5",
        "importlib_resources",  # tensorflow-datasets imports it without declaring it
        "tensorboard>=2.21,<2.22",
        "absl-py>=2.1",
        "filelock>=4.2,<5",
        "numpy",
        "pillow>=13,<14",
        "scipy>=1.15,<2",
    ],
    extras_require={
        "report": REPORT,  # report.html; without it a run says how to get it
        "pandas": ["pandas>=2.2,<4"],  # Pool.to_dataframe
        "ray": ["ray>=2.50,<3"],  # --executor=ray
        "slurm": SLURM,  # --executor=slurm
        "optuna": OPTUNA,  # nao_report --optuna
        "docs": DOCS,  # make docs
        "test": [
            *("pytest", "pytest-xdist", "hypothesis", "dill", "ruff", "mypy"),
            *(*REPORT, *SLURM, *OPTUNA, *DOCS),
            "keras-tuner>=1.4.8,<2",  # examples/keras_tuner_oracle.py
        ],
        "benchmarks": ["matplotlib"],  # the picture of search_quality.py
    },
)
