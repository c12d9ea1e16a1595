"""Commands that hold memory, for tests of its cap."""

from __future__ import annotations

import sys

# 90 MiB in one process: more than a cap of 64 MiB, and less than what such a process may reserve.
GREEDY = f"{sys.executable} -I -S -c 'import time; kept = bytearray(90 << 20); time.sleep(300)'"
