"""Loads a data set: its images are listed and hashed, and missing splits are held out from train."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tlpipe.data import archive, folders, listing
from tlpipe.data.archive import Unpacked
from tlpipe.data.dataset import Dataset, Example
from tlpipe.data.reading import FROM_DATA, Reading
from tlpipe.data.splits import Listing
from tlpipe_edge.console import progress
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, WrongUsage
from tlpipe_edge.images import classes


def load(
    data: Path,
    *,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    seed: int = 0,
    reading: Reading = FROM_DATA,
    labels: tuple[str, ...] | None = None,
) -> Dataset:
    """Find the images below ``data``, hash them, and hold out missing splits from train.

    ``data`` is a folder with one subfolder per class, or one with train/, validation/ and test/, each with one
    subfolder per class, or one with Hugging Face's metadata; a list of images (CSV, JSON Lines); or a zip or tar
    archive of one of these, which is unpacked into the cache. Held-out splits are stratified and seeded, have at least
    one image of every class, and keep copies of a file together. Raise MissingInput, BadData or WrongUsage, and the
    errors of ``archive.unpacked``.
    """
    check_fraction("validation", validation_fraction)
    check_fraction("test", test_fraction)
    data = data.absolute()
    listed, unpacked = _listed(data, reading, every_class=True)
    found, left_out = (listed, ()) if labels is None else _of_model(listed, labels, data)
    missing = {"test": test_fraction, "validation": validation_fraction}
    if sum(fraction for split, fraction in missing.items() if split not in found) >= 0.9:
        raise WrongUsage("validation and test fractions leave too little to train on", "Keep their sum below 0.9.")
    trained, labels = labels is not None, labels or _labels(found, data)
    to_cut = [split for split, fraction in missing.items() if split not in found and fraction > 0]
    if "validation" not in (*found, *to_cut):
        raise WrongUsage("no validation images to select the best weights", "Use --validation-fraction 0.1.")
    _check_enough(found["train"], data, splits=1 + len(to_cut))
    splits = {split: _examples(files, labels, f"{split} images") for split, files in found.items()}
    cut: list[str] = []
    for split in to_cut:
        # The share is of all images without a split, so it does not depend on the order of the cuts.
        already = sum(len(splits[name]) for name in cut)
        share = missing[split] * (len(splits["train"]) + already) / len(splits["train"])
        splits["train"], splits[split] = _cut(splits["train"], share, seed, labels, data)
        cut.append(split)
    alike = () if trained else classes.alike(labels)
    warnings = (*listing.notes(data, listed, reading), *left_out, *alike, *_duplicates(splits, labels))
    dataset = Dataset(data, labels, splits, tuple(sorted(cut)), warnings, missing, reading, unpacked)
    (dataset.check_usable if trained else dataset.check_trainable)()
    return dataset


def check_fraction(split: str, fraction: float) -> None:
    """Raise WrongUsage if this share of train cannot be held out for ``split``."""
    if not 0 <= fraction < 0.9:
        raise WrongUsage(f"invalid {split} fraction: {fraction:g}", "Use a number from 0 to below 0.9.")


def labelled(
    data: Path,
    labels: tuple[str, ...],
    reading: Reading = FROM_DATA,
) -> tuple[str, tuple[Example, ...]]:
    """The examples in ``data`` for a model with these labels, and a name for them.

    ``data`` is as in ``load``; of several splits, the test split is used, or else validation. A class may be missing.
    Images of a class that the labels do not have are left out, with a warning. Raise BadData if there are no others,
    and the errors of ``load``.
    """
    data = data.absolute()
    found, _ = _listed(data, reading, every_class=False)
    split = next((name for name in ("test", "validation") if found.get(name)), "train")
    index = classes.indices(labels)
    unknown = Counter(label for _, label in found[split] if classes.find(index, label) is None)
    if unknown.total() == len(found[split]):
        raise classes.none_known(unknown, labels, folders.meant(data), where=data)
    for note in listing.notes(data, found, reading):
        progress.warn(note)
    if unknown:
        progress.warn(f"{data}: {classes.left_out(unknown, labels)}")
    known = [row for row in found[split] if row[1] not in unknown]
    name = data.name if len(found) == 1 else f"{data.name}, {split}"
    return name, _examples(known, labels, "images" if len(found) == 1 else f"{split} images")


def _listed(data: Path, reading: Reading, *, every_class: bool) -> tuple[Listing, Unpacked | None]:
    """The files and labels in ``data``, and where they are unpacked if it is an archive."""
    listing.check(data, reading)
    if not archive.is_archive(data):
        return listing.read(data, reading, every_class=every_class), None
    unpacked = archive.unpacked(data)
    return listing.read_unpacked(unpacked, reading, every_class=every_class), unpacked


def _examples(files: Collection[tuple[Path, str]], labels: tuple[str, ...], what: str) -> tuple[Example, ...]:
    """Hash the files; those that cannot be read have a problem."""
    index = classes.indices(labels)
    examples = []
    for file, label in progress.track(files, description=f"hashing {what}"):
        try:
            examples.append(Example(file, index[label], sha256_of(file)))
        except OSError as error:
            examples.append(Example(file, index[label], "", f"cannot be read ({error.strerror})"))
    return tuple(examples)


def _labels(found: Listing, data: Path) -> tuple[str, ...]:
    if "train" not in found:
        raise _no_train(data)
    labels = tuple(sorted({label for _, label in found["train"]}))
    for label in labels:
        if not label.strip() or label.splitlines() != [label] or not _is_unicode(label):
            raise BadData(f"class {label!r} is blank, has several lines or is not Unicode", "Rename it.", where=data)
    if len(labels) < 2:
        raise BadData(
            f"only one class ({labels[0]!r})",
            folders.meant(data) or "A classifier needs two classes or more, in a folder each.",
            where=data,
        )
    known = set(labels)
    for split, files in found.items():
        for file, label in files:
            if label not in known:
                meant = classes.near(label, labels)
                advice = f"{meant[0].upper()}{meant[1:]}." if meant else "Add it to train, or remove it."
                raise BadData(f"class {label!r} is in {split} but not in train", advice, where=file)
    return labels


def _of_model(found: Listing, labels: tuple[str, ...], data: Path) -> tuple[Listing, tuple[str, ...]]:
    """The images of classes that a model has, and warnings about the other classes."""
    if "train" not in found:
        raise _no_train(data)
    index = classes.indices(labels)
    unknown = Counter(label for files in found.values() for _, label in files if classes.find(index, label) is None)
    for name in unknown:
        repeated = classes.numbered(name, labels)
        if repeated:
            reason = f"class {name!r} is the label of {len(repeated)} outputs ({', '.join(repeated)}, counted from 0)"
            raise BadData(reason, "Correct the labels file, or name the class as one of them.", where=data)
    kept = {split: [row for row in files if row[1] not in unknown] for split, files in found.items()}
    if not kept["train"]:
        raise classes.none_known(unknown, labels, folders.meant(data), where=data)
    warnings = [f"{data}: {classes.left_out(unknown, labels)}"] if unknown else []
    with_images = len({classes.find(index, label) for files in kept.values() for _, label in files})
    without = len(labels) - with_images
    if without:
        warnings.append(f"{with_images} of the {len(labels)} classes of the model have images; {without} have none")
    return {split: files for split, files in kept.items() if files}, tuple(warnings)


def _no_train(data: Path) -> BadData:
    return BadData("no training images", "Add a folder train/, or CSV rows with the split train.", where=data)


def _check_enough(files: Collection[tuple[Path, str]], data: Path, *, splits: int) -> None:
    """Raise BadData if a class has not an image for each of these splits."""
    for label, images in Counter(label for _, label in files).items():
        if images < splits:
            raise _too_few(label, data)


def _too_few(label: str, data: Path) -> BadData:
    return BadData(
        f"too few different images to hold out a split{folders.lost(data, label)}",
        "Add images, or add the splits yourself.",
        where=f"class {label!r}",
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cut(
    examples: tuple[Example, ...], fraction: float, seed: int, labels: tuple[str, ...], data: Path
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Two parts, the second with ``fraction`` of each class; both have at least one image of each class."""
    chosen: set[str] = set()
    of_class: dict[int, set[str]] = {}
    for example in examples:
        of_class.setdefault(example.label, set()).add(example.sha256)
    for index, label in enumerate(labels):
        if index not in of_class:  # a class of a trained model that has no images
            continue
        hashes = sorted(of_class[index] - chosen)
        if len(hashes) < 2:
            raise _too_few(label, data)
        random.Random(f"{seed} {label}").shuffle(hashes)
        chosen.update(hashes[: min(len(hashes) - 1, max(1, round(fraction * len(hashes))))])
    return (
        tuple(example for example in examples if example.sha256 not in chosen),
        tuple(example for example in examples if example.sha256 in chosen),
    )


def _duplicates(splits: Mapping[str, Iterable[Example]], labels: tuple[str, ...]) -> list[str]:
    """A warning for each image that is in two splits, or in two classes."""
    seen: dict[str, tuple[str, Example]] = {}
    warnings = []
    for split, examples in splits.items():
        for example in filter(lambda each: each.sha256, examples):
            other_split, other = seen.setdefault(example.sha256, (split, example))
            if other_split != split:
                warnings.append(f"{example.file}: the same image is in {other_split} ({other.file})")
            elif other.label != example.label:
                warnings.append(f"{example.file}: the same image is in class {labels[other.label]!r} ({other.file})")
    return warnings
