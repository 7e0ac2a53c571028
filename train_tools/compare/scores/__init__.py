"""What a model sees in a checkpoint's pictures, in numbers."""
