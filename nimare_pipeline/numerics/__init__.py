"""Arrays in, arrays out: kernels, nulls, Monte Carlo, clusters, random streams."""
