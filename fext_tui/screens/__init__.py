"""The three screens, each beside its style sheet, and the frame they share."""
