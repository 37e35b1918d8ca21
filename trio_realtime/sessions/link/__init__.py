"""The one line between a session and its model."""
