"""A trained network as plain Keras code, as an engineer would write it, and its weights by the names of its layers."""
