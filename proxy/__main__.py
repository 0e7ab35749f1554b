"""Makes `python -m proxy` run the command `parrot`."""

import sys

from proxy.cli import main

if __name__ == "__main__":
    sys.exit(main())
