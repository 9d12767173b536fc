"""Memory: what a process holds is written to no file when it crashes, and shown to no neighbour."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def forbid_dumps() -> None:
    """Leave no core dump, and let no other process of this user look into the memory (DESIGN §7).

    The limit alone does not hold where the kernel pipes dumps to a program; there the other does, which only
    Linux has. Both are inherited by forks, and the limit by whatever is started.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
