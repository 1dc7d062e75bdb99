"""How a command ends when it does not end well: one clear line on stderr and an exit code, never a traceback.

0  done
1  the call failed (refused by the suite, a bad file, a failed proof)
2  wrong usage (arguments, options, missing key)
3  an import went through, but some rows were rejected
4  can't reach the suite
"""

from __future__ import annotations

from typing import Any, Final

import typer
import typer.core
from rich.console import Console

from scoreline.client import InvalidSettings, MalformedEvent, errors

FAILED: Final = 1
USAGE: Final = 2
ROWS_REJECTED: Final = 3
UNREACHABLE: Final = 4


class CommandFailed(Exception):
    """A command can't go on; its text is the line to show."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class CommandLine(typer.core.TyperGroup):
    """The main command: the one place where failures become lines and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except errors.ScorelineError as error:
            target = getattr(ctx.obj, "target", "the suite")
            code, text = describe(error, target)
        except CommandFailed as error:
            code, text = error.exit_code, str(error)
        except (InvalidSettings, MalformedEvent) as error:
            code, text = USAGE, _usage(error)
        show(text)
        raise typer.Exit(code)


def describe(error: errors.ScorelineError, target: str) -> tuple[int, str]:
    """Exit code and line for a failed call."""
    if isinstance(error, errors.Unavailable | errors.DeadlineExceeded) and error.from_transport:
        return UNREACHABLE, (
            f"can't reach the suite at {target} ({error.message}): start it with `scoreline up`, or name another "
            "with --target"
        )
    if isinstance(error, errors.Unauthenticated):
        return FAILED, f"{error.message}: pass --api-key or set SCORELINE_API_KEY"
    if isinstance(error, errors.PermissionDenied):
        return FAILED, f"{error.message}: use a key that has it (`scoreline keys create`)"
    if error.violations:
        return FAILED, "; ".join(f"{one.field}: {one.description}" for one in error.violations)
    if isinstance(error, errors.Unavailable):
        return FAILED, f"{error.message}: try again"
    if isinstance(error, errors.InternalFailure):
        found = f" (request id {error.request_id})" if error.request_id else ""
        return FAILED, f"{error}{found}"
    return FAILED, error.message or str(error)


def show(text: str) -> None:
    """The line."""
    console = Console(stderr=True, highlight=False)
    console.print("error:", text, style="red", markup=False, soft_wrap=True)


def _usage(error: Exception) -> str:
    if isinstance(error, InvalidSettings) and "API key" in str(error):
        return (
            "no API key: pass --api-key, set SCORELINE_API_KEY, or start a suite here with `scoreline up` (its "
            "development key is found by itself)"
        )
    return str(error)
