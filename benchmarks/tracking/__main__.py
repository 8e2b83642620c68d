"""`python -m benchmarks.tracking`."""

import sys

from benchmarks.tracking.run import main

if __name__ == "__main__":
    sys.exit(main())
