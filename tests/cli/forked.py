"""A process that has loaded TensorFlow and the package, and forks off a program for every line it is sent.

A start that loads TensorFlow takes three seconds of processor time; a fork of this process, which has loaded it and
computed nothing yet, takes none. A program is a process of its own here too: with its own memory, streams and working
directory, started with its own arguments, and ended by its own exit status or a signal.

A line of standard input is a JSON object with `command` (the script and its arguments), `folder`, `environment`,
`output` and `errors` (the files of its streams). The answers are the process's number and, when it has ended, its
status as `os.waitpid` tells it.
"""

import gc
import json
import os
import pathlib
import runpy
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load():
    """Loads what the programs load, as `nao_tf.cli.main.load_tensorflow` does, but starts nothing of it."""
    sys.path.insert(0, str(ROOT))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    shown = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    import keras  # noqa: F401
    import tensorflow as tf  # noqa: F401

    from nao_tf import controller, report, tasks  # noqa: F401
    from nao_tf.cli import evaluate, search, train  # noqa: F401
    from nao_tf.serving import export_classifier, export_controller, export_keras, export_language  # noqa: F401
    from nao_tf.training import image_children, language_children  # noqa: F401

    os.dup2(shown, 2)
    os.close(nowhere), os.close(shown)


def become(request):
    """Makes this process the program of a request."""
    for number, name in ((0, os.devnull), (1, request["output"]), (2, request["errors"])):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | (os.O_TRUNC if number else 0))
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["command"]
    sys.path.remove(str(ROOT))
    sys.path[0] = str(pathlib.Path(sys.argv[0]).parent)


def main():
    """Serves until standard input ends. Returns in the forked processes, and only there."""
    load()
    gc.freeze()  # what is loaded is shared with the forked processes, and no collection there need look at it
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if not child:
            become(json.loads(line))
            return
        print(child, file=answers)
        print(os.waitpid(child, 0)[1], file=answers)
    os._exit(0)


if __name__ == "__main__":
    main()
    runpy.run_path(sys.argv[0], run_name="__main__")
