"""Random effects from sample sizes alone, where studies give no variance."""
