"""How long a live source may give nothing new before it is opened again."""

from __future__ import annotations

#: A source that gives no frame for this long has stalled.
STALL_TIMEOUT_S = 20.0
#: A source that gives the same picture for this long is frozen. Streams of a scene without motion repeat pictures from
#: one key frame to the next, which are some seconds apart.
FREEZE_TIMEOUT_S = 60.0
