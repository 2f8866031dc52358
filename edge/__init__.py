"""What runs on the device: frames in, expressions out. The ground floor: imports no other room."""

import os

# Read by OpenCV when it is first imported, so this stands here: a camera or clip that cannot be opened is an
# error that mien words in one line, not ten of OpenCV's and FFmpeg's.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

__version__ = "0.1.0"
