"""The sink `webhook:URL`: each message as a POST request, signed as Standard Webhooks has it.

`WebhookSink` posts to the `Endpoint` that its URI describes, `signature` signs, and `http_post` makes one request with
all its time and size bounded. This module exports nothing: the sink is opened by its URI.
"""
