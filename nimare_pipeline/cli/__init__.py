"""Command line: argv to settings, to a run, to an exit code."""

from nimare_pipeline._lazy import attach

__getattr__, __dir__ = attach(__name__, __path__)
