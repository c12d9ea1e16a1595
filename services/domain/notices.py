"""What people are told about when they do not look: causes, channels, deliveries (SPEC T6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foredeck.services.domain.states import RunState


class Cause(StrEnum):
    """What a person may want to be told: a run has ended, has ended badly, or waits for them.

    `finish` is any end but that of a run somebody cancelled; `failure` only a bad one, and that
    a task was due but no run could be made.
    """

    FINISH = "finish"
    FAILURE = "failure"
    WAITING = "waiting"


class Channel(StrEnum):
    """How a host tells it; bell and OSC 9 belong to a terminal, so dashboards ring those."""

    COMMAND = "command"
    WEBHOOK = "webhook"


class DeliveryState(StrEnum):
    """Whether a notification has arrived; `failed` is given up after several attempts.

    `withdrawn` was about a run that did not wait any more when it was to go out, or its channel
    is not set any more.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing that people are told; it stands for a transition of a run.

    That a due time failed stands for the fire `fire_id`: there is no run and no transition.
    """

    id: str
    transition_id: int | None
    run_id: str | None
    cause: Cause
    at: datetime
    title: str
    text: str
    fire_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification on its way through a channel; `next_at` is None when it has ended."""

    id: str
    notification_id: str
    channel: Channel
    state: DeliveryState
    attempts: int = 0
    next_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """A line of a list of notifications; `state` is that of the run then.

    `task_id` and `task_name` are empty for a run of no task. `run_id` is empty for a due time
    that failed, and `state` says so.
    """

    id: str
    run_id: str
    cause: Cause
    at: datetime
    title: str
    text: str
    project_name: str
    state: RunState
    task_id: str = ""
    task_name: str = ""
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """How a channel took a notification that was only a test; `detail` says what went wrong."""

    channel: Channel
    ok: bool
    detail: str = ""
