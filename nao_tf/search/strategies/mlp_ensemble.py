"""An ensemble of small fully connected networks, all of its members trained as one batched NumPy program.

Letters: E members, N examples, F features, H units of a hidden layer.
"""

import dataclasses

import numpy as np

ROWS_AT_A_TIME = 16_384  # of a prediction: bounds its memory whatever the number of examples


@dataclasses.dataclass(frozen=True)
class MlpEnsembleSettings:
    """Sizes and training of the ensemble.

    Attributes:
        members: E, networks whose mean is the prediction; they differ in their initial weights.
        units: H of each hidden layer.
        steps: training steps, each on all examples.
        learning_rate: of Adam, at the first step; falls to zero along half a cosine.
        weight_decay: decoupled weight decay (AdamW).
    """

    members: int = 5
    units: tuple[int, ...] = (200, 200)
    steps: int = 200
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2


class MlpEnsemble:
    """Networks `features -> ReLU -> … -> score` that minimise the squared error.

    Args:
        features: `[N, F]`.
        targets: `[N]`.
        settings: sizes and training.
        seed: of the initial weights.
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray, *, settings: MlpEnsembleSettings, seed: int):
        self.settings = settings
        generator = np.random.default_rng(seed)
        widths = (features.shape[1], *settings.units, 1)
        members = settings.members
        self._weights = []  # of each layer `[E, widths[i], widths[i + 1]]` and its bias `[E, 1, widths[i + 1]]`
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            bound = np.sqrt(6 / inputs)  # He et al. (2015), uniform: keeps the variance through ReLU
            self._weights.append(generator.uniform(-bound, bound, [members, inputs, outputs]).astype(np.float32))
            self._weights.append(np.zeros([members, 1, outputs], np.float32))
        self._weights[-2] *= 0.1  # predictions start near the mean of the targets, which the last bias holds
        self._weights[-1] += np.mean(targets)
        self._train(np.asarray(features, np.float32), np.asarray(targets, np.float32))

    def predict(self, features: np.ndarray) -> np.ndarray:
        """The mean of the members' scores, float32 `[N]`."""
        parts = [np.mean(outputs, axis=(0, 2)) for outputs in self._in_parts(features)]
        return np.concatenate(parts) if parts else np.zeros([0], np.float32)

    def predict_members(self, features: np.ndarray) -> np.ndarray:
        """The scores of every member, float32 `[E, N]`."""
        parts = [np.squeeze(outputs, 2) for outputs in self._in_parts(features)]
        return np.concatenate(parts, axis=1) if parts else np.zeros([self.settings.members, 0], np.float32)

    def _in_parts(self, features):
        """The members' outputs `[E, rows, 1]`, for `ROWS_AT_A_TIME` of the features at a time."""
        for start in range(0, len(features), ROWS_AT_A_TIME):
            yield self._forward(np.asarray(features[start : start + ROWS_AT_A_TIME], np.float32))[-1]

    def _forward(self, features):
        """Outputs of every layer, the features first: `[N, F]`, `[E, N, H]`, …, `[E, N, 1]`."""
        outputs = [features]
        layers = list(zip(self._weights[0::2], self._weights[1::2], strict=True))
        for index, (weights, bias) in enumerate(layers):
            output = np.matmul(outputs[-1], weights)  # [E, N, H]
            output += bias
            if index < len(layers) - 1:
                np.maximum(output, 0, out=output)
            outputs.append(output)
        return outputs

    def _gradients(self, features, targets):
        """Gradients of the mean squared error of each member, in the order of the weights."""
        outputs = self._forward(features)
        gradient = (outputs[-1] - targets[:, np.newaxis]) * (2 / len(targets))  # [E, N, 1]
        gradients = []
        for layer in reversed(range(len(self._weights) // 2)):
            below = outputs[layer]  # [N, F] or [E, N, H]
            gradients[:0] = [
                np.matmul(np.swapaxes(below, -1, -2), gradient),
                np.sum(gradient, axis=1, keepdims=True),
            ]
            if layer:
                gradient = np.matmul(gradient, np.swapaxes(self._weights[2 * layer], 1, 2))  # [E, N, H]
                gradient *= below > 0
        return gradients

    def _train(self, features, targets):
        """Adam (Kingma and Ba, 2015) with decoupled weight decay (Loshchilov and Hutter, 2019)."""
        settings = self.settings
        first = [np.zeros_like(weight) for weight in self._weights]
        second = [np.zeros_like(weight) for weight in self._weights]
        for step in range(settings.steps):
            rate = settings.learning_rate * 0.5 * (1 + np.cos(np.pi * step / settings.steps))
            rate_corrected = np.float32(rate * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1)))
            for weight, gradient, mean, square in zip(
                self._weights, self._gradients(features, targets), first, second, strict=True
            ):
                mean *= np.float32(0.9)
                mean += np.float32(0.1) * gradient
                square *= np.float32(0.999)
                gradient *= gradient
                gradient *= np.float32(0.001)
                square += gradient
                np.sqrt(square, out=gradient)
                gradient += np.float32(1e-8)
                np.divide(mean, gradient, out=gradient)
                gradient *= rate_corrected
                weight *= np.float32(1 - rate * settings.weight_decay)
                weight -= gradient
