"""Every benchmark, one after the other: `python -m tests.benchmarks [--quick]`.

Ratios within one run mean something on any machine; run them on a quiet one.
"""

import subprocess
import sys

PARTS = (
    "bench_start",
    "bench_recovery",
    "bench_store",
    "bench_durability",
    "bench_pane",
    "bench_path",
    "bench_dag",
    "bench_jobs",
    "bench_job_screen",
    "bench_graph",
    "bench_reports",
    "bench_task_screens",
)
TAKES_QUICK = frozenset({"bench_pane"})


def main() -> int:
    """Run each in a process of its own, so that no one warms another up."""
    worst = 0
    for part in PARTS:
        print(f"\n== {part}", flush=True)
        options = [o for o in sys.argv[1:] if part in TAKES_QUICK]
        done = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{part}", *options])
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
