"""`python -m tests.support.killed_command POINT WORD…` is `foredeck WORD…`, killed at the point.

The points are those of `kill_program`.
"""

from __future__ import annotations

import sys

from foredeck.app.cli.main import main
from tests.support.kill_program import kill_at

if __name__ == "__main__":
    point = sys.argv.pop(1)
    kill_at(point)
    main()
