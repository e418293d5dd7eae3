"""The autoencoders: blocks, the three presets, losses and metrics."""
