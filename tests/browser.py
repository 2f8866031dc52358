"""A real browser for tests of pages."""

import shutil

import pytest


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium, started once."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install selenium")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    # Root in a container has no sandbox, and little shared memory.
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def browser(chromium):
    """Opens an empty page of a given size, without cookies, in a tab of its own."""
    windows = chromium.window_handles

    def start(size_wh=(1280, 860)):
        chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
        chromium.get_log("browser")
        show_as(chromium, size_wh)
        return chromium

    chromium.switch_to.new_window("tab")
    yield start
    for window in set(chromium.window_handles) - set(windows):
        chromium.switch_to.window(window)
        chromium.close()
    chromium.switch_to.window(windows[0])


def show_as(chrome, size_wh, ratio=1):
    """Give the page a screen of this size in CSS pixels."""
    width, height = size_wh
    metrics = {"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": ratio > 1}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def check_report(browser, path, at_least_one="table"):
    """Check that a report fits a phone, and is dark where the user wants it."""
    for size_wh in ((390, 844), (1280, 860)):
        chrome = browser(size_wh)
        for scheme in ("light", "dark"):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            chrome.get(path.as_uri())
            assert chrome.execute_script("return document.querySelectorAll(arguments[0]).length", at_least_one)
            # Wide tables scroll in their own boxes.
            width = chrome.execute_script("return document.documentElement.scrollWidth")
            assert width <= size_wh[0], f"{path.name} is {width} pixels wide on a screen of {size_wh[0]}"
            background = chrome.execute_script("return getComputedStyle(document.body).backgroundColor")
            brightness = max(int(part) for part in background.removeprefix("rgb(").removesuffix(")").split(","))
            assert (brightness < 60) == (scheme == "dark"), background
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert chrome.get_log("browser") == []
