"""Searching: the pool that remembers, the strategies that propose, the evaluators that score, the loop.

The package can be called: `nao_tf.search(space, evaluate, budget=60)` is `nao_tf.search.search.search`, a search on
anyone's function. (A function of that name beside the package would vanish as soon as a module of it is imported.)
"""

import sys
import types
from typing import Any


class _CallablePackage(types.ModuleType):
    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """A search on anyone's function; see `nao_tf.search.search.search`."""
        from nao_tf.search.search import search

        return search(*arguments, **named)


sys.modules[__name__].__class__ = _CallablePackage
