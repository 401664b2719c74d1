"""Nipype graphs and nothing else."""
