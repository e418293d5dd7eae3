"""Anomalies: how unusual each image of an encoding is beside normal ones, and where."""
