"""From a cache's examples and hits to batches of tensors."""
