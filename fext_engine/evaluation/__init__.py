"""How good a trained autoencoder is: metrics, reconstructions and plots of its embeddings."""
