import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_both_spaces_are_searched():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, ROOT / "examples" / "own_space.py"]
    output = subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert output[0] == "small network: 24,576 architectures" and output[3] == "growing network: 252 architectures"
    scores = {line.split()[0]: float(line.split()[1]) for line in output[4:]}
    assert scores["nao"] >= max(scores["random"], -1)  # the best of all has 0
