"""The real program, which kills itself at a named point (see `kill_program`).

`python -m tests.support.killed_program POINT WORDS…`
"""

import sys

from foredeck.app.cli.main import main
from tests.support.kill_program import kill_at

if __name__ == "__main__":
    kill_at(sys.argv.pop(1))
    main()
