"""Nipype nodes: load, one library call, save."""
