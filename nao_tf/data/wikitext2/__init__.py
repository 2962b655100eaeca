"""WikiText-2 as a TFDS data set."""
