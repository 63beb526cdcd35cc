"""A headless Chromium, and the report page as a user sees it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def start(folder: str) -> webdriver.Chrome:
    """Start a browser without network access, with its temporary files in a folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                patch.delenv(name)
        return webdriver.Chrome(options=options, service=Service(DRIVER, env={**os.environ, "TMPDIR": folder}))


class Page:
    """The page as a user sees it."""

    def __init__(self, driver: webdriver.Chrome, path: Path, width: int = 1400, scheme: str = "light") -> None:
        self.driver = driver
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [feature]})
        driver.get_log("browser")
        driver.get("about:blank")
        driver.get(path.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def one(self, css: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def texts(self, css: str) -> list[str]:
        texts: list[str] = self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css)
        return texts

    def choose(self, name: str, value: str) -> None:
        self.run("const e = document.getElementById(arguments[0]); e.value = arguments[1];"
                 "e.dispatchEvent(new Event('change'))", name, value)  # fmt: skip

    def search(self, text: str) -> None:
        field = self.one("#search")
        field.clear()
        field.send_keys(text)
        # The page filters 120 ms after the last key: a later timer of the same page fires after that.
        self.driver.execute_async_script("setTimeout(arguments[0], 200)")

    @property
    def counts(self) -> list[int]:
        return [int(text.replace(",", "")) for text in self.texts(".verdict .count")]

    @property
    def status(self) -> str:
        return str(self.one("#status").text)
