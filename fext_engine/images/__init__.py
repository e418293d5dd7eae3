"""Images: finding, decoding, measuring and comparing them. Nothing here imports torch."""
