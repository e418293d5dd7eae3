"""Training: the pixel cache, batches and augmentation, the loop, schedules and checkpoints."""
