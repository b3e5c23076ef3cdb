"""Writing a site: what is replaced, what is not, and what a failure leaves."""

from pathlib import Path

import pytest

from tlpipe.website import publish, site
from tlpipe.website.publish import publish as write
from tlpipe.website.site import Options
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData, WrongUsage

SINGLE = Options(single_file=True)


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.usefixtures("page")
def test_a_site_takes_the_name_of_the_bundle(exported: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = write(exported)
    assert made.path == Path("sites/bundle") and content(made.path) == dict(made.site.files)
    assert write(exported).path == Path("sites/bundle-2")
    assert write(exported, SINGLE).path == Path("sites/bundle.html")
    assert write(exported, Options("float16"), overwrite=True).path == Path("sites/bundle")
    assert sorted(each.name for each in Path("sites").iterdir()) == ["bundle", "bundle-2", "bundle.html"]
    assert content(Path("sites/bundle")) != content(Path("sites/bundle-2"))


@pytest.mark.usefixtures("page")
def test_only_a_site_is_replaced_and_only_if_asked(exported: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "site"
    write(exported, out=out)
    with pytest.raises(WrongUsage, match="exists already"):
        write(exported, out=out)
    before = content(out)
    for name in (".DS_Store", "._index.html", "Thumbs.db"):
        (out / name).touch()
    write(exported, Options("float16"), out=out, overwrite=True)
    assert content(out)["model.tflite"] != before["model.tflite"]

    mine = tmp_path / "homepage"
    mine.mkdir()
    (mine / "index.html").write_text("mine")
    with pytest.raises(WrongUsage, match=r"it holds something else \(no tlpipe-site.json\)"):
        write(exported, out=mine, overwrite=True)
    with pytest.raises(WrongUsage, match="it holds something else"):
        write(exported, out=exported.path, overwrite=True)
    assert content(mine) == {"index.html": b"mine"}


@pytest.mark.usefixtures("page")
def test_what_a_link_leads_to_is_replaced(exported: Bundle, tmp_path: Path) -> None:
    write(exported, out=tmp_path / "release")
    before = content(tmp_path / "release")
    (tmp_path / "served").symlink_to("release")
    write(exported, Options("float16"), out=tmp_path / "served", overwrite=True)
    assert (tmp_path / "served").is_symlink()
    assert content(tmp_path / "release")["model.tflite"] != before["model.tflite"]


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("name", ["CNAME", ".git/HEAD", "tests/mine.png"])
def test_a_folder_with_files_of_the_user_is_not_replaced(exported: Bundle, tmp_path: Path, name: str) -> None:
    out = tmp_path / "site"
    write(exported, out=out)
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    before = content(out)
    with pytest.raises(WrongUsage, match=rf"not replaced: it also holds {name}\nName another path"):
        write(exported, out=out, overwrite=True)
    assert content(out) == before

    (out / "tlpipe-site.json").write_text('{"files": 1}')
    with pytest.raises(BadData, match="no list of files"):
        write(exported, out=out, overwrite=True)


@pytest.mark.usefixtures("page")
def test_a_file_that_comes_meanwhile_is_not_deleted(
    exported: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"
    write(exported, out=out)
    built = site.build(exported, Options())

    def build(*_: object) -> site.Site:
        (out / "CNAME").write_text("mine")
        return built

    monkeypatch.setattr(site, "build", build)
    with pytest.raises(WrongUsage, match="it also holds CNAME"):
        write(exported, out=out, overwrite=True)
    assert content(out)["CNAME"] == b"mine"


@pytest.mark.usefixtures("page")
def test_a_file_is_no_folder_and_a_page_ends_in_html(exported: Bundle, tmp_path: Path) -> None:
    write(exported, SINGLE, out=tmp_path / "page.html")
    with pytest.raises(WrongUsage, match="the name of a file, not of a folder\nName a folder, or add --single-file"):
        write(exported, out=tmp_path / "page.html", overwrite=True)
    with pytest.raises(WrongUsage, match="the name of a file"):
        write(exported, out=tmp_path / "new.html")
    with pytest.raises(WrongUsage, match=r"not the name of a page\nName it page\.html\."):
        write(exported, SINGLE, out=tmp_path / "page")


@pytest.mark.usefixtures("page")
def test_only_a_page_of_ours_is_replaced_by_a_single_file(exported: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "new" / "page.html"
    write(exported, SINGLE, out=out)
    before = out.read_bytes()
    with pytest.raises(WrongUsage, match="exists already"):
        write(exported, SINGLE, out=out)
    write(exported, Options("float16", single_file=True), out=out, overwrite=True)
    assert out.read_bytes() != before

    mine = tmp_path / "index.html"
    mine.write_text("mine")
    with pytest.raises(WrongUsage, match="it is no page of tlpipe web"):
        write(exported, SINGLE, out=mine, overwrite=True)
    with pytest.raises(WrongUsage, match="a folder"):
        write(exported, SINGLE, out=tmp_path, overwrite=True)
    with pytest.raises(WrongUsage, match="is a file, not a folder"):
        write(exported, SINGLE, out=mine / "page.html")
    assert mine.read_text() == "mine"


@pytest.mark.usefixtures("page")
def test_a_failure_leaves_what_was_there(exported: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "sites" / "site"
    write(exported, out=out)
    before = content(out)

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(Exception, match="No space left"):
        write(exported, out=out, overwrite=True)
    monkeypatch.undo()
    assert content(out) == before and [each.name for each in out.parent.iterdir()] == ["site"]


@pytest.mark.usefixtures("page")
def test_an_interrupt_says_that_nothing_was_written(
    exported: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(site, "build", interrupt)
    with pytest.raises(KeyboardInterrupt) as raised:
        publish.publish(exported, out=tmp_path / "site")
    assert raised.value.__notes__ == ["The site was not written."] and not (tmp_path / "site").exists()
