"""``tlpipe web``: makes a page that runs a bundle in the browser, and serves it for trying."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlpipe.cli.choice import chosen_bundle, shown
from tlpipe.cli.options import OUTPUT, BundleFolder, Json, Overwrite
from tlpipe_edge.cli.application import checked
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tlpipe.website.publish import Published
    from tlpipe.website.site import Site
    from tlpipe_edge.live_page.listen import ListenAddress

SERVING = "Serving"
PORT = 8000
LOOPBACK = "127.0.0.1"


def _check_url(written: str) -> None:
    from tlpipe.website import address

    address.check(written)


def _check_host(written: str) -> None:
    try:
        _address(written, PORT)
    except WrongUsage as error:
        advice = "Name a numeric address of this machine, or 0.0.0.0 for all of them; the port is --port."
        raise WrongUsage(f"unknown host {written}", advice) from error


Format = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="FORMAT",
        help="Number format. If left out, int8, or else float16 or float32, as the bundle has it.",
    ),
]
SiteOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR|FILE",
        help="The folder, or with --single-file the file. If left out, sites/BUNDLE.",
        rich_help_panel=OUTPUT,
    ),
]
SingleFile = Annotated[
    bool,
    typer.Option(
        "--single-file/--no-single-file",
        show_default=False,
        help="Write one HTML file, which also opens from the disk of a desktop computer.",
        rich_help_panel=OUTPUT,
    ),
]
Golden = Annotated[
    bool,
    typer.Option(
        "--golden/--no-golden",
        show_default=False,
        help="Also publish the golden images of the bundle, a few of your test images, for the self-test of the page.",
        rich_help_panel=OUTPUT,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="https://...",
        help="The address at which you will publish it: print it as a QR code.",
        callback=checked(_check_url),
        rich_help_panel=OUTPUT,
    ),
]
Serve = Annotated[
    bool,
    typer.Option(
        "--serve/--no-serve",
        show_default=False,
        help="Serve the page until Ctrl-C, on this machine alone unless --host is given. Without --out, nothing is "
        "written.",
        rich_help_panel=SERVING,
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Serve on this address of the machine (0.0.0.0: on all of them), over https, for a phone in the same "
        "network.",
        callback=checked(_check_host),
        rich_help_panel=SERVING,
    ),
]
Port = Annotated[
    int,
    typer.Option(
        min=0,
        max=65535,
        metavar="N",
        help="The port; 0: a free one.",
        rich_help_panel=SERVING,
    ),
]


def web(
    context: typer.Context,
    bundle: BundleFolder = None,
    recipe: Format = None,
    single_file: SingleFile = False,
    golden: Golden = False,
    url: Url = None,
    serve: Serve = False,
    host: Host = None,
    port: Port = PORT,
    out: SiteOut = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write a page that runs the bundle in a browser, on a phone, too: a folder for any web host, or one file.

    The page classifies camera images and photographs with the scores of the device, offline, and checks that itself.
    Nothing but the model, its labels and drawn test images travels with it, and with --golden the golden images.
    """
    # In a file, host and port wait for --serve, and url for publishing.
    for name in (each for each in ("host", "port") if not serve and _is_typed(context, each)):
        where = f"{context.command_path} --{name}"
        raise WrongUsage("only for --serve", "Add --serve, or leave it out.", where=where)
    if serve and _is_typed(context, "url"):
        raise WrongUsage("not with --serve, which has an address", "Leave one of them out.", where=context.command_path)
    chosen = chosen_bundle(bundle)
    from tlpipe.website import publish, site

    options = site.Options(recipe, golden=golden, single_file=single_file)
    if serve and out is None:
        _serve(site.build(chosen, options), None, _address(host, port), as_json=as_json)
        return
    made = publish.publish(chosen, options, out=out, overwrite=overwrite)
    _say_sizes(made.site)
    if serve:
        _serve(made.site, made, _address(host, port), as_json=as_json)
        return
    _print(made.site, made, url=url, as_json=as_json)
    if url is not None:
        _show_code(url)


def _is_typed(context: typer.Context, name: str) -> bool:
    """Whether the option is on the command line; a value in a file, or a default, is not."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _address(host: str | None, port: int) -> "ListenAddress":
    from tlpipe_edge.live_page.listen import ListenAddress

    written = host or LOOPBACK
    written = f"[{written}]" if ":" in written and not written.startswith("[") else written
    return ListenAddress.parse(f"{written}:{port}")


def _serve(site: "Site", made: "Published | None", address: "ListenAddress", *, as_json: bool) -> None:
    """Serve the site until the process is interrupted.

    Without its service worker: a browser would keep the page for this address, and show it instead of the next bundle,
    or of another program on the same port.
    """
    from tlpipe.website import built, serving
    from tlpipe_edge.console import progress

    files = {name: content for name, content in site.files.items() if name != built.SERVICE_WORKER}
    with serving.serving(files, address) as server:
        _print(site, made, url=server.url, as_json=as_json)
        if not address.is_loopback:
            _show_code(server.url)
            progress.say(
                "The phone warns that it does not know who made the certificate, which was made just now: continue "
                "anyway. To install the page as an app, publish it on a web host."
            )
        progress.say("serving; Ctrl-C ends it")
        server.forever()


def _print(site: "Site", made: "Published | None", *, url: str | None, as_json: bool) -> None:
    """The result on stdout: where it was written, or else where it is served."""
    from tlpipe_edge.console.text import printable

    if as_json:
        print(json.dumps(_document(site, made, url), indent=2), flush=True)
        return
    for each in (None if made is None else str(shown(made.path)), url):
        if each is not None:
            print(printable(each), flush=True)


def _document(site: "Site", made: "Published | None", url: str | None) -> "Mapping[str, object]":
    return {
        "schema": 1,
        "path": None if made is None else str(made.path),
        "url": url,
        "name": site.document.name,
        "recipe": site.document.recipe,
        "version": site.document.version,
        "files": {name: len(content) for name, content in site.files.items()},
        "first_visit_bytes": site.first_visit_bytes,
    }


def _say_sizes(site: "Site") -> None:
    from tlpipe_edge.console import progress

    visit, model = site.first_visit_bytes / 1e6, site.document.bytes / 1e6
    if site.document.single_file:
        progress.say(f"1 file, {site.bytes / 1e6:.2f} MB, of which the model is {4 / 3 * model:.2f} MB")
        return
    files = f"{len(site.files)} files, {site.bytes / 1e6:.2f} MB"
    progress.say(f"{files}; a first visit loads {visit:.2f} MB, of which the model is {model:.2f} MB")


def _show_code(url: str) -> None:
    from tlpipe.website import qr_code
    from tlpipe_edge.console import progress, streams

    if not progress.console.encoding.startswith("utf"):  # it has no blocks; the address is printed as well
        return
    with streams.messages():
        for line in qr_code.lines(url):
            progress.console.print(line, style="bright_white on black", markup=False)
