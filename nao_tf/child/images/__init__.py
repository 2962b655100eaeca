"""Image classifiers that a convolutional architecture describes."""
