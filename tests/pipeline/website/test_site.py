"""What travels with a site, what the page is told, and which bundles cannot become one."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from built_page import WASM, keep
from PIL import Image

from tlpipe.website import built, network, site
from tlpipe.website.site import Options
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, Unavailable, WrongUsage

TESTS = {f"tests/{number}.png" for number in range(1, 7)}


def document(made: site.Site) -> dict[str, Any]:
    """The site document as the page reads it."""
    text = made.files[built.INDEX].decode()
    _, _, rest = text.partition('<script type="application/json" id="site">')
    return dict(json.loads(rest.partition("</script>")[0]))


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("single_file", [False, True])
def test_nothing_else_of_the_bundle_travels(stored: Path, tmp_path: Path, single_file: bool) -> None:
    (stored / "planted.txt").write_text("planted")
    (stored / "predictions.npz").write_bytes(b"planted")
    (stored / "golden/planted.png").write_bytes(b"planted")
    made = site.build(Bundle.open(stored), Options(single_file=single_file))

    folder = {*built.NAMES, *TESTS, "model.tflite", "README.md", "tlpipe-site.json"}
    assert set(made.files) == ({"index.html"} if single_file else folder)
    for name, content in made.files.items():
        for secret in ("planted", "secret-run", str(tmp_path), "runs/", "predictions"):
            assert secret.encode() not in content, (name, secret)


@pytest.mark.usefixtures("page")
def test_the_page_is_told_what_it_needs(exported: Bundle) -> None:
    made = site.build(exported)
    told, artifact = document(made), exported.artifact("int8")

    assert list(told)[:2] == ["schema", "version"] and told["schema"] == 1 and len(told["version"]) == 12
    assert (told["name"], told["recipe"], told["file"]) == ("bundle", "int8", "bundle-int8.tflite")
    assert told["labels"] == list(exported.manifest.labels)
    assert told["image"] == {"size": exported.manifest.image.size, "crop": "center-crop"}
    assert told["input"] == {"dtype": "uint8", "shape": list(artifact.input.shape), "scale": 1.0, "zero_point": 0}
    assert told["ending"] == {"kind": "probabilities", "minimum": 0.0, "maximum": 1.0}
    assert (told["sha256"], told["bytes"]) == (artifact.sha256, artifact.bytes)
    assert told["keras_sha256"] == exported.manifest.provenance.keras_sha256
    assert told["tolerance"] == told["output"]["scale"] == 1 / 256
    assert set(told["assets"]) == {"worker.js", "litert.js", "litert.wasm.bin", "model.tflite", *TESTS}
    for name, asset in told["assets"].items():
        content = made.files[name]
        assert (asset["sha256"], asset["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert told["assets"]["litert.wasm.bin"]["unpacked_sha256"] == hashlib.sha256(WASM).hexdigest()
    assert "unpacked_sha256" not in told["assets"]["model.tflite"]
    assert json.loads(made.files["site.webmanifest"])["name"] == "bundle"
    assert made.files["service_worker.js"].decode() == f'const VERSION = "{told["version"]}";\n'


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("recipe", ["int8", "float16", "float32"])
def test_the_expected_scores_are_those_of_the_device(exported: Bundle, recipe: str) -> None:
    made = site.build(exported, Options(recipe))
    classifier = Classifier.open(exported.path, recipe=recipe)

    told = document(made)
    assert told["tolerance"] == (1 / 256 if recipe == "int8" else 1e-4)
    assert {each["asset"] for each in told["tests"]} == TESTS and told["golden"] == []
    for each in told["tests"]:
        prediction = classifier(made.files[each["asset"]])
        assert np.array_equal(np.float32(each["scores"]), prediction.scores)
        assert each["label"] == prediction.label
    assert len({each["label"] for each in told["tests"]}) > 1


@pytest.mark.usefixtures("page")
def test_golden_images_travel_only_if_wanted(stored: Path) -> None:
    exported = Bundle.open(stored)
    made = site.build(exported, Options(golden=True))
    golden = exported.golden()

    told = document(made)["golden"]
    assert [each["asset"] for each in told] == [f"golden/{number}.png" for number in range(1, 7)]
    assert [made.files[each["asset"]] for each in told] == [file.read_bytes() for file in golden.files]
    assert np.abs(np.array([each["scores"] for each in told]) - golden.scores["int8"]).max() <= 1 / 255
    assert b"6 photographs of the bundle" in made.files["README.md"]

    for file in (stored / "golden").iterdir():
        file.unlink()
    assert site.build(exported).files
    with pytest.raises(MissingInput, match="no golden images"):
        site.build(exported, Options(golden=True))


@pytest.mark.usefixtures("page")
def test_golden_images_that_can_differ_in_a_browser_stay(stored: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A TIFF, a JPEG of CMYK, and a large one of RGB; not large ones as nearly all are, nor a small one."""
    drawn = Image.effect_mandelbrot((500, 400), (-2, -1, 1, 1), 50).convert("RGB")
    drawn.save(stored / "golden/0.png", "TIFF")
    drawn.convert("CMYK").save(stored / "golden/1.png", "JPEG")
    drawn.save(stored / "golden/2.png", "JPEG", keep_rgb=True)
    drawn.save(stored / "golden/3.png", "JPEG", progressive=True)
    drawn.convert("L").save(stored / "golden/4.png", "JPEG")
    drawn.crop((0, 0, 60, 60)).save(stored / "golden/5.png", "JPEG", keep_rgb=True)
    told = document(site.build(Bundle.open(stored), Options(golden=True)))

    assert [each["asset"] for each in told["golden"]] == ["golden/1.jpg", "golden/2.jpg", "golden/3.jpg"]
    said = capfd.readouterr().err
    assert "3 golden images travel with the page, with all metadata, such as the place" in said
    assert "warning: 3 of 6 golden images were left out: a browser may" in said

    for number in range(1, 6):
        drawn.save(stored / f"golden/{number}.png", "TIFF")
    drawn.save(stored / "golden/0.png", "TIFF")
    assert document(site.build(Bundle.open(stored), Options(golden=True)))["golden"] == []
    assert "travel" not in capfd.readouterr().err
    drawn.save(stored / "golden/0.png", "PNG")
    assert len(document(site.build(Bundle.open(stored), Options(golden=True)))["golden"]) == 1
    assert "1 golden image travels with the page" in capfd.readouterr().err


@pytest.mark.usefixtures("page")
def test_what_was_measured_of_this_file(stored: Path) -> None:
    evaluation = json.loads((stored / "evaluation.json").read_text())
    (int8,) = [each for each in evaluation["artifacts"] if each["recipe"] == "int8"]
    told = document(site.build(Bundle.open(stored)))["evaluation"]
    assert told["top1"] == int8["top1"] and told["agreement"] == int8["agreement"]
    assert (told["images"], told["split"], told["trained_on"]) == (evaluation["images"], "test", 0)

    int8["sha256"] = "0" * 64
    (stored / "evaluation.json").write_text(json.dumps(evaluation))
    assert document(site.build(Bundle.open(stored)))["evaluation"] is None
    (stored / "evaluation.json").unlink()
    assert document(site.build(Bundle.open(stored)))["evaluation"] is None


UNKNOWN = "; whether the model was trained on them is not known"


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    ("split", "trained_on", "told"),
    [
        ("test", 0, ("test", 0)),
        ("test, held out from train", 0, ("test", 0)),
        ("validation (there is no test split)", 0, ("validation", 0)),
        ("validation (there is no test split), held out from train", 0, ("validation", 0)),
        (f"test{UNKNOWN}", None, ("test", None)),
        (f"validation (there is no test split){UNKNOWN}", None, ("validation", None)),
        ("photographs, test", 7, ("labelled", 7)),
        (f"photographs of Anna{UNKNOWN}", None, ("labelled", None)),
        ("test Anna", 7, ("labelled", 7)),
        ("test, Anna", 7, ("labelled", 7)),
        ("test (ward 3)", None, ("labelled", None)),
        ("test; Anna", 0, ("labelled", 0)),
    ],
)
def test_the_accuracy_has_its_condition_and_no_name_of_a_folder(
    stored: Path, split: str, trained_on: int | None, told: tuple[str, int | None]
) -> None:
    evaluation = json.loads((stored / "evaluation.json").read_text())
    (stored / "evaluation.json").write_text(json.dumps(evaluation | {"split": split, "trained_on": trained_on}))
    made = site.build(Bundle.open(stored))

    measured = document(made)["evaluation"]
    assert (measured["split"], measured["trained_on"]) == told
    assert b"Anna" not in made.files["index.html"] and b"ward" not in made.files["index.html"]


def test_the_version_is_that_of_all_files(page: Path, exported: Bundle) -> None:
    def version(recipe: str = "int8") -> str:
        return site.build(exported, Options(recipe)).document.version

    first = version()
    assert version() == first
    assert version("float16") != first
    for name in ("index.html", "page.js", "service_worker.js", "icon-192.png"):
        before = (page / name).read_bytes()
        (page / name).write_bytes(before + b"\n")
        assert version() != first, name
        (page / name).write_bytes(before)
    assert version() == first


@pytest.mark.usefixtures("page")
def test_the_sizes(exported: Bundle) -> None:
    made = site.build(exported)
    listed = json.loads(made.files["tlpipe-site.json"])

    assert {each["file"] for each in listed["files"]} == set(made.files) - {"tlpipe-site.json"}
    assert all(hashlib.sha256(made.files[each["file"]]).hexdigest() == each["sha256"] for each in listed["files"])
    assert listed["version"] == made.document.version
    assert made.bytes == sum(map(len, made.files.values()))
    assert made.document.bytes < made.first_visit_bytes < made.bytes
    drawn = sum(len(made.files[name]) for name in TESTS)
    assert made.first_visit_bytes > made.document.bytes + drawn  # which are not compressed again
    assert "<td>" in made._repr_html_()


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    ("held", "wanted", "chosen"),
    [
        (("float32", "float16", "dynamic", "int8"), None, "int8"),
        (("float32", "float16", "dynamic"), None, "float16"),
        (("float32", "dynamic"), None, "float32"),
        (("float32", "float16", "dynamic", "int8"), "float32", "float32"),
        (("dynamic",), None, "no format for a browser in this bundle, only dynamic"),
        (
            ("dynamic", "float16"),
            "dynamic",
            "dynamic takes 20 times as long as int8 in a browser\nUse --recipe float16.",
        ),
        (("dynamic",), "dynamic", "in a browser\nExport int8 as well."),
        (("float32",), "int8", "no format int8 in this bundle"),
    ],
)
def test_which_file_a_page_runs(stored: Path, held: tuple[str, ...], wanted: str | None, chosen: str) -> None:
    bundle = keep(stored, *held)
    if chosen in held:
        assert network.choose(bundle, wanted).recipe == chosen
        return
    with pytest.raises(WrongUsage) as raised:
        site.build(bundle, Options(wanted))
    assert chosen in str(raised.value)


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.usefixtures("page")
def test_a_damaged_file_is_not_published(stored: Path) -> None:
    bundle = Bundle.open(stored)
    damage(stored / "bundle-int8.tflite")
    with pytest.raises(BadData, match="its sha256 is not that of"):
        site.build(bundle)
    (stored / "evaluation.json").write_text("{}")
    with pytest.raises(BadData, match=r"evaluation\.json"):
        site.build(bundle, Options("float16"))


@pytest.mark.usefixtures("page")
def test_a_file_that_a_browser_has_no_tensors_for(exported: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "TYPES", ("int32", "float32"))
    with pytest.raises(BadData, match=r"its input is uint8, and LiteRT\.js takes int32 or float32"):
        site.build(exported)


def test_a_page_that_is_not_built_is_one_command(page: Path, exported: Bundle) -> None:
    (page / built.WASM).write_bytes(b"\x1f\x8b damaged")
    with pytest.raises(Unavailable, match="damaged"):
        site.build(exported)
    (page / built.WASM).unlink()
    (page / built.PAGE).unlink()
    with pytest.raises(Unavailable) as raised:
        site.build(exported)
    error: TlpipeError = raised.value
    assert error.exit_code == 69 and "no page.js and 1 more\nRun make web-runtime in the clone" in str(error)
