"""A running connector over HTTP: where it listens, what it tells.

Invariant: the exposition is read by Prometheus's own parser for OpenMetrics, which refuses what a server would.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from .connector import Run, wait_for

LISTENS = re.compile(r"url=\"?(http://[0-9.:]+)\"?")


class Live:
    """One run that listens on a port of its own: `listeners=http://127.0.0.1:0`."""

    def __init__(self, run: Run):
        self.run = run

        def found():
            run.must_live()
            return LISTENS.search(run.stderr)

        self.url = wait_for("the address in the log", found, 30).group(1)

    def get(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Status, content type and text."""
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return answer.status, answer.headers.get("Content-Type", ""), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Content-Type", ""), error.read().decode()

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Each sample by name and labels, but for `connector`."""
        status, kind, text = self.get("/metrics")
        assert status == 200 and kind.startswith("application/openmetrics-text; version=1.0.0"), (status, kind)
        return {
            (sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if k != "connector"))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples().get((name, tuple(sorted(labels.items()))))

    def ready(self) -> tuple[int, dict[str, str]]:
        """Status, and what each line says."""
        status, _, text = self.get("/health/ready")
        lines = [re.match(r"(lane \d+|\S+)\s+(.*)", line) for line in text.splitlines()]
        return status, {line.group(1): line.group(2) for line in lines}

    def clocks(self) -> dict:
        status, kind, text = self.get("/moorline/v1/clocks")
        assert (status, kind) == (200, "application/json"), text
        return json.loads(text)
