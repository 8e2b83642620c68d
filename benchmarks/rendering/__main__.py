"""`python -m benchmarks.rendering`."""

import sys

from benchmarks.rendering.run import main

if __name__ == "__main__":
    sys.exit(main())
