"""The objective ``command``: any program, in any language."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from objectives import template
from objectives.process import Ended, run
from smbo.problem import Context, EvaluationFailed, ObjectiveError, Outcome

__all__ = ["Command"]

# What a program needs to run at all, and the limits on threads and devices that a worker sets.
_KEPT_ENVIRONMENT = (
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
)
_PLACEHOLDERS = ("params", "result", "folder", "seed", "fidelity")
_RESULT_LIMIT_BYTES = 10_000_000
_TAIL_CHARACTERS = 2_000


class Command:
    """A program that reads a point and leaves a number.

    Args:
        argv: the program and its arguments, one list element each; there is no shell.  In an element,
            ``{x}`` is the value of parameter x, ``{params}`` the path of a JSON file with all of them,
            ``{result}`` the path where the program leaves its result, ``{folder}`` a folder of its own,
            ``{seed}`` and ``{fidelity}`` what they say; ``{{x}}`` is the three characters.  All of it is in
            the environment too, as SMBO_PARAM_x, SMBO_PARAMS, SMBO_RESULT, SMBO_FOLDER, SMBO_SEED,
            SMBO_FIDELITY.
        result: "file" for JSON at ``{result}``, "stdout" for JSON in the last line printed: a number, or an
            object with "value", "sem", "cost", "outputs", "outputs_variance" and any metrics.
        timeout_seconds: of one run; then the whole process group gets SIGTERM and, after
            ``grace_seconds``, SIGKILL.
        env: variables to set, beside the few that are handed on.
        keep_env: names of further variables to hand on.
        cwd: where the program runs; the current folder if None (in a job: the job file's folder).
        log_limit_bytes: how much of stdout and of stderr is kept in files in the attempt's folder.

    Raises:
        ObjectiveError: a setting that makes no sense, or a program that is not there.
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
    ) -> None:
        self._argv = _strings("argv", argv)
        if not self._argv:
            raise ObjectiveError("command: argv is empty; write the program and its arguments as a list")
        template.check(self._argv)
        if result not in ("file", "stdout"):
            raise ObjectiveError(f"command: result is {result!r}; write 'file' or 'stdout'")
        self._result = result
        self._timeout_seconds = (
            None if timeout_seconds is None else _number("timeout_seconds", timeout_seconds)
        )
        self._grace_seconds = _number("grace_seconds", grace_seconds)
        self._env = _variables(env or {})
        self._keep_env = _strings("keep_env", keep_env)
        self._cwd = Path(cwd) if cwd is not None else Path.cwd()
        self._log_limit_bytes = int(_number("log_limit_bytes", log_limit_bytes))
        if not self._cwd.is_dir():
            raise ObjectiveError(f"command: cwd is {str(cwd)!r}, which is no folder")
        self._program = self._find_program()

    def evaluate(self, params: Mapping[str, Any], context: Context) -> Outcome:
        """Run the program at a point and return what it measured.

        Raises:
            EvaluationFailed: it ended with an error or took too long, left no result or one that is no
                number; the reason holds the end of its stderr.
            ObjectiveError: the template names what the point does not have.
        """
        with _folder(context) as folder:
            params_path, result_path = folder / "params.json", folder / "result.json"
            values = _values(params, context, folder, params_path, result_path, self._argv)
            arguments = template.fill(self._argv[1:], values)
            environment = self._environment(params, values)
            params_path.write_text(_json(params), encoding="utf-8")
            result_path.unlink(missing_ok=True)
            ended = self._run([self._program, *arguments], environment, folder)
            if ended.timed_out:
                raise EvaluationFailed(
                    f"timeout: {self._argv[0]} still ran after {self._timeout_seconds:g} s{_tail(ended)}"
                )
            if ended.code != 0:
                raise EvaluationFailed(f"{_how(ended.code)} of {self._argv[0]}{_tail(ended)}")
            return _outcome(_last_line(ended) if self._result == "stdout" else _read(result_path, ended))

    def _run(self, argv: list[str], environment: Mapping[str, str], folder: Path) -> Ended:
        try:
            return run(
                argv,
                env=environment,
                cwd=self._cwd,
                logs=folder,
                log_limit_bytes=self._log_limit_bytes,
                timeout_seconds=self._timeout_seconds,
                grace_seconds=self._grace_seconds,
            )
        except OSError as error:  # too long an argument list, no memory, a script without an interpreter
            raise EvaluationFailed(f"start: {self._argv[0]} cannot be run: {error}") from error

    def _environment(self, params: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
        kept = {
            name: os.environ[name] for name in (*_KEPT_ENVIRONMENT, *self._keep_env) if name in os.environ
        }
        told = {f"SMBO_PARAM_{name}": template.text(value) for name, value in params.items()}
        told |= {
            f"SMBO_{name.upper()}": template.text(values[name]) for name in _PLACEHOLDERS if name in values
        }
        return _variables({**kept, **self._env, **told}, EvaluationFailed)

    def _find_program(self) -> str:
        name = self._argv[0]
        # beside the folder it runs in, as a shell there would find it
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


def _values(
    params: Mapping[str, Any],
    context: Context,
    folder: Path,
    params_path: Path,
    result_path: Path,
    argv: Sequence[str],
) -> dict[str, Any]:
    """Return what placeholders stand for."""
    own: dict[str, Any] = {
        "params": str(params_path),
        "result": str(result_path),
        "folder": str(folder),
        "seed": context.seed,
    }
    if context.fidelity is not None:
        own["fidelity"] = context.fidelity
    used = {name for element in argv for name in template.names(element)}
    if clash := sorted(used & set(_PLACEHOLDERS) & params.keys()):
        raise ObjectiveError(
            f"command: {{{clash[0]}}} could be the parameter or what smbo puts there; rename the parameter"
        )
    return {**params, **own}


def _json(params: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(params))
    except (TypeError, ValueError) as error:
        raise ObjectiveError(
            f"command: the point {dict(params)!r} cannot be written as JSON: {error}"
        ) from error


def _last_line(ended: Ended) -> Any:
    lines = ended.stdout_tail.decode("utf-8", errors="replace").strip().splitlines()
    if not lines:
        raise EvaluationFailed(f"result: nothing was printed{_tail(ended)}")
    return _parsed(lines[-1], "the last line printed")


def _read(path: Path, ended: Ended) -> Any:
    try:
        # a link or a pipe that the program left must not make us read, or wait for, something else
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise EvaluationFailed(f"result: the program left no file {path.name}{_tail(ended)}") from None
    except OSError as error:
        raise EvaluationFailed(f"result: {path.name} cannot be read: {error}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise EvaluationFailed(f"result: {path.name} is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(_RESULT_LIMIT_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _RESULT_LIMIT_BYTES:
        raise EvaluationFailed(f"result: {path.name} has more than {_RESULT_LIMIT_BYTES} bytes")
    return _parsed(content.decode("utf-8", errors="replace"), path.name)


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EvaluationFailed(f"result: {what} is no JSON ({error}): {_printable(text[:200])}") from None


def _outcome(result: Any) -> Outcome:
    """Return a program's result, a number or an object, as an outcome."""
    if not isinstance(result, dict):
        return Outcome(value=_measured("value", result))
    known = {name: _measured(name, result[name]) for name in ("value", "sem", "cost") if name in result}
    vectors = {
        name: _vector(name, result[name]) for name in ("outputs", "outputs_variance") if name in result
    }
    metrics = {
        name: _measured(name, value)
        for name, value in result.items()
        if name not in known and name not in vectors
    }
    return Outcome(**known, **vectors, metrics=metrics)  # type: ignore[arg-type]


def _vector(name: str, values: Any) -> Any:
    if not isinstance(values, list):
        raise EvaluationFailed(f"result: {name} is no list of numbers")
    return [_measured(name, value) for value in values]


def _measured(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EvaluationFailed(
            f"result: {_printable(name[:80])} is {_printable(repr(value)[:200])}, not a number"
        )
    try:
        return float(value)
    except OverflowError:
        raise EvaluationFailed(f"result: {_printable(name[:80])} is too large for a number") from None


def _how(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _tail(ended: Ended) -> str:
    """Return the end of what was printed to stderr, to be put behind a message."""
    text = ended.stderr_tail.decode("utf-8", errors="replace").strip()[-_TAIL_CHARACTERS:]
    return f"; stderr ends: {_printable(text)}" if text else ""


def _printable(text: str) -> str:
    """Return text without the control characters that could act on a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _strings(name: str, values: Sequence[str]) -> list[str]:
    if (
        isinstance(values, str)
        or not isinstance(values, Sequence)
        or not all(isinstance(each, str) for each in values)
    ):
        raise ObjectiveError(f"command: {name} is {values!r}; write a list of strings, one per argument")
    if any("\0" in each for each in values):
        raise ObjectiveError(f"command: {name} holds a NUL character")
    return list(values)


def _variables(env: Mapping[str, Any], error: type[Exception] = ObjectiveError) -> dict[str, str]:
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


def _number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ObjectiveError(f"command: {name} is {value!r}; write a number above 0")
    return float(value)
