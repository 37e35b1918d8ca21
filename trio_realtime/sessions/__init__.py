"""The runner, the session, and one module for each of its tasks."""
