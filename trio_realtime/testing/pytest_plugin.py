"""Fixtures for testing with `trio_realtime`."""
