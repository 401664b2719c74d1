"""``python -m nimare_pipeline``: the command line."""

import sys

from nimare_pipeline.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
