"""Command line: argv to settings, to a run, to an exit code."""
