"""The tests of mien. OpenCV's and FFmpeg's own log is silenced before OpenCV is imported, as the commands do."""

from edge.system.native_logs import quiet_native_logs

quiet_native_logs()
