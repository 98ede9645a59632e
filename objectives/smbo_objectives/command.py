"""The objective ``command``: run any program, in any language, and read its result.

Files and placeholders for the program are made by ``template`` and ``run_card``, its process is bounded by
``process``, its results are read by ``result_parsing`` (a number), ``comparison`` (histograms) and
``progress`` (intermediate values).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smbo.problem import (
    ChiSquare,
    Context,
    EvaluationFailed,
    ObjectiveError,
    ObservableAxes,
    Outcome,
    Problem,
    Pruned,
    RunCard,
)
from smbo_objectives import template
from smbo_objectives.comparison import comparison
from smbo_objectives.process import ProcessLimits, ProcessResult, run
from smbo_objectives.progress import ReportFollower
from smbo_objectives.result_parsing import (
    bad_output,
    bare_number,
    parse_json,
    parse_outcome,
    printable,
    read_bounded,
)
from smbo_objectives.run_card import RunCards

__all__ = ["Command"]

# Variables that a program needs to run at all, and the limits on threads and devices that a worker sets.
_INHERITED_VARIABLES = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "KRB5CCNAME",
    "X509_USER_PROXY",
    "BEARER_TOKEN_FILE",
)
# Of the batch job, without which `srun` and `mpirun` do not find its nodes (SLURM_JWT is a password).
_INHERITED_PREFIXES = ("SLURM_", "PBS_", "LSB_", "OAR_", "PE_", "JOB_ID")
_PLACEHOLDERS = ("params", "result", "folder", "seed", "fidelity", "reports", "checkpoint")
_PARAMS, _RESULT, _REPORTS = "params.json", "result.json", "progress.jsonl"
_RESULT_LIMIT_BYTES = 10_000_000
_HISTOGRAMS_LIMIT_BYTES = 200_000_000
_TAIL_CHARACTERS = 2_000
_HUGE = 1e18  # seconds, bytes, processes: beyond what a system counts

# Messages on stderr of programs to which the kernel refuses memory within their address space.
_NO_MEMORY = re.compile(rb"MemoryError|bad_alloc|[Cc]annot allocate memory|[Oo]ut of memory")


class Command:
    """A program that reads a point and writes a number.

    Args:
        argv: the program and its arguments, one list element each; there is no shell.  In an element,
            ``{x}`` is the value of parameter x, ``{params}`` the path of a JSON file with all of them,
            ``{result}`` the path where the program writes its result, ``{folder}`` a folder of its own,
            ``{seed}`` and ``{fidelity}`` seed and fidelity of the trial, ``{reports}`` the path of a file for
            intermediate values, ``{checkpoint}`` the folder of an earlier attempt to resume from (empty
            if there is none); ``{{x}}`` stands for the characters ``{x}``.  All values are in the environment
            too, as SMBO_PARAM_x, SMBO_PARAMS, SMBO_RESULT, SMBO_FOLDER, SMBO_SEED, SMBO_FIDELITY,
            SMBO_REPORTS, SMBO_CHECKPOINT; a variable without a value is not set.
        result: "file" for JSON at ``{result}``, "stdout" for JSON in the last line printed: a number, or an
            object with "value", "sem", "cost", "outputs", "outputs_variance" and any metrics.
        timeout_seconds: time limit of one run; then the program and all its descendants get SIGTERM and,
            after ``grace_seconds``, SIGKILL.
        env: variables to set, beside the few that are passed on.
        keep_env: names of further variables to pass on.
        cwd: where the program runs; the current folder if None (in a job: the job file's folder).
        log_limit_bytes: largest size of the logs of stdout and of stderr in the attempt's folder.
        output_limit_bytes: limit of the whole output; beyond, the run is ended.
        memory_bytes: limit for the program and its descendants together; beyond, the run is ended.
        address_space_bytes, file_bytes, cpu_seconds: limits of each process, enforced by the kernel.
        processes: largest number of processes at a time; beyond, the run is ended.
        cards: {name: template}, files that are written into ``{folder}`` for each run with placeholders
            filled, for programs with a parameter format of their own.
        histograms: {data, file, observables, weights, theory_uncertainty}: the program writes histograms
            (YODA, CSV or JSON) at ``{result}``; the value is their chi-square against measured ones, and the
            bins are its outputs.  See ``smbo_objectives.comparison``.

    Intermediate values: each line ``{"step": 3, "value": 0.25}`` that the program adds to ``{reports}`` is
    passed to ``context.report`` during the run.  When the study prunes the trial, the program is ended as at
    a timeout.

    Raises:
        ObjectiveError: an invalid setting, or a program that does not exist.

    Example:
        >>> from smbo.problem import Context
        >>> program = "import json, sys; print(json.dumps({'value': float(sys.argv[1]) ** 2}))"
        >>> square = Command(["python3", "-c", program, "{x}"], result="stdout")
        >>> square.evaluate({"x": 3.0}, Context(seed=1)).value
        9.0
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        result: str = "file",
        timeout_seconds: float | None = None,
        grace_seconds: float = 5.0,
        env: Mapping[str, str] | None = None,
        keep_env: Sequence[str] = (),
        cwd: str | None = None,
        log_limit_bytes: int = 10_000_000,
        output_limit_bytes: int | None = None,
        memory_bytes: int | None = None,
        address_space_bytes: int | None = None,
        file_bytes: int | None = None,
        cpu_seconds: float | None = None,
        processes: int | None = None,
        cards: Mapping[str, str] | None = None,
        histograms: Mapping[str, Any] | None = None,
    ) -> None:
        self._argv = _strings("argv", argv)
        if not self._argv:
            raise ObjectiveError("command: argv is empty; write the program and its arguments as a list")
        template.check(self._argv)
        if result not in ("file", "stdout"):
            raise ObjectiveError(f"command: result is {result!r}; write 'file' or 'stdout'")
        self._result = result
        self._limits = ProcessLimits(
            timeout_seconds=_number("timeout_seconds", timeout_seconds),
            grace_seconds=_number("grace_seconds", grace_seconds) or 0.0,
            log_limit_bytes=_whole("log_limit_bytes", log_limit_bytes) or 0,
            output_limit_bytes=_whole("output_limit_bytes", output_limit_bytes),
            memory_bytes=_whole("memory_bytes", memory_bytes),
            address_space_bytes=_whole("address_space_bytes", address_space_bytes),
            file_bytes=_whole("file_bytes", file_bytes),
            cpu_seconds=_number("cpu_seconds", cpu_seconds),
            processes=_whole("processes", processes),
        )
        self._env = _variables({} if env is None else env)
        self._keep_env = _strings("keep_env", keep_env)
        if cwd is not None and (not isinstance(cwd, str) or "\0" in cwd):
            raise ObjectiveError(f"command: cwd is {cwd!r}; write the path of a folder")
        self._cwd = Path(cwd) if cwd is not None else Path.cwd()
        if not self._cwd.is_dir():
            raise ObjectiveError(f"command: cwd is {str(cwd)!r}, which is no folder")
        self._program = self._find_program()
        self._cards = RunCards(cards or {}, self._cwd)
        self._comparison = None if histograms is None else comparison(histograms, self._cwd)
        if self._comparison is not None and result != "file":
            raise ObjectiveError("command: histograms are read from a file; leave result: stdout out")
        self._result_name = _RESULT if self._comparison is None else self._comparison.file

    @property
    def loss(self) -> ChiSquare | None:
        """The chi-square on the bins of the histograms, None where the result is a number."""
        return None if self._comparison is None else self._comparison.loss

    @property
    def remarks(self) -> Sequence[str]:
        """Remarks on the measured histograms (see ``HasRemarks``)."""
        return () if self._comparison is None else self._comparison.remarks

    def observable_axes(self) -> list[ObservableAxes]:
        """Return the axes of the histograms (see ``Plottable``)."""
        return [] if self._comparison is None else self._comparison.observable_axes()

    def same_measurement(self) -> list[list[str]]:
        """Return no groups: histograms of the same measurement are not known for a user's data."""
        return []

    def run_card(self, params: Mapping[str, Any], remarks: Sequence[str]) -> RunCard | None:  # noqa: ARG002
        """Return the first card with a point filled in; remarks are ignored, as their syntax is unknown."""
        filled = self._cards.filled({**params, "seed": 1})
        if not filled:
            return None
        name, text = next(iter(filled.items()))
        return RunCard(f"tune{Path(name).suffix}", text)

    def files(self) -> list[Path]:
        """Return the program, its arguments and its templates that are files in its folder or below."""
        named = [self._cwd / each for each in (*self._argv, *self._cards.paths)]
        found = [path.resolve() for path in named if os.path.isfile(path)]
        return [path for path in found if path.is_relative_to(self._cwd.resolve())]

    def check_problem(self, problem: Problem) -> str | None:
        """Refuse placeholders that the points of a problem have no values for (see ``ChecksProblem``).

        Raises:
            ObjectiveError: a placeholder is no parameter, or one that not every point has, or could be a
                parameter or something else.
        """
        space = problem.space
        known = [*space.names, *(name for name in _PLACEHOLDERS if name != "fidelity" or problem.fidelity)]
        used = [(each, name) for each in self._argv for name in template.names(each)]
        used += [(f"the card {card}", name) for card, name in self._cards.used]
        _check_clash(space.names, [name for _, name in used])
        for place, name in used:
            if name in space.conditional:
                raise ObjectiveError(
                    f"command: {place!r} needs {name!r}, which is conditional: points at which it is "
                    f"inactive do not have it; read it from the file {{params}} or from SMBO_PARAM_{name}"
                )
            if name == "fidelity" and name not in known:
                raise ObjectiveError(
                    f"command: {place!r} needs 'fidelity', and the problem has none; add the key fidelity, "
                    "or leave it out"
                )
            if name not in known:
                raise ObjectiveError(
                    f"command: {place!r} needs {name!r}, which is no parameter"
                    f"{template.hint(name, known)}; write {{{{{name}}}}} for these "
                    "very characters"
                )
        return None

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Outcome:
        """Run the program at a point and return its outcome.

        Raises:
            EvaluationFailed: the program ended with an error, exceeded a limit, or left no result or one that
                is not a number; the message holds the end of its stderr.
            ObjectiveError: the template names a parameter that the point does not have.
        """
        with _folder(context) as folder:
            values = _values(params, context, folder, self._result_name)
            _check_clash(
                params, [*(name for each in self._argv for name in template.names(each)), *self._cards.names]
            )
            arguments = template.fill(self._argv[1:], values)
            environment = self._environment(params, values)
            (folder / _PARAMS).write_text(_json(params), encoding="utf-8")
            self._cards.write(folder, values)
            for name in (self._result_name, _REPORTS):
                (folder / name).unlink(missing_ok=True)
            follower = ReportFollower(folder / _REPORTS, context.report)

            def poll() -> None:
                follower.poll()
                # checked at every poll, not only at a report: the next report may be hours away
                if context.should_stop():
                    raise Pruned(f"{self._argv[0]} was pruned after the values that it reported")

            ended = self._run([self._program, *arguments], environment, folder, poll)
            self._check(ended)
            follower.poll(is_over=True)
            return self._outcome(folder, ended)

    def _outcome(self, folder: Path, ended: ProcessResult) -> Outcome:
        if self._result == "stdout":
            return parse_outcome(_last_line(ended))
        limit = _RESULT_LIMIT_BYTES if self._comparison is None else _HISTOGRAMS_LIMIT_BYTES
        content = _read(folder / self._result_name, limit, ended)
        if self._comparison is not None:
            return self._comparison.outcome(content)
        return parse_outcome(_told(content.decode("utf-8", errors="replace"), self._result_name))

    def _run(
        self, argv: list[str], environment: Mapping[str, str], folder: Path, on_poll: Callable[[], None]
    ) -> ProcessResult:
        try:
            return run(
                argv,
                env=environment,
                cwd=self._cwd,
                logs=folder,
                limits=self._limits,
                on_poll=on_poll,
            )
        except OSError as error:  # argument list too long, no memory, a script without an interpreter
            story = f"start: {self._argv[0]} cannot be run: {error}{_interpreter_trouble(argv[0])}"
            raise EvaluationFailed(story, reason="cannot-start") from error

    def _check(self, ended: ProcessResult) -> None:
        """Raise EvaluationFailed unless the program exited by itself with code 0."""
        if ended.ended_by is None and ended.code == 0:
            return
        reason, story = _failure_reason(ended, self._limits)
        if ended.left:
            story += f", and could not be ended whole (processes {', '.join(map(str, ended.left))} still run)"
        raise EvaluationFailed(f"{self._argv[0]} {story}{_tail(ended)}", reason=reason)

    def _environment(self, params: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
        named = (*_INHERITED_VARIABLES, *self._keep_env)
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in named or (name.startswith(_INHERITED_PREFIXES) and name != "SLURM_JWT")
        }
        own = {f"SMBO_PARAM_{name}": template.text(value) for name, value in params.items()}
        own |= {
            f"SMBO_{name.upper()}": template.text(values[name])
            for name in _PLACEHOLDERS
            if values.get(name, "") != ""
        }
        return _variables({**kept, **self._env, **own}, EvaluationFailed)

    def _find_program(self) -> str:
        name = self._argv[0]
        # relative to the folder it runs in, as a shell there would resolve it
        candidate = str(self._cwd / name) if os.sep in name else name
        found = shutil.which(candidate)
        if found is None:
            raise ObjectiveError(
                f"command: no program {name!r} "
                + (f"in {self._cwd}" if os.sep in name else "on the PATH")
                + "; mend the path, or make it executable (chmod +x)"
            )
        return os.path.abspath(found)


@contextmanager
def _folder(context: Context) -> Iterator[Path]:
    """Yield the attempt's folder, or a temporary one where there is none."""
    if context.folder is not None:
        yield context.folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="smbo-command-") as folder:
        yield Path(folder)


def _values(params: Mapping[str, Any], context: Context, folder: Path, result_name: str) -> dict[str, Any]:
    """Return the values of the placeholders."""
    own: dict[str, Any] = {
        "params": str(folder / _PARAMS),
        "result": str(folder / result_name),
        "reports": str(folder / _REPORTS),
        "folder": str(folder),
        "seed": context.seed,
        # empty, not missing: the first attempt of a trial has no checkpoint
        "checkpoint": "" if context.checkpoint is None else str(context.checkpoint),
    }
    if context.fidelity is not None:
        own["fidelity"] = context.fidelity
    return {**params, **own}


def _check_clash(params: Iterable[str], used: Sequence[str]) -> None:
    if clash := sorted(set(used) & set(_PLACEHOLDERS) & set(params)):
        raise ObjectiveError(
            f"command: {{{clash[0]}}} could be the parameter or what smbo puts there; rename the parameter"
        )


def _json(params: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(params))
    except (TypeError, ValueError) as error:
        raise ObjectiveError(
            f"command: the point {dict(params)!r} cannot be written as JSON: {error}"
        ) from error


def _last_line(ended: ProcessResult) -> Any:
    lines = ended.stdout_tail.decode("utf-8", errors="replace").strip().splitlines()
    if not lines:
        raise bad_output(f"nothing was printed{_tail(ended)}")
    try:
        return parse_json(lines[-1], "the last line printed")
    except EvaluationFailed:
        # a program's libraries may print when it ends: its last object still is its result
        for line in reversed(lines[:-1]):
            if line.startswith("{"):
                return parse_json(line, "the last object printed")
        return _told(lines[-1], "the last line printed")


def _told(text: str, what: str) -> Any:
    """Return a text as JSON, or as a number in the notation of other languages."""
    try:
        return parse_json(text, what)
    except EvaluationFailed:
        if (value := bare_number(text)) is None:
            raise
        return value


def _interpreter_trouble(program: str) -> str:
    """Return what is wrong with the first line of a script that cannot be started; "" if nothing is."""
    try:
        with open(program, "rb") as file:
            first = file.readline(200)
    except OSError:
        return ""
    if b"\0" in first:  # no script
        return ""
    if not first.startswith(b"#!"):
        return "; its first line names no interpreter, such as #!/bin/sh"
    name = first[2:].decode(errors="replace").strip(" \t\n").split(" ")[0]
    if os.path.exists(name):
        return ""
    why = ": the file has the line ends of Windows" if name.endswith("\r") else ""
    return f"; its first line names {name!r}, which is not there{why}"


def _read(path: Path, limit_bytes: int, ended: ProcessResult) -> bytes:
    try:
        return read_bounded(path, limit_bytes)
    except FileNotFoundError:
        raise bad_output(f"the program left no file {path.name}{_tail(ended)}") from None


def _failure_reason(ended: ProcessResult, limits: ProcessLimits) -> tuple[str, str]:
    """Return the reason of a failure (one word, as stored) and its text for a message."""
    match ended.ended_by:
        case "timeout":
            return "timeout", f"still ran after {limits.timeout_seconds:g} s"
        case "memory":
            return "memory", f"used more than {limits.memory_bytes} bytes of memory"
        case "output":
            return "output-cap", f"printed more than {limits.output_limit_bytes} bytes"
        case "asked":
            return "cancelled", "was asked to end"
        case "processes":
            return "process-limit", f"started more than {limits.processes} processes"
    if ended.code == -signal.SIGXCPU:
        return "timeout", f"used more than {limits.cpu_seconds} s of processor time"
    if ended.code == -signal.SIGXFSZ:
        return "output-cap", f"wrote a file of more than {limits.file_bytes} bytes"
    how = _exit_text(ended.code)
    if ended.code == -signal.SIGKILL and ended.kernel_killed:
        return "memory", f"was killed ({how}) when the machine ran out of memory"
    is_bounded = limits.address_space_bytes is not None or limits.memory_bytes is not None
    if is_bounded and _NO_MEMORY.search(ended.stderr_tail[-_TAIL_CHARACTERS:]):
        return "memory", f"ended for want of memory ({how})"
    return how, f"ended with {how}"


def _exit_text(code: int) -> str:
    if code > 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _tail(ended: ProcessResult) -> str:
    """Return the end of stderr, to be appended to a message."""
    text = ended.stderr_tail.decode("utf-8", errors="replace").strip()[-_TAIL_CHARACTERS:]
    return f"; stderr ends: {printable(text)}" if text else ""


def _strings(name: str, values: Sequence[str]) -> list[str]:
    if (
        isinstance(values, str)
        or not isinstance(values, Sequence)
        or not all(isinstance(each, str) for each in values)
    ):
        split = f": {values.split()}" if isinstance(values, str) and name == "argv" else ""
        raise ObjectiveError(f"command: {name} is {values!r}; write a list of strings, one each{split}")
    if any("\0" in each for each in values):
        raise ObjectiveError(f"command: {name} holds a NUL character")
    return list(values)


def _variables(env: Mapping[str, Any], error: type[Exception] = ObjectiveError) -> dict[str, str]:
    if not isinstance(env, Mapping):
        raise error(f"command: env is {env!r}; write a mapping, {{NAME: text}}")
    for name, value in env.items():
        if (
            not isinstance(name, str)
            or not isinstance(value, str)
            or not name
            or "=" in name
            or "\0" in name + value
        ):
            raise error(
                f"command: {name!r}: {str(value)[:80]!r} cannot be an environment variable; quote numbers"
            )
    return dict(env)


def _number(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _HUGE:
        raise ObjectiveError(f"command: {name} is {repr(value)[:40]}; write a number above 0")
    return float(value)


def _whole(name: str, value: int | None) -> int | None:
    number = _number(name, value)
    if number is not None and number != int(number):
        raise ObjectiveError(f"command: {name} is {value!r}; write a whole number")
    return None if number is None else int(number)
