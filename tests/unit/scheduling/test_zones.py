"""The time zone of this machine is found by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.scheduling.zones import machine_zone


@pytest.fixture
def database(tmp_path: Path) -> Path:
    place = tmp_path / "zoneinfo" / "Europe"
    place.mkdir(parents=True)
    (place / "Berlin").touch()
    return place / "Berlin"


def found(environ: dict[str, str], localtime: Path, name: Path) -> str:
    return machine_zone(environ, localtime, name)


def test_tz_goes_before_the_link_and_that_before_the_file(tmp_path: Path, database: Path) -> None:
    link, name = tmp_path / "localtime", tmp_path / "timezone"
    link.symlink_to(database)
    name.write_text("Asia/Tokyo\n")
    assert found({"TZ": ":America/New_York"}, link, name) == "America/New_York"
    assert found({"TZ": "/usr/share/zoneinfo/Asia/Kathmandu"}, link, name) == "Asia/Kathmandu"
    assert found({"TZ": "CET-1CEST,M3.5.0"}, link, name) == "Europe/Berlin"
    assert found({}, link, name) == "Europe/Berlin"
    assert found({}, tmp_path / "none", name) == "Asia/Tokyo"
    assert found({}, tmp_path / "none", tmp_path / "none") == "UTC"


def test_what_names_no_zone_is_passed_over(tmp_path: Path) -> None:
    copy, name = tmp_path / "localtime", tmp_path / "timezone"
    copy.write_bytes(b"TZif2")
    name.write_bytes(b"\xff\xfe")
    assert found({"TZ": ""}, copy, name) == "UTC"
