"""Who else hears of the answers and outages of a camera: the live page, metrics, a broker, and the kept images."""

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.loop import Outage
from tlpipe_edge.camera.settings import Adjustable
from tlpipe_edge.classify.classifier import Classifier

if TYPE_CHECKING:
    from tlpipe_edge.camera.collecting import Collection, Collector
    from tlpipe_edge.live_page.server import Preview
    from tlpipe_edge.telemetry.metrics import Metrics
    from tlpipe_edge.telemetry.mqtt import Publisher


@dataclass(frozen=True)
class Wanted:
    """Which of them there are: the address of the live page with its token, the URL of a broker, what is kept."""

    preview: str | None
    token: str | None
    mqtt: str | None
    collection: "Collection | None"


class Listeners(contextlib.ExitStack):
    """A context manager with those that are ``wanted``; each of them is imported only then.

    Raise the errors of Collector, Preview and Publisher.
    """

    def __init__(self, wanted: Wanted, classifier: Classifier, adjustable: Adjustable) -> None:
        super().__init__()
        self._wanted, self._classifier, self._adjustable = wanted, classifier, adjustable
        self._collector: Collector | None = None
        self._page: Preview | None = None
        self._metrics: Metrics | None = None
        self._broker: Publisher | None = None

    def __enter__(self) -> "Listeners":
        with contextlib.ExitStack() as opened:
            if self._wanted.collection is not None:
                self._collector = opened.enter_context(self._open_collector(self._wanted.collection))
            if self._wanted.preview is not None:
                self._page = opened.enter_context(self._open_page(self._wanted.preview))
                self._say_address(self._page.url)
            if self._wanted.mqtt is not None:
                from tlpipe_edge.telemetry.mqtt import Publisher

                self._broker = opened.enter_context(Publisher(self._wanted.mqtt, self._classifier))
            self.push(opened.pop_all())
        return self

    def hear(self, event: Answer | Outage) -> None:
        """Pass on the next answer, or the outage."""
        if isinstance(event, Answer):
            if self._collector:
                self._collector.consider(event)
            if self._metrics:
                self._metrics.observe(event)
        elif self._metrics:
            self._metrics.outage()
        for listener in (self._page, self._broker):
            if listener:
                listener.show(event) if isinstance(event, Answer) else listener.outage(event.reason)

    def _open_collector(self, collection: "Collection") -> "Collector":
        from tlpipe_edge.camera.collecting import Collector, Origin

        return Collector(collection, Origin.of(self._classifier), self._adjustable)

    def _open_page(self, address: str) -> "Preview":
        from tlpipe_edge.live_page.resources import Offered
        from tlpipe_edge.live_page.server import Preview
        from tlpipe_edge.live_page.state import About
        from tlpipe_edge.machine import device
        from tlpipe_edge.telemetry.metrics import Metrics

        collector = self._collector
        self._metrics = Metrics(self._classifier, kept=(lambda: collector.status) if collector else None)
        offered = Offered(
            about=About.of(self._classifier, device.read().board),
            adjustable=self._adjustable,
            keep=self._collector.keep if self._collector else None,
            metrics=self._metrics.text,
        )
        return Preview(address, token=self._wanted.token, offered=offered)

    @staticmethod
    def _say_address(url: str) -> None:
        from tlpipe_edge.console import progress

        address, query, _ = url.partition("?token=")
        progress.say(f"live page: {address}" + f"{query}..., with the token" * bool(query))
