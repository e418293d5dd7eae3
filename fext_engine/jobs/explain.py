"""What a job says of an exception that nobody foresaw."""

from __future__ import annotations

from fext_engine.errors import FextError, is_out_of_memory
from fext_engine.paths import escape_name

_TRAINING = (
    "lower training.batch_size, or dataset.image_height and dataset.image_width, or take a smaller model.name"
)
_TAKES_LESS = {
    **dict.fromkeys(("train", "resume", "estimate", "find-lr"), _TRAINING),
    **dict.fromkeys(("evaluate", "encode", "anomalies"), "lower inference.batch_size or device.num_workers"),
}


def takes_less_memory(verb: str) -> str:
    """What a user can do so that a job of this verb takes less memory."""
    return _TAKES_LESS.get(verb, "end other programs, or lower device.num_workers")


def explain(error: BaseException, verb: str) -> FextError:
    """Put an unexpected exception of a job into words, with the way out where one is known."""
    kind, words = type(error).__name__, (str(error).strip().splitlines() or [""])[0][:200]
    if is_out_of_memory(error):
        said = f"{kind}: {words}" if words else kind
        return FextError(f"out of memory ({said})", f"{takes_less_memory(verb)}, and try again")
    if isinstance(error, OSError) and error.errno is not None:
        place = f" at {escape_name(str(error.filename))}" if error.filename else ""
        return FextError(f"{error.strerror}{place}", "check space and permissions, then start again")
    return FextError(
        f"{kind}: {error}", "the traceback is in events.jsonl of the job's folder; please report it"
    )
