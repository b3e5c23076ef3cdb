"""Which normalization an adopted model gets: its own, or the one that the user names."""

from collections.abc import Sequence

from tlpipe.runs.adopted import Normalization
from tlpipe_edge.console import progress
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.errors import WrongUsage

CHANNELS = 3

Numbers = float | Sequence[float]


def named(mean: Numbers | None, std: Numbers | None, *, bgr: bool) -> Normalization | None:
    """``(pixel - mean) / std`` of pixels 0..255, each one number or three; None if nothing is named.

    Raise WrongUsage if only one of them is named, or a value is outside its range.
    """
    if mean is None and std is None:
        if bgr:
            raise WrongUsage("--bgr without --mean", "Name both: the mean in the order blue, green, red.")
        return None
    if mean is None or std is None:
        given, missing = ("--std", "--mean 0") if mean is None else ("--mean", "--std 1")
        raise WrongUsage(f"needs {missing.split()[0]}, too", f"Add {missing} if there was none.", where=given)
    found = Normalization(_channels(mean), _channels(std), bgr)
    try:
        codec.check_fields(found)
    except Misfit as misfit:
        advice = "Give one number or three, such as --mean 127.5 --std 127.5; std is above 0."
        raise WrongUsage(f"{misfit}", advice, where="--mean and --std") from misfit
    return found


def _channels(value: Numbers) -> tuple[float, ...]:
    numbers = (value,) * CHANNELS if isinstance(value, int | float) else tuple(value)
    return tuple(map(float, numbers * CHANNELS if len(numbers) == 1 else numbers))


def normalization_of(inside: Sequence[str], given: Normalization | None) -> Normalization | None:
    """What to put in front of a model, inside of which the layers ``inside`` scale pixels: nothing, or what was given.

    Raise WrongUsage if there is neither, because a wrong guess gives a model that works badly without an error.
    """
    if given is None and not inside:
        raise WrongUsage(
            "no normalization inside the model: name the one it was trained with",
            "--mean 127.5 --std 127.5 (pixels -1..1, as MobileNetV2), --mean 0 --std 255 (0..1), or --mean 0 --std 1 "
            "(0..255).",
        )
    if given is not None and inside and given != Normalization((0.0,) * CHANNELS, (1.0,) * CHANNELS):
        progress.warn(
            f"the model has a normalization ({', '.join(inside)}), and --mean and --std come before it. "
            "Leave them out, unless the model was trained so"
        )
    return given
