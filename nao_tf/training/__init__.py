"""Training and evaluating one child, or the child that many architectures share."""
