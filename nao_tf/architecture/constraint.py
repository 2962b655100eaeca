"""What a search may propose of a space: a bound on architectures, or a list of them.

The restriction is a property of the search and not of its architectures: these belong to the space itself, whatever
search proposes them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from nao_tf.architecture.position import ArchitectureError
from nao_tf.architecture.space import MUTATIONS, Architecture, SearchSpace

SAMPLES = 100  # random architectures that may break a bound before one is made smaller step by step
STEPS = 2_000  # steps of that


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A bound on the size of architectures.

    Attributes:
        excess: how large an architecture is, in shares of the bound; above 1 it is too large.
        name: of the bound, for errors ("--max_parameters=1,000,000").
    """

    excess: Callable[[Architecture], float]
    name: str


class Restriction(SearchSpace):
    """A space of which a search proposes a part only. What is legal, and how it is written, is as in the whole space.

    Architectures, sampled, parsed or decoded, belong to the whole space, `space`. Subclasses override `allows`, and
    what draws architectures accordingly.

    Args:
        space: the whole space.
    """

    def __init__(self, space: SearchSpace):
        self.space = space
        super().__init__(
            space.name,
            space.positions,
            tokens_per_encoder_step=space.tokens_per_encoder_step,
            published=space.published,
            token_form=space.token_form,
        )

    @functools.cached_property
    def size(self) -> int:
        """As in the whole space."""
        return self.space.size

    def strings(self) -> Iterator[tuple[int, ...]]:
        """As in the whole space."""
        return self.space.strings()

    def architecture(self, values: Sequence[int]) -> Architecture:
        """The architecture of the whole space with these integers. Raises ArchitectureError."""
        return self.space.architecture(values)

    def choices(self, prefix: Sequence[int]) -> tuple[int, ...]:
        """The legal integers after `prefix`."""
        return self.space.choices(prefix)

    def change(self, architecture: Architecture, generator: np.random.Generator) -> Architecture:
        """As in the whole space."""
        return self.space.change(architecture, generator)

    def canonicalise(self, values: Sequence[int]) -> tuple[int, ...]:
        """The one spelling of all that compute the same."""
        return self.space.canonicalise(values)

    def symmetry(self, values: Sequence[int], generator: np.random.Generator) -> tuple[int, ...]:
        """A random spelling of the same computation."""
        return self.space.symmetry(values, generator)

    def token_array(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The tokens of architectures of the whole space, int32 `[N, T]`."""
        return self.space.token_array(architectures)

    def text(self, values: Sequence[int]) -> str:
        """Readable form."""
        return self.space.text(values)

    def parse(self, text: str) -> Architecture:
        """Reads an architecture of the whole space. Raises ArchitectureError."""
        return self.space.parse(text)


class Bounded(Restriction):
    """A space of which a search proposes only what keeps a bound.

    Args:
        space: the whole space.
        constraint: the bound.
    """

    def __init__(self, space: SearchSpace, constraint: Constraint):
        super().__init__(space)
        self.constraint = constraint

    def __eq__(self, other):
        return isinstance(other, Bounded) and (self.space, self.constraint) == (other.space, other.constraint)

    def __hash__(self):
        return hash((self.space, self.constraint))

    def __repr__(self):
        return f"Bounded({self.space!r}, {self.constraint.name!r})"

    def allows(self, architecture: Architecture) -> bool:
        """Whether an architecture keeps the bound."""
        return self.space.allows(architecture) and self.constraint.excess(architecture) <= 1

    def sample(self, generator: np.random.Generator) -> Architecture:
        """Uniform among what keeps the bound; where that is rare, a random architecture that was made smaller.

        Raises:
            ArchitectureError: none was found that keeps the bound.
        """
        smallest = self.space.sample(generator)
        if self.allows(smallest):
            return smallest
        for _ in range(SAMPLES):
            other = self.space.sample(generator)
            if self.allows(other):
                return other
            smallest = min(smallest, other, key=self.constraint.excess)
        return self._shrunk(smallest, generator)

    def _shrunk(self, architecture, generator):
        """Walks from an architecture to ones that are no larger, until one keeps the bound."""
        excess = self.constraint.excess(architecture)
        for _ in range(STEPS):
            other = self.space.change(architecture, generator)
            excess_of_other = self.constraint.excess(other)
            if excess_of_other <= excess:
                architecture, excess = other, excess_of_other
            if excess <= 1:
                return architecture
        raise ArchitectureError(
            f"no architecture of {self.name} keeps {self.constraint.name}; the smallest one that a walk of {STEPS:,} "
            f"steps led to is {excess:.3g} times as large"
        )

    def mutate(self, architecture: Architecture, generator: np.random.Generator) -> Architecture:
        """See `SearchSpace.mutate`; the mutant keeps the bound."""
        for _ in range(MUTATIONS):
            mutant = self.space.mutate(architecture, generator)
            if self.allows(mutant):
                return mutant
        raise ValueError(f"no mutation of {architecture} keeps {self.constraint.name}")

    def neighbours(self, architecture: Architecture, generator: np.random.Generator) -> list[Architecture]:
        """See `SearchSpace.neighbours`; those that keep the bound."""
        return [neighbour for neighbour in self.space.neighbours(architecture, generator) if self.allows(neighbour)]


class Subset(Restriction):
    """A space of which a search proposes the architectures of a list only, as the rows of an incomplete table.

    The list may be a vanishing part of the space, so everything is drawn from the list itself: a sample is one of it,
    uniformly; a mutant is one of those that differ from its parent in the fewest integers, uniformly; neighbours differ
    in one integer, and in a sparse list there may be none. Integers are compared in canonical form.

    Args:
        space: the whole space.
        architectures: of the whole space; at least one.

    Attributes:
        members: their canonical forms, each once, in lexicographic order.
    """

    def __init__(self, space: SearchSpace, architectures: Iterable[Architecture]):
        super().__init__(space)
        self._allowed = frozenset(architecture.canonical for architecture in architectures)
        self.members = tuple(sorted(self._allowed, key=lambda architecture: architecture.values))
        if not self.members:
            raise ValueError(f"a list of no architectures of {space.name}; at least one")
        self._values = np.array([member.values for member in self.members])  # [N, positions]

    def __eq__(self, other):
        return isinstance(other, Subset) and (self.space, self._allowed) == (other.space, other._allowed)

    def __hash__(self):
        return hash((self.space, len(self.members)))

    def __repr__(self):
        return f"Subset({self.space!r}, {len(self.members):,} architectures)"

    @functools.cached_property
    def size(self) -> int:
        """How many architectures the list has; only canonical spellings are counted."""
        return len(self.members)

    def strings(self) -> Iterator[tuple[int, ...]]:
        """The canonical integers of the list, in lexicographic order: `size` of them."""
        return (member.values for member in self.members)

    def allows(self, architecture: Architecture) -> bool:
        """Whether an architecture, in any spelling, is of the list."""
        return architecture.canonical in self._allowed

    def sample(self, generator: np.random.Generator) -> Architecture:
        """One of the list, uniformly."""
        return self.members[int(generator.integers(len(self.members)))]

    def change(self, architecture: Architecture, generator: np.random.Generator) -> Architecture:
        """See `mutate`; the architecture itself where the list has no other."""
        distances = self._distances(architecture)
        others = distances > 0
        if not others.any():
            return architecture.canonical
        nearest = np.flatnonzero(distances == distances[others].min())
        return self.members[int(generator.choice(nearest))]

    def neighbours(self, architecture: Architecture, generator: np.random.Generator) -> list[Architecture]:
        """The architectures of the list that differ in one integer, in random order; in a sparse list none."""
        neighbours = np.flatnonzero(self._distances(architecture) == 1)
        return [self.members[index] for index in generator.permutation(neighbours)]

    def _distances(self, architecture):
        """In how many integers each of the list differs, `[N]`."""
        return (self._values != np.array(architecture.canonical.values)).sum(1)
