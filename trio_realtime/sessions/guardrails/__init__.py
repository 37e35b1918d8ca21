"""Checking what the user and the model say, while it is said or before it is heard."""
