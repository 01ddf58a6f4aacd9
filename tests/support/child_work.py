"""What a process of `child_process` may be: each does what its first argument names."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Tell one line of JSON, then echo lines until stdin ends."""
    if sys.argv[1:] == ["fail"]:
        raise SystemExit(3)
    print(json.dumps(_found()), flush=True)
    for line in sys.stdin:
        print(line, end="", flush=True)
    if sys.argv[1:] == ["fail later"]:
        raise SystemExit(3)


def _found() -> dict[str, object]:
    """What this process sees of its surroundings."""
    descriptors = {int(entry.name) for entry in Path("/proc/self/fd").iterdir()}
    return {
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "leader": os.getsid(0) == os.getpid(),
        "pid": os.getpid(),
        # The one that lists them is closed again.
        "descriptors": sorted(each for each in descriptors if _open(each)),
    }


def _open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
