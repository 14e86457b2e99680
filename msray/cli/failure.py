"""What an exception means to the one who typed the command: an exit code, what went wrong, what to do."""

from dataclasses import dataclass

from typer import Abort, TyperException

from msray.errors import FeedError, MsrayError, UnavailableError, UsageError

FAILED, USAGE, BAD_DATA, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 130
"""Exit codes; 0 is success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a verb did not succeed.

    Attributes
    ----------
    exit_code
        1 failed, 2 usage or configuration, 3 bad data, 4 unreachable or timed out, 130 interrupted.
    code
        What a program may rely on: ``usage``, ``config``, ``unavailable``.
    message, hint
        What is wrong, and what to do about it (may be empty).
    """

    exit_code: int
    code: str
    message: str
    hint: str = ""


def failure(error: BaseException) -> Failure:
    """Judge an exception."""
    match error:
        case KeyboardInterrupt() | Abort():
            return Failure(exit_code=INTERRUPTED, code="interrupted", message="interrupted")
        case MsrayError():
            return Failure(exit_code=_exit_code(error), code=error.code, message=str(error), hint=error.hint)
        case TyperException():
            return _usage(error)
        case ConnectionError() | TimeoutError():
            return Failure(exit_code=UNREACHABLE, code="unavailable", message=str(error) or type(error).__name__)
        case FileNotFoundError() | IsADirectoryError() | NotADirectoryError():
            return Failure(exit_code=USAGE, code="usage", message=_about_file(error))
        case OSError():
            return Failure(exit_code=FAILED, code="io", message=_about_file(error))
        case ModuleNotFoundError(name="ray"):
            hint = "./run.sh setup, or pip install 'msray[ray]'"
            return Failure(exit_code=USAGE, code="usage", message="this needs Ray, which is not installed", hint=hint)
        case ModuleNotFoundError(name="torch" | "onnx" | "onnxruntime" | "safetensors"):
            message = f"this needs {error.name}, which is not installed"
            return Failure(exit_code=USAGE, code="usage", message=message, hint="pip install 'msray[models]'")
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Failure(exit_code=FAILED, code="internal", message=message, hint="--debug shows where it happened")


def _exit_code(error: MsrayError) -> int:
    match error:
        case UsageError():
            return USAGE
        case FeedError():
            return BAD_DATA
        case UnavailableError():
            return UNREACHABLE
    return FAILED


def _usage(error: TyperException) -> Failure:
    """A command line that typer refuses; it words the nearest match into its message or hands it on."""
    near = getattr(error, "possibilities", None)
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "msray"
    return Failure(
        exit_code=USAGE,
        code="usage",
        message=(error.message if near else error.format_message()).rstrip("."),
        hint=f"did you mean {near[0]}?" if near else f"see {path} --help",
    )


def _about_file(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason
