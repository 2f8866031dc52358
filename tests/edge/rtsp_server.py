"""A real RTSP server (GStreamer's) for the tests; run by Debian's Python, which has its bindings.

Usage: rtsp_server.py PORT [USER PASSWORD], or rtsp_server.py --check to see whether it could run. Shows SMPTE bars
with noise in a corner, H.264, 15 frames a second.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstRtsp", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

Gst.init(None)
for element in ("videotestsrc", "x264enc", "rtph264pay"):
    if Gst.ElementFactory.find(element) is None:
        sys.exit(f"no GStreamer element {element}")
if sys.argv[1:] == ["--check"]:
    sys.exit()

port, *login = sys.argv[1:]
server = GstRtspServer.RTSPServer(service=port)
factory = GstRtspServer.RTSPMediaFactory(shared=True)
factory.set_launch(
    "( videotestsrc is-live=true pattern=smpte ! video/x-raw,width=320,height=240,framerate=15/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 )"
)
if login:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*login), token)
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
    server.set_auth(auth)
    role = "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
    factory.add_role_from_structure(Gst.Structure.from_string(role)[0])
server.get_mount_points().add_factory("/bars", factory)
if not server.attach(None):
    sys.exit(f"port {port} is taken")
print("ready", flush=True)
GLib.MainLoop().run()
