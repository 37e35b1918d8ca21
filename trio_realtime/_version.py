"""The version, read by the build and by `trio_realtime.__version__`."""

__version__ = "0.1.0"
