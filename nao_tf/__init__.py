"""Neural Architecture Optimization (Luo et al., NeurIPS 2018) in TensorFlow and Keras."""

__version__ = "0.1.0"
