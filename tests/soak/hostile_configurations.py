"""Configurations that the daemon has to reject, whatever it has open."""

#: Longer than a label of a host name may be.
LONG_NAME = "h" * 70

#: What a parser of TOML may stumble over.
HOSTILE_TEXTS = (
    f"prior = {'[' * 3000}{']' * 3000}\n",
    f"min-faces = {'9' * 5000}\n",
    'source = "a\0b"\n',
    f"{'a' * 100_000} = 1\n",
)


def hostile_options(daemon):
    """Return options that are valid TOML, each to replace one of the usual configuration.

    Sinks are added to the usual ones, which stay open whether the new one can be opened or not.
    """
    sinks = (
        "jsonl:a\0b",
        f"mqtt://{LONG_NAME}/x",
        f"metrics:{LONG_NAME}:9108?token_file={daemon.metrics_token}",
    )
    sources = "camera:63", "picamera2", f"rtsp://{LONG_NAME}.example/1"
    return [
        *({"sink": [*daemon.sinks(), sink]} for sink in sinks),
        *({"source": source, "wait-for-source": False} for source in sources),
        {"source": "a\0b.mp4"},
        {"model": "a\0b"},
        {"detector": "blazeface:a\0b"},
        {"preview-token-file": "a\0b"},
        {"debug-frames": "a\0b"},
        {"record": "a\0b.mp4"},
        {"preview": f"{LONG_NAME}.example:8080"},
    ]
