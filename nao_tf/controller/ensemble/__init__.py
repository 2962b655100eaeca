"""Layers and optimiser of the controller with a leading axis of ensemble members."""
