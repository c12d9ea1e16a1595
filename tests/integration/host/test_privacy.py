"""Other processes of the same user cannot look into the host."""

import subprocess
import sys

ASK = "ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)"  # PR_GET_DUMPABLE of prctl(2)
SCRIPT = f"""
import ctypes, subprocess, sys
from foredeck.services.host.privacy import hide_process
before = {ASK}
hide_process()
child = subprocess.run([sys.executable, "-c", "import ctypes; print({ASK})"], capture_output=True)
print(before, {ASK}, int(child.stdout))
"""


def test_the_host_is_closed_to_others_and_its_children_are_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "0", "1"]
