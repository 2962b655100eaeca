"""The Penn Treebank as a TFDS data set."""
