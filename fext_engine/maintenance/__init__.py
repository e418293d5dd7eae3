"""Housekeeping: removing what is no longer wanted, care of the database, updates, and a console for them."""

from fext_engine.maintenance.database import back_up, export_tables, vacuum
from fext_engine.maintenance.removal import Kind, Removable, linked_away, removable, remove
from fext_engine.maintenance.software import (
    environment_folder,
    incoming_changes,
    project_folder,
    remove_environment,
    update,
)

__all__ = [
    "Kind",
    "Removable",
    "back_up",
    "environment_folder",
    "export_tables",
    "incoming_changes",
    "linked_away",
    "project_folder",
    "removable",
    "remove",
    "remove_environment",
    "update",
    "vacuum",
]
