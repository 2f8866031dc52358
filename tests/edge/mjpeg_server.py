"""A camera's MJPEG over HTTP for the tests: pictures whose number is written in them, top and bottom.

Usage: mjpeg_server.py PORT
"""

import base64
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

BITS, CELL, FPS = 20, 16, 20
LOGIN = "Basic " + base64.b64encode(b"anna:ge@heim").decode()


def picture(number: int) -> np.ndarray:
    bits = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8) * 255
    image = np.full((240, BITS * CELL, 3), number % 200, np.uint8)
    image[:CELL] = image[-CELL:] = np.repeat(bits, CELL)[None, :, None]
    return image


def claim_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The same JPEG, whose header (SOF0, ITU-T T.81, B.2.2) claims another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2) + width.to_bytes(2) + jpeg[at + 4 :]


def read_number(image: np.ndarray) -> int | None:
    """The picture's number; None where top and bottom are of two pictures."""
    ends = [
        sum(int(row[bit * CELL + CELL // 2, 1] > 127) << bit for bit in range(BITS))
        for row in (image[CELL // 2], image[-CELL // 2])
    ]
    return ends[0] if ends[0] == ends[1] else None


class Camera(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/private") and self.headers.get("Authorization") != LOGIN:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        large = cv2.imencode(".jpg", np.zeros((5_000, 5_000), np.uint8))[1].tobytes()
        try:
            while True:
                number = int(time.monotonic() * FPS) % 2**BITS
                jpeg = cv2.imencode(".jpg", picture(number))[1].tobytes()
                if self.path.startswith("/huge"):
                    jpeg = claim_size(jpeg, 12_000, 12_000)
                elif self.path.startswith("/large"):
                    jpeg = large
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                self.wfile.write(f"Content-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg + b"\r\n")
                time.sleep(1 / FPS)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Camera)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()
