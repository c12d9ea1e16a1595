"""Projects as the host shows them."""

from foredeck.services.domain.records import Project
from foredeck.services.domain.views import ProjectRow


def row_of(project: Project) -> ProjectRow:
    """Return the row of a project without runs."""
    return ProjectRow(
        project.id,
        project.name,
        project.description,
        project.workspace,
        archived=False,
        runs=0,
        active_runs=0,
        created_at=project.created_at,
        last_run_at=None,
    )
