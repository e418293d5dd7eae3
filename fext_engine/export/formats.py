"""The formats of an export. No torch, so that the UI and the command line may list them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from fext_engine.errors import FextError

FormatName = Literal["safetensors", "onnx", "torch"]


@dataclass(frozen=True)
class FormatInfo:
    """What a format is, and the packages it needs that FeXT itself does not."""

    about: str
    packages: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that are not installed."""
        return tuple(name for name in self.packages if find_spec(name) is None)


FORMATS: dict[FormatName, FormatInfo] = {
    "safetensors": FormatInfo("weights, and a model.py for plain PyTorch"),
    "onnx": FormatInfo("graphs for ONNX Runtime", ("onnx", "onnxruntime", "onnxscript")),
    "torch": FormatInfo("graphs of torch.export, for PyTorch"),
}


def find_format(name: str) -> FormatName:
    """The format called `name`; raises FextError when there is none, or when it needs what is not installed."""
    found = next((known for known in FORMATS if known == name), None)
    if found is None:
        raise FextError(f"there is no export format {name!r}", "use one of " + ", ".join(FORMATS))
    if missing := FORMATS[found].missing:
        raise FextError(
            f"an export to {name} needs {', '.join(missing)}, which FeXT does not bring along",
            f"install it: ./run.sh setup {name}, or pip install {' '.join(missing)}",
        )
    return found
