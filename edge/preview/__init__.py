"""The preview: a web page with the live picture, the faces in it, their expressions and the latency.

The loop passes frames to a `Preview`. Its `Broadcast` accepts the newest frame only while a viewer waits for one, so
that nothing is encoded or kept in memory while nobody watches, and nothing is ever stored. A `Server` runs uvicorn in a
thread of its own, with the `PreviewApp`, for at most eight viewers (`viewers`). An `Authenticator` and `RequestChecks`
decide who may connect. The page itself is in `pages/` and `static/`.
"""

from __future__ import annotations

from edge.preview.access_token import read_token
from edge.preview.listen_address import page_url, parse_address
from edge.preview.preview import Preview

__all__ = ["Preview", "page_url", "parse_address", "read_token"]
