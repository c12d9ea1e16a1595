"""What the shapes of keys need while they read: where to note problems, how to fill in texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from yaml import Node, ScalarNode
from yaml.resolver import Resolver

from foredeck.services.domain.workflow import InputSpec, InputType, InputValue
from foredeck.services.workflow.file import templates
from foredeck.services.workflow.file.nodes import shown
from foredeck.services.workflow.file.problems import Findings
from foredeck.services.workflow.file.templates import Use

_TAGS = {
    InputType.STRING: "str",
    InputType.INTEGER: "int",
    InputType.NUMBER: "float",
    InputType.BOOLEAN: "bool",
}

_RESOLVER: Any = Resolver()


class Pending:
    """Stands for a value that is only known when the inputs are."""


PENDING: Final = Pending()


class Filler(Protocol):
    """Gives a scalar its final text, or says that it has none yet."""

    def fill(self, node: ScalarNode, use: Use, at: Reading, *, typed: bool) -> ScalarNode | None:
        """Return the scalar filled in; None while it hangs on the inputs.

        With `typed` a text that is nothing but one input takes that input's type, and one that
        is nothing but a value of the matrix the type that YAML sees in it.
        """


@dataclass(frozen=True)
class Reading:
    """Where a shape reads: `path` is that of its key, `within` the last part of it."""

    findings: Findings
    filler: Filler
    path: str = ""
    label: str = ""

    def inside(self, key: str) -> Reading:
        """Return the reading of a key below this one."""
        return replace(self, path=_joined(self.path, key), label=_joined(self.label, key))

    def step(self, name: str) -> Reading:
        """Return the reading of a step or an input; sentences name only what is below it."""
        return replace(self, path=_joined(self.path, name), label="")

    def error(self, node: Node, message: str, hint: str = "") -> None:
        """Note a problem."""
        self.findings.error(node, self.path, message, hint)

    def filled(
        self, node: ScalarNode, use: Use = Use.FILLED, *, typed: bool = True
    ) -> ScalarNode | None:
        """Return the scalar with its `{{…}}` filled in; None while that is not possible."""
        return self.filler.fill(node, use, self, typed=typed)


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


@dataclass
class Names:
    """What may be named in a step: inputs, the keys of its matrix, the steps it needs.

    `upstream` is asked only when a step is named. `steps` maps every id that names steps to
    one of the steps that the matrix makes of it, empty where it is one step itself.
    """

    inputs: Mapping[str, InputSpec]
    matrix: Iterable[str] = ()
    upstream: Callable[[], Iterable[str]] = tuple
    steps: Mapping[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def problem(
        self, name: str, findings: Findings, *, in_condition: bool = False
    ) -> tuple[str, str]:
        """Return what is wrong with a name, and the hint; empty if nothing is.

        In a condition a step with a matrix cannot be named: it has many states.
        """
        space, _, rest = name.partition(".")
        if space == "steps" and rest:
            return self._step_problem(rest, findings, in_condition)
        known = [f"inputs.{one}" for one in self.inputs]
        known += [f"matrix.{key}" for key in self.matrix]
        known += templates.ENVIRONMENT
        if name in known:
            self.used.add(name)
            return "", ""
        hint = findings.did_you_mean(name, known)
        if space == "inputs" and rest:
            return f"There is no input {shown(rest)}.", hint or "Declare it under `inputs`."
        if space == "matrix" and rest:
            return f"The matrix of this step has no key {shown(rest)}.", hint
        return f"There is no variable {shown(name)}.", hint

    def _step_problem(self, rest: str, findings: Findings, in_condition: bool) -> tuple[str, str]:
        step, _, what = rest.rpartition(".")
        if what not in ("summary", "state") or not step:
            return f"A step has a summary and a state, not {shown(rest)}.", "Write steps.ID.state."
        if step not in self.steps:
            return f"There is no step {shown(step)}.", findings.did_you_mean(step, self.steps)
        if in_condition and (several := self.steps[step]):
            return f"The matrix makes several steps of {step}.", f"Name one of them: {several}."
        if step not in self.upstream():
            return f"This step does not need {step}.", f"Add {step} to its needs."
        return "", ""


class Checking:
    """The filler of a file whose inputs have no values yet: it checks the names."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def fill(self, node: ScalarNode, use: Use, at: Reading, *, typed: bool) -> ScalarNode | None:
        """Return the scalar if nothing has to be filled in; note every name that is wrong."""
        places = templates.places(node.value)
        for place in places:
            self._check(node, place.name, use, at)
        if places:
            return None
        return _scalar(node, "str", templates.filled(node.value, {}), node)

    def _check(self, node: ScalarNode, name: str | None, use: Use, at: Reading) -> None:
        if use is Use.FIXED:
            at.error(node, f"`{at.label}` cannot hold {{{{…}}}}.", "Write it out.")
        elif name is None:
            hint = "Write {{name}}, or \\{{ for two plain braces."
            at.error(node, "This {{ has no }} that closes it.", hint)
        elif name.startswith("steps.") and use is Use.SHELL:
            hint = "Let the earlier step write a file, and read that."
            at.error(node, f"A command cannot hold {{{{{name}}}}}.", hint)
        elif name.startswith("steps.") and use is not Use.LATE:
            hint = "Only prompts and the messages of gates can."
            at.error(node, f"`{at.label}` cannot hold {{{{{name}}}}}.", hint)
        else:
            message, hint = self._names.problem(name, at.findings)
            if message:
                at.error(node, message, hint or "Write \\{{ for two plain braces.")
            elif use is Use.SHELL and not templates.alone(node.value):
                self._warn(node, name, at)

    def _warn(self, node: ScalarNode, name: str, at: Reading) -> None:
        """Warn of free text in a shell command, which the shell would read as commands."""
        wanted = self._names.inputs.get(name.removeprefix("inputs."))
        free = name == "run.request" or (
            wanted is not None and wanted.type is InputType.STRING and not wanted.choices
        )
        if free and not name.startswith("matrix."):
            message = f"The shell will read {{{{{name}}}}} as a part of the command."
            variable = name.rpartition(".")[2].upper().replace("-", "_")
            hint = f'Put it into `env` and write "${variable}".'
            at.findings.warning(node, at.path, message, hint)


class Filling:
    """The filler of a run that is made: `values` has every name but those of steps."""

    def __init__(self, values: Mapping[str, InputValue], inputs: Mapping[str, InputSpec]) -> None:
        self._values = values
        self._types = {f"inputs.{name}": spec.type for name, spec in inputs.items()}

    def fill(self, node: ScalarNode, use: Use, at: Reading, *, typed: bool) -> ScalarNode | None:
        """Return the scalar with everything filled in but what steps will say."""
        text = templates.filled(node.value, self._values)
        return _scalar(node, self._tag(node, text) if typed else "str", text, node)

    def _tag(self, node: ScalarNode, text: str) -> str:
        """Return the type of a text that is nothing but one input, or one value of the matrix."""
        name = templates.alone(node.value)
        if name.startswith("matrix."):
            resolved = _RESOLVER.resolve(ScalarNode, text, (True, False))
            return str(resolved).rpartition(":")[2]
        return _TAGS[self._types[name]] if name in self._types else "str"


def _scalar(node: ScalarNode, tag: str, text: str, at: ScalarNode) -> ScalarNode:
    if tag == "str" and text == node.value:
        return node
    return ScalarNode(f"tag:yaml.org,2002:{tag}", text, at.start_mark, at.end_mark, at.style)
