"""Progress and notes on stderr: the device's own."""

from tlpipe_edge.progress import bar, console, say, track, warn

__all__ = ["bar", "console", "say", "track", "warn"]
