"""`python -m benchmarks.speed_truth`."""

import sys

from benchmarks.speed_truth.run import main

if __name__ == "__main__":
    sys.exit(main())
