"""README.md of an export: what it is and how it is used, for whoever gets the folder without FeXT."""

from __future__ import annotations

from fext_engine.export.config import ExportConfig, Parity
from fext_engine.export.formats import FORMATS

README = "README.md"
_NEEDS = {
    "safetensors": "torch safetensors numpy pillow",
    "onnx": "onnxruntime numpy pillow",
    "torch": "torch numpy pillow",
}


def readme_text(config: ExportConfig, parity: Parity, example: str) -> str:
    """The page, in Markdown."""
    height, width, channels = config.latent_shape
    size = config.preprocessing
    kind = "RGB" if size.channels == 3 else "grey"
    return f"""\
# {config.run}: {config.model}, epoch {config.checkpoint.epoch}

An image autoencoder that FeXT trained: {size.width} x {size.height} px {kind} images to latent maps of \
{height} x {width} x {channels} values, and back. Format: {config.export}, {FORMATS[config.export].about}.

It needs `pip install {_NEEDS[config.export]}`, and no FeXT. In this folder:

```python
{example}```

- It takes {config.inputs}.
- It gives {config.outputs}.
- An image file becomes such an image by `load_pixels`, as in training: {size.orientation}; transparent pixels \
{size.transparency}; {size.resize}. Images of another size or type are refused.
- Compared with the trained model itself (PyTorch, float32, CPU) on {parity.images}: latents, whose largest is \
{parity.largest_latent:.3g}, differ by {parity.encoder:.2g} at most, reconstructions by {parity.autoencoder:.2g}.

`config.json` says all this for programs, with the digests of the files.
"""
