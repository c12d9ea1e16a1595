"""What every test needs, wherever the suite was started from."""

import signal

from hypothesis import HealthCheck, settings


def pytest_configure() -> None:
    """Let programs that tests start hear SIGINT and SIGHUP.

    A script's background job ignores the one, `nohup` the other, and whoever is started from
    there inherits that. What has a handler instead is at its default in a started program.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


# How long an example takes is the machine's affair: one that is busy would fail a test by chance.
settings.register_profile("foredeck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("foredeck")
