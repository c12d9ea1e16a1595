"""What is read from the options of a job."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from foredeck.app.cli.job_options import job_options
from foredeck.services.domain.errors import InvalidInput


@click.command()
@job_options
def told(memory: int | None, **_given: object) -> None:
    click.echo(memory)


@pytest.mark.parametrize(
    ("size", "told_"),
    [("96M", 96 << 20), ("0.5GiB", 512 << 20), ("2g", 2 << 30), (" 1TB ", 1 << 40)],
)
def test_sizes_with_a_unit(size: str, told_: int) -> None:
    assert CliRunner().invoke(told, [f"--memory={size}"]).output == f"{told_}\n"


@pytest.mark.parametrize("size", ["", "512", "M", "-1G", "1P", "9e9G", "nan", "٣G", "\x1b[1mG"])
def test_anything_else_is_no_size(size: str) -> None:
    error = CliRunner().invoke(told, [f"--memory={size}"]).exception
    assert isinstance(error, InvalidInput)
    assert error.message.endswith(" is no size.")
    assert "\x1b" not in error.message
