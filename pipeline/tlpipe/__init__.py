"""tlpipe: a folder of photographs becomes a classifier for a small device, and the proof that it is as good."""

__version__ = "0.1.0"
