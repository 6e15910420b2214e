"""Opens the report in a real browser, offline. There must be no error, and the pictures must react to input.

`browser_report.py CAPTURE_BINARY` writes reports of two shipped captures and opens the files in headless Chromium,
without a network. It points, zooms, selects sensors and follows a finding, with mouse and keyboard. It fails on any
message in the console and on any request.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 30


def report(binary, capture, folder):
    page = folder / f"{capture}.html"
    done = subprocess.run(
        [binary, "report", ROOT / "captures" / f"{capture}.gcap", "-o", page], capture_output=True, text=True, timeout=60
    )
    assert done.returncode in (0, 1), done.stderr
    return page


def browser(folder):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1200,1000",
        f"--user-data-dir={folder}/profile",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    )
    # The browser's own first page is none of ours.
    driver.get("about:blank")
    for log in ("browser", "performance"):
        driver.get_log(log)
    return driver


def silent(driver, page):
    """No word in the console, and no request but for the page itself."""
    console = driver.get_log("browser")
    assert not console, f"the console says: {console}"
    asked = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    others = [url for url in asked if not url.startswith(("data:", page.as_uri()))]
    assert not others, f"the page asks for {others}"


def span(driver):
    canvas = driver.find_element(By.ID, "waterfall")
    return int(canvas.get_attribute("data-to")) - int(canvas.get_attribute("data-from"))


# Pixels are read from a copy: the browser would rather not have the page's own canvas read.
PIXELS = """
    const canvas = document.getElementById(arguments[0]);
    const copy = document.createElement('canvas');
    copy.width = canvas.width; copy.height = canvas.height;
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const pixels = context.getImageData(80, 0, canvas.width - 80, canvas.height - 40).data;"""


def colours(driver, name):
    """How many colours a picture has."""
    script = PIXELS + """
        const seen = new Set();
        for (let at = 0; at < pixels.length; at += 4) seen.add(pixels[at] << 16 | pixels[at + 1] << 8 | pixels[at + 2]);
        return seen.size;"""
    return driver.execute_script(script, name)


def sum_of(driver, name):
    script = PIXELS + """
        let sum = 0;
        for (let at = 0; at < pixels.length; at++) sum = (sum * 31 + pixels[at]) >>> 0;
        return sum;"""
    return driver.execute_script(script, name)


def the_earthquake(driver, page):
    driver.get(page.as_uri())
    wait = WebDriverWait(driver, SECONDS)
    wait.until(lambda _: driver.find_element(By.ID, "waterfall").get_attribute("data-to"))
    assert "PASS" in driver.title
    wait.until(lambda _: colours(driver, "waterfall") > 50)
    assert colours(driver, "spectrogram") > 50
    water = driver.find_element(By.ID, "waterfall")
    readout = driver.find_element(By.ID, "readout")
    whole = span(driver)
    assert whole == 9_500_000, whole

    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", water)
    ActionChains(driver).move_to_element_with_offset(water, 100, 0).perform()
    wait.until(lambda _: "dB above the median" in readout.text)
    assert "14:23:4" in readout.text and "sensor 3" in readout.text, readout.text

    driver.find_element(By.CSS_SELECTOR, "[data-zoom=in]").click()
    wait.until(lambda _: span(driver) == whole // 2)
    driver.find_element(By.CSS_SELECTOR, "[data-zoom=all]").click()
    wait.until(lambda _: span(driver) == whole)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", water)
    ActionChains(driver).move_to_element_with_offset(water, -100, 0).click_and_hold().move_by_offset(200, 0).release().perform()
    wait.until(lambda _: 0 < span(driver) < whole // 2)

    # By keyboard: the cursor moves, zoom answers, Enter chooses.
    driver.execute_script("arguments[0].focus()", water)
    before = readout.text
    ActionChains(driver).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN).perform()
    wait.until(lambda _: readout.text != before)
    ActionChains(driver).send_keys("0").perform()
    wait.until(lambda _: span(driver) == whole)
    ActionChains(driver).send_keys("+").perform()
    wait.until(lambda _: span(driver) == whole // 2)
    ActionChains(driver).send_keys("0").perform()

    title = driver.find_element(By.ID, "spectrogram-title")
    seen = sum_of(driver, "spectrogram")
    Select(driver.find_element(By.ID, "sensor")).select_by_visible_text("32500")
    wait.until(lambda _: title.text.endswith("32500"))
    assert sum_of(driver, "spectrogram") != seen, "another sensor, the same spectrogram"
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", water)
    ActionChains(driver).move_to_element(water).click().perform()
    wait.until(lambda _: not title.text.endswith("32500"))
    silent(driver, page)


def a_finding(driver, page):
    driver.get(page.as_uri())
    wait = WebDriverWait(driver, SECONDS)
    assert "FAIL" in driver.title
    link = driver.find_element(By.CSS_SELECTOR, "#finding-1 a")
    assert link.get_attribute("href").endswith("#t=0.200000&s=2"), link.get_attribute("href")
    link.click()
    readout = driver.find_element(By.ID, "readout")
    wait.until(lambda _: "+0.200 s" in readout.text and "sensor 2" in readout.text)
    silent(driver, page)


def fits(driver, page, width):
    """Nothing is wider than the window, and no heading of a table is broken within a word."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.as_uri())
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width, f"{page.name} is {wide} pixels wide in a window of {width}"
    broken = driver.execute_script(
        "return [...document.querySelectorAll('thead th')].filter(th => th.getClientRects()[0].height > 45).length"
    )
    assert broken == 0, page.name
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    silent(driver, page)


def on_paper(driver, page):
    """However dark the screen is, paper is white, without what only a screen can do, and pictures are on it."""
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": dark})
    driver.get(page.as_uri())
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert driver.execute_script(ground) != "rgb(255, 255, 255)", "a dark screen"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    assert driver.execute_script(ground) == "rgb(255, 255, 255)", page.name
    for shown in driver.find_elements(By.CSS_SELECTOR, ".controls, .skip, #keys"):
        assert not shown.is_displayed(), shown.get_attribute("outerHTML")
    assert any(picture.is_displayed() for picture in driver.find_elements(By.CSS_SELECTOR, "canvas, img")), page.name
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    printed = driver.execute_cdp_cmd("Page.printToPDF", {})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    silent(driver, page)


def by_tab(driver, page):
    """Whatever the tabulator reaches shows that it is there, and every picture says what it is."""
    driver.get(page.as_uri())
    reached = set()
    for _ in range(12):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        name, outline = driver.execute_script(
            "const at = document.activeElement, style = getComputedStyle(at);"
            "return [at.id || at.dataset.zoom || at.className || at.tagName, style.outlineStyle];"
        )
        assert outline != "none", f"{name} does not show that it is chosen"
        reached.add(name)
    assert {"skip", "in", "sensor", "waterfall", "spectrogram"} <= reached, reached
    for picture in driver.find_elements(By.CSS_SELECTOR, "canvas, svg[role], img"):
        said = picture.get_attribute("aria-label") or picture.get_attribute("alt") or picture.get_attribute("textContent")
        assert said and said.strip(), picture.get_attribute("outerHTML")[:200]
    silent(driver, page)


def difference(binary, folder):
    """The page of a comparison that shows something."""
    quake, part, page = ROOT / "captures" / "optodas-quake.gcap", folder / "part.gcap", folder / "diff.html"
    cut = [binary, "slice", quake, "-o", part, "--frames", "1..41"]
    subprocess.run(cut, check=True, capture_output=True, timeout=60)
    done = subprocess.run([binary, "diff", quake, part, "--html", page], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    return page


def without_scripts(driver, page):
    """The waterfall is there as an image."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    driver.get(page.as_uri())
    image = driver.find_element(By.CSS_SELECTOR, "noscript img, img.still")
    assert image.is_displayed() and "Waterfall" in image.get_attribute("alt")
    file = base64.b64decode(image.get_attribute("src").split(",", 1)[1])
    assert file.startswith(b"\x89PNG"), file[:8]


def main():
    binary = os.path.abspath(sys.argv[1])
    folder = Path(tempfile.mkdtemp())
    driver = browser(folder)
    try:
        quake = report(binary, "optodas-quake", folder)
        the_earthquake(driver, quake)
        nan = report(binary, "nan", folder)
        a_finding(driver, nan)
        by_tab(driver, quake)
        pages = [quake, nan, difference(binary, folder)]
        for page in pages:
            on_paper(driver, page)
            for width in (400, 2000):
                fits(driver, page, width)
        without_scripts(driver, quake)
    finally:
        driver.quit()
    print("the report opens offline; hover, zoom, keys, sensors and findings answer; it fits paper and narrow windows")


main()
