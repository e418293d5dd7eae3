"""Housekeeping: removing what is no longer wanted, care of the database, updates, uninstalling; and a console."""

from fext_engine.maintenance.database import back_up, export_tables, vacuum
from fext_engine.maintenance.removal import Kind, Removable, linked_away, removable, remove
from fext_engine.maintenance.software import environment_folder, project_folder

__all__ = [
    "Kind",
    "Removable",
    "back_up",
    "environment_folder",
    "export_tables",
    "linked_away",
    "project_folder",
    "removable",
    "remove",
    "vacuum",
]
