"""The shape of the house is tested, not only drawn."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("agents", "openai", "mcp", "sqlalchemy", "aiosqlite", "pydantic", "websockets")

_PRINT = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"


def _loaded(code: str) -> set[str]:
    """Run code in a fresh interpreter; return the top-level modules it loaded."""
    script = f"{code}\n{_PRINT}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="/"
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_help_loads_neither_the_screen_nor_the_store_nor_the_agents() -> None:
    code = "from foredeck.app.cli.main import _run; _run(['--help'])"
    assert not _loaded(code) & {*HEAVY, "textual", "rich", "asyncio"}


@pytest.mark.parametrize("module", ["store.store", "workflow.orchestrator", "host.service"])
def test_the_services_load_no_screen(module: str) -> None:
    assert not _loaded(f"import foredeck.services.{module}") & {"textual", "rich"}


def test_the_container_loads_neither_the_screen_nor_the_agents_sdk() -> None:
    loaded = _loaded("import foredeck.app.container")
    assert not loaded & {"textual", "rich", "agents", "openai", "mcp"}


def test_the_domain_loads_only_the_standard_library() -> None:
    code = "import foredeck.services.domain.views, foredeck.services.host.queries"
    assert not _loaded(code) & {*HEAVY, "textual", "rich", "click"}
