"""The baseline of a service that has nothing to do: a Python process with the same modules loaded.

python -m cli.bench.bare_process MODULE ... says READY on standard output, and waits.
"""

import signal
import sys
from importlib import import_module


def main(modules: list[str]) -> None:
    """Load the modules and do nothing."""
    for module in modules:
        import_module(module)
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
