"""`python -m benchmarks.footage`."""

import sys

from benchmarks.footage.run import main

if __name__ == "__main__":
    sys.exit(main())
