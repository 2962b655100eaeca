"""A step of the published final training of a language model in eager PyTorch; needs only torch.

The same work as `benchmarks/speed.py --only=final_train`: a window of 35 time steps of 64 sequences, all dropout masks
held over time, AR and TAR, the gradient clipped, weight decay added to it, SGD.

    python benchmarks/torch_final_step.py --architecture="0 1 0 1 …" --units=850 --batch=64 --vocabulary=10000
"""

import argparse
import resource
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

ACTIVATIONS = (torch.tanh, torch.relu, torch.sigmoid, lambda value: value)
LEARNING_RATE, CLIP_NORM, WEIGHT_DECAY, SCALE = 20.0, 0.25, 8e-7, 0.04
OUTPUT, HIDDEN, INPUT, EMBEDDING = 0.75, 0.25, 0.75, 0.2  # dropout rates
ACTIVATION_PENALTY, TEMPORAL_PENALTY = 0.0, 1e-3


def mask(rate, *shape):
    """0 and 1 / (1 - rate)."""
    return (torch.rand(*shape) >= rate).float() / (1 - rate)


class LanguageModel(nn.Module):
    """Tied embedding, and the cell: node 0 mixes input and state, others read an earlier node; their mean is h_t."""

    def __init__(self, vocabulary, units, architecture):
        super().__init__()

        def uniform(*shape):
            return nn.Parameter(torch.empty(*shape).uniform_(-SCALE, SCALE))

        self.architecture = architecture
        self.embedding, self.bias = uniform(vocabulary, units), nn.Parameter(torch.zeros(vocabulary))
        self.first = uniform(2 * units, 2 * units)
        self.kernels = nn.ParameterList([uniform(units, 2 * units) for _ in architecture])

    def forward(self, tokens, state):
        """Logits [T B, V], outputs with and without dropout [T, B, U], and the state [B, U]."""
        (steps, batch), units = tokens.shape, self.embedding.shape[1]
        inputs = F.embedding(tokens, self.embedding) * mask(EMBEDDING, batch, units)  # [T, B, U]
        input_mask, state_mask = mask(INPUT, batch, units), mask(HIDDEN, batch, units)
        outputs = []
        for t in range(steps):
            joined = torch.cat([inputs[t] * input_mask, state * state_mask], -1)
            gate, value = (joined @ self.first).split(units, -1)
            nodes = [state + gate.sigmoid() * (value.tanh() - state)]
            for kernel, (predecessor, activation) in zip(self.kernels, self.architecture, strict=True):
                source = nodes[predecessor]
                gate, value = ((source * state_mask) @ kernel).split(units, -1)
                nodes.append(source + gate.sigmoid() * (ACTIVATIONS[activation](value) - source))
            state = torch.stack(nodes[1:], -1).mean(-1)  # final models leave node 0 out
            outputs.append(state)
        outputs = torch.stack(outputs)
        dropped = outputs * mask(OUTPUT, batch, units)
        return F.linear(dropped.flatten(0, 1), self.embedding, self.bias), dropped, outputs, state


def main():
    """Reads the arguments and times the step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"units": 850, "batch": 64, "steps": 35, "vocabulary": 10_000, "repeats": 5}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--architecture", required=True, help="integers `predecessor activation` of all nodes")
    arguments = parser.parse_args()
    integers = [int(value) for value in arguments.architecture.split()]
    torch.manual_seed(0)
    model = LanguageModel(arguments.vocabulary, arguments.units, list(zip(integers[::2], integers[1::2], strict=True)))
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    tokens = torch.randint(0, arguments.vocabulary, (arguments.steps + 1, arguments.batch))
    state = torch.zeros(arguments.batch, arguments.units)

    def step():
        nonlocal state
        optimizer.zero_grad()
        logits, dropped, outputs, after = model(tokens[:-1], state)
        loss = F.cross_entropy(logits, tokens[1:].flatten())
        if ACTIVATION_PENALTY:
            loss = loss + ACTIVATION_PENALTY * dropped.pow(2).mean()
        loss = loss + TEMPORAL_PENALTY * (outputs[1:] - outputs[:-1]).pow(2).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        state = after.detach()
        return loss.item()

    times = []
    for _ in range(arguments.repeats + 2):  # two to warm up
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    times = times[2:]
    label = f"units={arguments.units} batch={arguments.batch} vocabulary={arguments.vocabulary}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"torch_final_train {label} median_ms={statistics.median(times):.2f} min_ms={min(times):.2f} n={len(times)} "
        f"peak_mb={peak:.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
