"""Jobs of their own: what a person asks for, what it must keep to, and what is kept of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import Sandbox

# How long a name may be, in characters.
NAME_LENGTH = 255
DESCRIPTION_LENGTH = 2000
# How long a job may take, in seconds.
LONGEST = 86_400
MOST_RETRIES = 10
# How many may work at once, whatever the settings say (SPEC J3).
MOST_AT_ONCE = 100
DEFAULT_RETRIES = 3
# Of a command's words and of its input, in bytes: what fits a process and a row.
COMMAND_BYTES = 100_000
INPUT_BYTES = 1_000_000
METADATA_BYTES = 10_000
# How much memory a job may be held to, in MiB.
LEAST_MEMORY, MOST_MEMORY = 64, 16_777_216
MEBIBYTE = 1 << 20
# SPEC J4.
MOST_IN_BATCH = 1000

SANDBOXES = (Sandbox.READ_ONLY, Sandbox.WORKSPACE_WRITE)
SHELL_COMMAND = "shell_command"
# Codex turns are jobs of runs; the type is known, but is not for commands.
CODEX = "codex"
TYPES = (
    SHELL_COMMAND,
    "custom_script",
    "data_validation",
    "data_transformation",
    "batch_import",
    "report_generation",
    "export_data",
    CODEX,
)
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


class Priority(StrEnum):
    """Who goes first among the jobs that wait."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def level(self) -> int:
        """A number that is the higher, the sooner it is its turn."""
        return _LEVELS[self]


_LEVELS = {priority: level for level, priority in enumerate(Priority)}


@dataclass(frozen=True, slots=True)
class JobWish:
    """What a person asks for. The command is text for /bin/sh, or `words` without a shell.

    Paths are absolute; an empty `directory` is the project's. `timeout` (seconds) None is the
    setting `job_timeout`. `environment` values are plain or references to secrets. `confirmed`
    says that a person wants it although the command policy asks for their word. With a `sandbox`
    it runs in codex's own; None is without one. `memory` (bytes) None is the project's
    `memory_cap`.
    """

    name: str
    command: str = ""
    words: tuple[str, ...] = ()
    type: str = SHELL_COMMAND
    description: str = ""
    priority: Priority = Priority.NORMAL
    project: str | None = None
    directory: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    input_data: str = ""
    input_file: str = ""
    output_file: str = ""
    timeout: float | None = None
    max_retries: int = DEFAULT_RETRIES
    auto_retry: bool = False
    merge_stderr: bool = False
    metadata: tuple[tuple[str, str], ...] = ()
    confirmed: bool = False
    sandbox: Sandbox | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class BatchWish:
    """Many jobs that belong together; `job` is what they have in common, without a command.

    They are the `commands`, texts for /bin/sh, and then the `word_lists`, run without a shell.
    After `stop_after` failures no more of them begin.
    """

    job: JobWish
    commands: tuple[str, ...] = ()
    word_lists: tuple[tuple[str, ...], ...] = ()
    stop_after: int | None = None

    @property
    def size(self) -> int:
        """How many jobs it has."""
        return len(self.commands) + len(self.word_lists)

    def jobs(self) -> Iterator[JobWish]:
        """Return what each of its jobs is to be, in their order (SPEC J4: "NAME (i/n)")."""
        wishes = [
            *(replace(self.job, command=command) for command in self.commands),
            *(replace(self.job, words=words) for words in self.word_lists),
        ]
        for number, wish in enumerate(wishes, 1):
            yield replace(wish, name=f"{self.job.name} ({number}/{self.size})")


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What was asked for with a job, and how it fares: one for each job of its own, of its id.

    Without `words`, the job's prompt is text for /bin/sh. `progress` is between 0 and 100.
    `parent_id` is the batch a job belongs to, `batch_index` its place there, from 1. A batch is a
    job that runs nothing itself: it has so many `children`, and none begins after `stop_after`
    failures, or once there is a `cancel_reason`, which says of any job why it was cancelled. It
    and all that it starts hold at most `memory` bytes together, None for no cap. What it printed
    is kept until `output_removed_at`.
    """

    id: str
    project_id: str
    priority: Priority = Priority.NORMAL
    description: str = ""
    words: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    input_data: str = ""
    input_file: str = ""
    output_file: str = ""
    created_by: str = ""
    max_retries: int = DEFAULT_RETRIES
    retry_count: int = 0
    auto_retry: bool = False
    merge_stderr: bool = False
    metadata: tuple[tuple[str, str], ...] = ()
    parent_id: str | None = None
    batch_index: int | None = None
    progress: float = 0.0
    progress_message: str = ""
    trace_id: str = ""
    children: int | None = None
    stop_after: int | None = None
    cancel_reason: str = ""
    sandbox: Sandbox | None = None
    memory: int | None = None
    output_removed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueState:
    """What people have decided for the queue: `limit` None is the setting `job_limit`."""

    paused_at: datetime | None = None
    limit: int | None = None


def check(wish: JobWish) -> None:
    """Raise `InvalidInput` with everything that is wrong with a wish, a sentence each."""
    if mistakes := list(mistakes_of(wish)):
        raise InvalidInput(" ".join(mistakes), "foredeck jobs submit --help says what is possible.")


def check_batch(wish: BatchWish) -> None:
    """Raise `InvalidInput` with what is wrong with a batch, but for its single jobs."""
    if mistakes := list(_mistakes_of_the_batch(wish)):
        raise InvalidInput(
            " ".join(mistakes), "foredeck batch submit --help says what is possible."
        )


def _mistakes_of_the_batch(wish: BatchWish) -> Iterator[str]:
    longest = NAME_LENGTH - len(f" ({wish.size}/{wish.size})")
    if not wish.job.name.strip():
        yield "A batch needs a name."
    if len(wish.job.name) > longest:
        yield f"The name has {len(wish.job.name)} characters; {longest} are possible."
    if not wish.size:
        yield "A batch needs at least one command."
    if wish.size > MOST_IN_BATCH:
        yield f"The batch has {wish.size:,} commands; {MOST_IN_BATCH:,} are possible."
    if wish.stop_after is not None and wish.stop_after < 1:
        yield f"It can stop after 1 failure or more, not after {wish.stop_after}."


def mistakes_of(wish: JobWish) -> Iterator[str]:
    """Yield what is wrong with a wish, a sentence each."""
    if not wish.name.strip():
        yield "A job needs a name."
    if len(wish.name) > NAME_LENGTH:
        yield f"The name has {len(wish.name)} characters; {NAME_LENGTH} are possible."
    if len(wish.description) > DESCRIPTION_LENGTH:
        yield f"The description is longer than {DESCRIPTION_LENGTH} characters."
    yield from _mistakes_of_the_type(wish.type)
    yield from _mistakes_of_the_command(wish)
    if wish.sandbox not in (None, *SANDBOXES):
        yield f"The sandbox of a job is {' or '.join(SANDBOXES)}, not {wish.sandbox}."
    if wish.timeout is not None and not 1 <= wish.timeout <= LONGEST:
        yield f"The timeout has to be between 1 and {LONGEST} seconds, not {wish.timeout:g}."
    if not 0 <= wish.max_retries <= MOST_RETRIES:
        yield f"The retries have to be between 0 and {MOST_RETRIES}, not {wish.max_retries}."
    if wish.memory is not None and not _is_memory(wish.memory):
        yield "The memory has to be between 64M (64 MiB) and 16T."
    yield from _mistakes_of_the_input(wish.input_data)
    yield from _mistakes_of_the_metadata(wish.metadata)


def _is_memory(size: int) -> bool:
    return LEAST_MEMORY * MEBIBYTE <= size <= MOST_MEMORY * MEBIBYTE


def _mistakes_of_the_type(type_: str) -> Iterator[str]:
    if type_ == CODEX:
        yield "Codex turns are not submitted as commands: foredeck codex run runs one."
    elif not _TYPE.match(type_):
        yield (
            f"The type {type_!r} has to be a small letter and then small letters, digits and "
            f"underscores, 63 at most, such as {', '.join(TYPES[:3])}."
        )


def _mistakes_of_the_command(wish: JobWish) -> Iterator[str]:
    if wish.command and wish.words:
        yield "Give the command as text or as words, not both."
    elif wish.words and not wish.words[0]:
        yield "The program to run has no name."
    elif not wish.words and not wish.command.strip():
        yield "There is no command."
    texts = (wish.command, *wish.words, wish.directory, wish.input_file, wish.output_file)
    if any("\0" in text for text in texts):
        yield "The command or a path holds a NUL character."
    if not _is_unicode(wish.command):
        yield "The command is not UTF-8 text."
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > COMMAND_BYTES:
        yield f"The command has {size:,} bytes; {COMMAND_BYTES:,} are possible."


def _mistakes_of_the_input(text: str) -> Iterator[str]:
    if not text:
        return
    if len(text.encode("utf-8", "surrogatepass")) > INPUT_BYTES:
        yield f"The input data is larger than {INPUT_BYTES:,} bytes: name a file instead."
        return
    if not _is_unicode(text):
        yield "The input data is not UTF-8 text."
        return
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        yield f"The input data is no JSON: {error}."


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mistakes_of_the_metadata(metadata: tuple[tuple[str, str], ...]) -> Iterator[str]:
    if any(not name.strip() for name, _value in metadata):
        yield "An entry of the metadata has no name."
    if sum(len(name) + len(value) for name, value in metadata) > METADATA_BYTES:
        yield f"The metadata is longer than {METADATA_BYTES:,} characters."
