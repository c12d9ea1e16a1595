"""Who is there to answer."""

from foredeck.services.questions.presence import Presence


def test_nobody_at_first() -> None:
    assert not Presence().attends("run")
    assert not Presence().attends(None)


def test_a_dashboard_is_there_for_every_run() -> None:
    presence = Presence()
    presence.declare("dashboard")
    assert presence.attends("run")
    assert presence.attends(None)
    presence.release("dashboard")
    presence.release("dashboard")
    assert not presence.attends("run")


def test_a_terminal_is_there_for_its_run() -> None:
    presence = Presence()
    presence.declare("terminal")  # its run has no id yet
    presence.declare("terminal", "mine")
    assert presence.attends("mine")
    assert not presence.attends("another")
