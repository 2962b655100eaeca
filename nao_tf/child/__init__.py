"""The networks that an architecture describes, as Keras subclassed models."""
