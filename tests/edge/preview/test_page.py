"""The page in a real browser."""

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="pip install 'mien[preview]'")
pytest.importorskip("starlette", reason="pip install 'mien[preview]'")

from edge.preview import Preview
from edge.types import UNCERTAIN, SourceEvent
from tests.edge.preview.conftest import made_track, pixels, show_as, text_of, wait_for

pytestmark = [pytest.mark.real_part, pytest.mark.slow]
TOKEN = "a-long-enough-token-1"


def frame_number(chrome):
    return int(chrome.execute_script("return document.getElementById('canvas')?.dataset.frame ?? -1"))


def share_of(chrome, label):
    """How long a bar is, in pixels on the screen, as a share of its track."""
    return chrome.execute_script(
        """for (const row of document.querySelectorAll(".face li")) if (row.firstChild.textContent === arguments[0]) {
             const bar = row.querySelector(".bar").getBoundingClientRect();
             return (row.querySelector("i").getBoundingClientRect().right - bar.left) / bar.width;
           }""",
        label,
    )


def browser_errors(chrome):
    """Return the errors and warnings in the browser's log."""
    return [entry["message"] for entry in chrome.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def open_page(chrome, preview):
    chrome.get(preview.url)
    wait_for(lambda: frame_number(chrome) >= 0, "a picture")


def test_picture_boxes_bars_timeline_and_latency(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0) as preview:
        preview.camera().put(SourceEvent("camera:0", "online"))
        running = loop(preview, tracks=[made_track(7, (200, 120, 160, 160))])
        open_page(chrome, preview)
        before = pixels(chrome)
        # Read afterwards: a later frame is then another one than `before`.
        first = frame_number(chrome)
        wait_for(lambda: frame_number(chrome) > first, "the next picture")
        after = pixels(chrome)
        # The white square has moved.
        assert np.abs(after.astype(int) - before)[: after.shape[0] // 6].max() > 100
        # The lines of the box have the color of `happy`: little blue, much red.
        scale = after.shape[1] / 640
        for x, y in ((200, 200), (360, 200), (280, 280)):
            patch = after[round(y * scale) - 2 : round(y * scale) + 3, round(x * scale) - 2 : round(x * scale) + 3]
            assert ((patch[..., 2] > 200) & (patch[..., 0] < 60)).any()
        assert np.abs(after[round(200 * scale), round(280 * scale)].astype(int) - 70).max() < 8
        wait_for(lambda: text_of(chrome, "state-text") == "online", "online")
        assert text_of(chrome, "source-name") == "camera:0"
        wait_for(lambda: abs(share_of(chrome, "happy") - 0.9) < 0.02, "a long bar of happy")
        wait_for(lambda: share_of(chrome, "sad") < 0.05, "a short bar of sad")
        running.tracks = [made_track(7, (100, 100, 90, 90), "sad", 0.7), made_track(9, class_id=UNCERTAIN)]
        wait_for(lambda: abs(share_of(chrome, "sad") - 0.7) < 0.02, "a long bar of sad")
        cards = "return [...document.querySelectorAll('.face h3')].map((title) => title.textContent)"
        wait_for(lambda: chrome.execute_script(cards) == ["sadFace 7", "uncertainFace 9"], "two faces")
        wait_for(lambda: text_of(chrome, "announcement") == "Face 7: sad. Face 9: uncertain", "what is read aloud")
        stages = chrome.execute_script("return [...document.querySelectorAll('tbody tr')].map((row) => row.innerText)")
        assert [stage.split()[0] for stage in stages] == ["capture", "detect", "classify", "total"]
        assert "4.00 ms" in stages[1]
        legend = wait_for(
            lambda: "uncertain" in (text := text_of(chrome, "legend")) and text, "the strip's next column"
        )
        assert "happy" in legend
        assert "sad" in legend
        # The strip contains the color of `happy`: blue 0, red 240.
        strip = pixels(chrome, "strip")
        assert (np.abs(strip.astype(int) - (0, 176, 240)).max(axis=2) < 10).sum() > 20
        running.tracks = []
        wait_for(lambda: text_of(chrome, "face-list") == "", "no face")
        assert browser_errors(chrome) == []


def test_a_lost_connection_is_shown_and_restored(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0) as preview:
        port = int(preview.url.rsplit(":")[-1].strip("/"))
        loop(preview)
        open_page(chrome, preview)
    wait_for(lambda: text_of(chrome, "state-text") == "connection lost", "the sign that it is lost")
    overlay = chrome.find_element("id", "overlay")
    assert overlay.is_displayed()
    assert "Reconnecting in" in overlay.text
    assert "stale" in chrome.find_element("tag name", "main").get_attribute("class")
    last = frame_number(chrome)
    with Preview("127.0.0.1", port) as preview:
        loop(preview, frames=last + 1)
        chrome.find_element("id", "retry").click()
        wait_for(lambda: frame_number(chrome) > last, "the picture after the daemon has come back")
        wait_for(lambda: not overlay.is_displayed(), "an end of the sign")
    # And automatically.
    last = frame_number(chrome)
    with Preview("127.0.0.1", port) as preview:
        loop(preview, frames=last + 1)
        wait_for(lambda: frame_number(chrome) > last, "the picture without a click")


def test_source_state_and_notice_are_shown(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0) as preview:
        running = loop(preview)
        open_page(chrome, preview)
        preview.camera().put(SourceEvent("camera:0", "stalled", "no frame for 20 s"))
        wait_for(lambda: text_of(chrome, "state-text") == "stalled", "stalled")
        assert text_of(chrome, "overlay-detail") == "no frame for 20 s"
        preview.camera().put(SourceEvent("camera:0", "offline", "unplugged"))
        wait_for(lambda: text_of(chrome, "overlay-title") == "The source is offline", "offline")
        preview.camera().put(SourceEvent("camera:0", "online"))
        wait_for(lambda: text_of(chrome, "state-text") == "online", "online")
        # Also without a source event.
        running.paused = True
        wait_for(lambda: text_of(chrome, "state-text") == "no new picture", "that the picture is old")
        running.paused = False
        wait_for(lambda: text_of(chrome, "state-text") == "online", "online again")
        assert chrome.find_element("id", "nothing-stored").is_displayed()
        preview.camera().set_notice("Pictures are stored in debug/ until 12:10")
        wait_for(lambda: chrome.find_element("id", "notice").is_displayed(), "the notice")
        assert not chrome.find_element("id", "nothing-stored").is_displayed()


def test_a_hidden_page_is_not_counted_as_a_viewer(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0) as preview:
        running = loop(preview)
        open_page(chrome, preview)
        page = chrome.current_window_handle
        chrome.switch_to.new_window("tab")

        def nothing_is_encoded():
            encoded, before = preview.camera().broadcast.encoded, running.frames
            wait_for(lambda: running.frames > before + 60, "60 frames")
            return preview.camera().broadcast.encoded == encoded

        wait_for(nothing_is_encoded, "60 frames without an encoding")
        chrome.close()
        chrome.switch_to.window(page)
        last = frame_number(chrome)
        wait_for(lambda: frame_number(chrome) > last, "the picture when the page is looked at again")


def test_the_login_form(browser, loop):
    chrome = browser((390, 844))
    with Preview("127.0.0.1", 0, TOKEN) as preview:
        loop(preview)
        chrome.get(preview.url)
        chrome.find_element("id", "token").send_keys("not the token\n")
        wait_for(lambda: text_of(chrome, "message") == "Wrong token.", "the rejection")
        assert chrome.find_elements("id", "canvas") == []
        chrome.get(preview.url)
        chrome.find_element("id", "token").send_keys(TOKEN + "\n")
        wait_for(lambda: frame_number(chrome) >= 0, "a picture")
        assert chrome.current_url == preview.url
        # Scripts cannot read the cookie, and no cookie contains the token.
        assert chrome.execute_script("return document.cookie") == ""
        assert TOKEN not in str(chrome.get_cookies())
        assert chrome.get_cookies()[0]["sameSite"] == "Strict"
        chrome.get(preview.url)
        wait_for(lambda: frame_number(chrome) >= 0, "a picture without being asked again")


def send_token(chrome, token):
    """Type a token, and wait for the next page."""
    field = chrome.find_element("id", "token")
    field.send_keys(f"{token}\n")
    wait_for(lambda: is_gone(field), "another page")


def is_gone(element):
    from selenium.common.exceptions import StaleElementReferenceException

    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    return False


def test_a_token_in_the_url_is_removed_from_it(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0, TOKEN) as preview:
        loop(preview)
        chrome.get(f"{preview.url}?token={TOKEN}")
        wait_for(lambda: frame_number(chrome) >= 0, "a picture")
        assert chrome.current_url == preview.url
        chrome.delete_all_cookies()
        chrome.get(preview.url)
        for _ in range(6):
            send_token(chrome, "wrong")
            wait_for(lambda: text_of(chrome, "message"), "an answer")
        assert "Too many wrong tokens" in text_of(chrome, "message")


def test_the_page_asks_for_the_new_token_after_a_change(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0, TOKEN) as preview:
        port = int(preview.url.rsplit(":")[-1].strip("/"))
        loop(preview)
        chrome.get(f"{preview.url}?token={TOKEN}")
        wait_for(lambda: frame_number(chrome) >= 0, "a picture")
    with Preview("127.0.0.1", port, TOKEN + "2"):
        wait_for(lambda: chrome.find_elements("id", "token"), "the form")
        assert text_of(chrome, "message") == "The token has changed."


@pytest.mark.parametrize("size_wh", [(390, 844), (844, 390), (320, 568), (1280, 860), (768, 1024)])
def test_the_page_fits_the_screen(browser, loop, size_wh):
    chrome = browser(size_wh)
    with Preview("127.0.0.1", 0) as preview:
        preview.camera().put(SourceEvent("rtsp://camera.example/a/rather/long/name", "online"))
        loop(preview, tracks=[made_track(i, (40 * i, 50 * i, 80, 90)) for i in range(1, 5)])
        show_as(chrome, size_wh, 2 if min(size_wh) < 700 else 1)
        open_page(chrome, preview)
        wide = "return [document.documentElement.scrollWidth, innerWidth, innerHeight]"
        width, inner, height = chrome.execute_script(wide)
        assert width <= inner == size_wh[0]
        # The whole picture is visible at once, in its proportions.
        box = chrome.execute_script("return document.getElementById('canvas').getBoundingClientRect().toJSON()")
        assert box["bottom"] <= height
        assert box["width"] / box["height"] == pytest.approx(640 / 480, abs=0.02)
        assert box["width"] > 0.3 * size_wh[0]


def test_the_accessibility_tree(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0) as preview:
        loop(preview)
        open_page(chrome, preview)
        tree = chrome.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        names = {(n["role"]["value"], n.get("name", {}).get("value")) for n in tree if "role" in n}
        assert ("image", "Live picture") in names
        assert ("heading", "Faces") in names
        assert any(role == "image" and "happy 100%" in (name or "") for role, name in names)
        assert ("rowheader", "detect") in names


def test_a_tab_for_each_camera(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0, cameras=("hall", "kitchen", "attic")) as preview:
        preview.camera("hall").put(SourceEvent("hall", "online"))
        preview.camera("kitchen").put(SourceEvent("kitchen", "online"))
        preview.camera("attic").put(SourceEvent("attic", "offline", "no such device"))
        loop(preview, tracks=[made_track(7)], camera="hall")
        loop(preview, tracks=[made_track(9, label="sad")], camera="kitchen")
        open_page(chrome, preview)
        tabs = "return [...document.querySelectorAll('#cameras a')].map((tab) => tab.textContent)"
        assert wait_for(lambda: chrome.execute_script(tabs), "the tabs") == ["hall", "kitchen", "attic"]
        current = "return document.querySelector('#cameras [aria-current]').textContent"
        cards = "return [...document.querySelectorAll('.face h3')].map((title) => title.textContent)"
        wait_for(lambda: chrome.execute_script(cards) == ["happyFace 7"], "the face of the first camera")
        assert (chrome.execute_script(current), text_of(chrome, "source-name")) == ("hall", "hall")
        chrome.find_element("link text", "kitchen").click()
        wait_for(lambda: chrome.execute_script(cards) == ["sadFace 9"], "the face of the second camera")
        assert (chrome.execute_script(current), text_of(chrome, "source-name")) == ("kitchen", "kitchen")
        # The address has the camera: another page begins with it.
        chrome.refresh()
        wait_for(lambda: chrome.execute_script(cards) == ["sadFace 9"], "the face of the second camera")
        chrome.find_element("link text", "attic").click()
        wait_for(lambda: text_of(chrome, "state-text") == "offline", "the state of the third camera")
        assert chrome.find_element("id", "overlay-detail").text == "no such device"
        # Nothing of the camera before is left.
        assert chrome.execute_script(cards) == []
        assert not pixels(chrome).any()
        # A camera that there is no more: the first one is shown.
        chrome.get(f"{preview.url}#cellar")
        chrome.refresh()
        wait_for(lambda: chrome.execute_script(cards) == ["happyFace 7"], "the face of the first camera")
        # Chromium logs nothing for a WebSocket that is closed with a code.
        assert browser_errors(chrome) == []


def test_one_camera_has_no_tabs(browser, loop):
    chrome = browser()
    with Preview("127.0.0.1", 0) as preview:
        loop(preview)
        open_page(chrome, preview)
        assert not chrome.find_element("id", "cameras").is_displayed()
