"""What docs/tutorial.md walks through. It works offline, and writes into the current folder: python tutorial.py"""

# --8<-- [start:images]
from pathlib import Path

import tlpipe
from tlpipe.demo import digits
from tlpipe_edge import Classifier

images = digits.write_images(Path("digits"))  # digits/0/0000.png and so on
# --8<-- [end:images]

# --8<-- [start:train]
training = tlpipe.Training(
    weights=str(digits.BACKBONE),  # without it: ImageNet's, which Keras downloads
    alpha=0.35,
    image_size=64,
    views=1,  # no augmentation: a mirrored digit is another figure
    head=tlpipe.Head(epochs=4),
    finetuning=tlpipe.Finetuning(epochs=2),
)
run = tlpipe.train(images, training)
# --8<-- [end:train]

# --8<-- [start:finetune]
run = tlpipe.finetune(run)
print("best stage:", run.best)
# --8<-- [end:finetune]

# --8<-- [start:export]
bundle = tlpipe.export(run, ["float32", "int8"])
for artifact in bundle.manifest.artifacts:
    megabytes = artifact.bytes / 1e6
    print(f"{artifact.file}: {megabytes:.2f} MB, {artifact.input.dtype} pixels")
# --8<-- [end:export]

# --8<-- [start:evaluate]
evaluation = tlpipe.evaluate(bundle, max_drop=0.02)
top1, count, split = evaluation.keras.top1, evaluation.images, evaluation.split
print(f"Keras: top-1 {top1:.1%} on {count} images ({split})")
for each in evaluation.artifacts:
    low, high = each.top1_interval
    print(f"{each.recipe}: top-1 {each.top1:.1%} ({low:.1%} to {high:.1%}), ", end="")
    print(f"agreement with Keras {each.agreement:.1%}, at most {each.drop_bound:.1%} below Keras")
print("within max_drop" if evaluation.gate.passed else evaluation.gate.failures)
# --8<-- [end:evaluate]

# --8<-- [start:classify]
classifier = Classifier.open(bundle.path, recipe="int8")
for file in bundle.golden().files:  # a few test images that travel with the bundle
    prediction = classifier(file)
    milliseconds = prediction.timings_ms["total"]
    print(f"{file.name} {prediction.label} {prediction.score:.2f} {milliseconds:.1f} ms")
# --8<-- [end:classify]

# --8<-- [start:report]
report = tlpipe.report(bundle, out="reports/digits", overwrite=True)
print(report.verdict.text)
# --8<-- [end:report]
