"""Workflow files: YAML in, a definition out (SPEC D1).

    file = read(text, "release.yaml")        # raises InvalidWorkflow with every problem
    spec = file.build({"version": "1.2"})    # likewise

nodes → keys, shapes and compound (the one table, also of the JSON schema) → drafts → order → checks
make up the reader; building reads the same nodes again with everything filled in.
"""

from foredeck.services.workflow.file.model import WorkflowFile
from foredeck.services.workflow.file.problems import InvalidWorkflow, Problem
from foredeck.services.workflow.file.reader import read

__all__ = ["InvalidWorkflow", "Problem", "WorkflowFile", "read"]
