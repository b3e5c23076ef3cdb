"""Tables and reports of an evaluation or of benchmarks: what the readers accept can be shown, too."""

from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import OLD, compiled_once, copied
from fuzz.targets import benchmarks
from tlpipe.cli import tables
from tlpipe.evaluation import model_card
from tlpipe.reporting import inputs
from tlpipe.reporting.derive import compose
from tlpipe.reporting.render import markdown, page, sheet
from tlpipe_edge.bench import table
from tlpipe_edge.contract.bundle import Bundle


def prepare(folder: Path) -> Fuzzed:
    compiled_once()
    bundle, file = Bundle.open(copied(OLD / "bundle", folder)), folder / "bench.json"
    scores = bundle.path / "evaluation.json"
    sound = scores.read_bytes()

    def read(content: bytes) -> None:
        of_bench = b"invoke_ms" in content
        (file if of_bench else scores).write_bytes(content)
        try:
            found = inputs.read([file]) if of_bench else inputs.gather(bundle, ())
        finally:
            scores.write_bytes(sound)
        for source in found.benches:
            source.bench._repr_html_()
            table.render(source.bench)
        if found.evaluation is not None:
            tables.accuracy_table(found.evaluation)
            model_card.render(bundle, found.evaluation)
        report = compose.report(found)
        assert report.to_json() and markdown.render(report) and page.render(report) and sheet.render(report)

    return Fuzzed(read, [sound, *benchmarks.sound()], mutations.values)
