"""Files that ship with the package: masks, example dataset, BIDS configuration, bibliography."""
