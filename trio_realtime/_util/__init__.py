"""What several rooms need and none of them is about: nurseries, waits, type checks, settings."""
