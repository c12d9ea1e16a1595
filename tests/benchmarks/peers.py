"""Other programs that run queued commands, for a comparison where they are installed.

    pip install --target DIRECTORY huey 'apscheduler<4'
    PYTHONPATH=DIRECTORY python -m tests.benchmarks.bench_dag

Each keeps its queue in SQLite as it comes, in threads of this process, and spawns the same
command; none of them keeps the output, or finds a command again after a crash.
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path

Way = Callable[[int, Path], Awaitable[float]]

_MODULES = {"huey": "huey", "APScheduler": "apscheduler"}
_WORDS = ("/bin/sh", "-c", ":")


def missing() -> list[str]:
    """Return the peers that are not installed."""
    return [name for name, module in _MODULES.items() if find_spec(module) is None]


def ways(at_once: int) -> dict[str, Way]:
    """Return what runs so many commands with each peer that is installed."""
    measures = {"huey": _huey, "APScheduler": _apscheduler}

    def way(name: str) -> Way:
        return lambda steps, base: asyncio.to_thread(measures[name], steps, base, at_once)

    return {name: way(name) for name in measures if name not in missing()}


class _Done:
    """Counts the commands that have ended."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._lock = threading.Lock()
        self.all = threading.Event()

    def one(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self.all.set()


def _spawn() -> None:
    subprocess.run(
        _WORDS, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, close_fds=False, check=True
    )


def _huey(steps: int, base: Path, at_once: int) -> float:
    huey = importlib.import_module("huey").SqliteHuey(filename=str(base / "huey.db"), fsync=True)
    done = _Done(steps)

    @huey.task()  # type: ignore[untyped-decorator]
    def work() -> None:
        _spawn()
        done.one()

    consumer = huey.create_consumer(workers=at_once, initial_delay=0.001, max_delay=0.01)
    consumer._set_signal_handlers = lambda: None  # they are for a main thread, and for a program
    began = time.perf_counter()
    for _ in range(steps):
        work()
    consumer.start()
    assert done.all.wait(60)
    seconds = time.perf_counter() - began
    consumer.stop(graceful=True)
    return seconds


def _apscheduler(steps: int, base: Path, at_once: int) -> float:
    load = importlib.import_module
    store = load("apscheduler.jobstores.sqlalchemy").SQLAlchemyJobStore(
        url=f"sqlite:///{base / 'jobs.db'}"
    )
    pool = load("apscheduler.executors.pool").ThreadPoolExecutor(at_once)
    scheduler = load("apscheduler.schedulers.background").BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": pool},
        job_defaults={"misfire_grace_time": None},
    )
    done = _Done(steps)
    ended = load("apscheduler.events").EVENT_JOB_EXECUTED
    scheduler.add_listener(lambda _event: done.one(), ended)
    began = time.perf_counter()
    scheduler.start(paused=True)
    for _ in range(steps):
        scheduler.add_job(_spawn)
    scheduler.resume()
    assert done.all.wait(60)
    seconds = time.perf_counter() - began
    scheduler.shutdown()
    return seconds
