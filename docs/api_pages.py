"""Writes pages about the public face of the package, with pdoc: `make docs`, or python docs/api_pages.py FOLDER."""

import pathlib
import sys

import pdoc

import nao_tf


def main(folder: str) -> None:
    """Writes the pages and prints the first of them."""
    for name in nao_tf.__all__:
        getattr(nao_tf, name)  # pdoc shows what is loaded, and the package loads a name when it is used
    pdoc.render.configure(docformat="google")
    pdoc.pdoc("nao_tf", output_directory=pathlib.Path(folder))
    print(pathlib.Path(folder) / "nao_tf.html")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("error: give the folder for the pages")
    main(sys.argv[1])
