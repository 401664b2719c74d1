"""What ``nimare-pipeline`` does besides runs: one module a command, ``run(words) -> Outcome``."""
