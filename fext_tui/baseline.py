"""What the settings in hand are compared with: the preset that was loaded or saved last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fext_engine.errors import FextError

if TYPE_CHECKING:
    from fext_engine.settings import Settings
    from fext_engine.workspace import Workspace

DEFAULTS = "defaults"


@dataclass(frozen=True)
class Baseline:
    """A preset's name and its settings as they were when it was loaded or saved."""

    name: str
    settings: Settings

    def beside(self, settings: Settings) -> Settings:
        """The settings that loading it gives: a preset that names no folder of images leaves `settings` theirs."""
        images = self.settings.dataset.images or settings.dataset.images
        return self.settings.with_options({"dataset.images": images})


def last_baseline(workspace: Workspace) -> Baseline:
    """The preset that the last configuration came from; the defaults where there is none any more."""
    from fext_engine.presets import find_preset, last_preset, read_settings
    from fext_engine.settings import Settings

    name = last_preset(workspace)
    try:
        if name:
            return Baseline(name, read_settings(find_preset(workspace, name).path))
    except FextError:  # deleted or broken since
        pass
    return Baseline(DEFAULTS, Settings())
