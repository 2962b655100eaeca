"""Trained models as SavedModels that TensorFlow Serving and every other TensorFlow run-time can load."""
