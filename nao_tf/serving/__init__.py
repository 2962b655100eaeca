"""Trained models as SavedModels that TensorFlow Serving and every other TensorFlow runtime can load."""
