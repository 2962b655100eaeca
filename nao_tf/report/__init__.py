"""What people look at: TensorBoard."""
