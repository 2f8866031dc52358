"""The sink `metrics:[HOST:]PORT`: a page of metrics that a Prometheus server scrapes.

`MetricsSink` serves the page; if a token is set, `BearerTokenCheck` asks each client for it. `RunMetrics` counts
frames, faces and events. At each scrape `BoardCollector` reads temperature and throttling, and `SinkCollector` the
counts of all sinks. This module exports nothing: the sink is opened by its URI.
"""
