"""Data: the corpora, images and tables that architectures are searched on."""
