"""The search: the pool of what was evaluated, strategies that propose, evaluators that score, and the loop."""
