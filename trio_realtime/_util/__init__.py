"""Helpers that several rooms share: nurseries, waits, type checks, settings, secrets."""
