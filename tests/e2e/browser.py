"""The browser that the tests drive: find one, or install one (`python -m tests.e2e.browser`)."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.support.firefox import find_firefox

# Chromium without its windows, as a package of Debian's: the same pages for a sixth less work.
LIGHT = "chromium-headless-shell"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", LIGHT)
# Parts of the browser that would take half a second of a processor for each new window, beside the
# page that a test opens there: the address bar's suggestions are pages themselves. Of two such
# options the last counts, so that those that Playwright turns off by itself are named again.
_TURNED_OFF = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # As on a screen: the light browser would fit letters to whole pixels, and lines would be wider.
    "--font-render-hinting=none",
    f"--disable-features={','.join(_TURNED_OFF)}",
    # Nothing but this machine can be reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.*",
)
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find_browser() -> Path | None:
    """An installed Chromium or Chrome, else the one Playwright has downloaded, else None."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    if MAC.exists():
        return MAC
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.exists() else None


def find_light_browser() -> Path | None:
    """The browser that takes the least to draw pages nobody looks at."""
    light = shutil.which(LIGHT)
    return Path(light) if light else find_browser()


def _is_debian() -> bool:
    with suppress(OSError):
        return platform.freedesktop_os_release()["ID"] == "debian"
    return False


def _run(*command: str) -> bool:
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        print(f"  {' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.returncode == 0


def install_from_debian(package: str) -> bool:
    """Install one of Debian's packages, as root or with sudo; False where that cannot be."""
    if shutil.which("apt-get") is None:
        return False
    command = ["apt-get"]
    if os.geteuid() != 0:
        command = ["sudo", "--non-interactive", "apt-get"]
        allowed = shutil.which("sudo") and _run("sudo", "--non-interactive", "true")
        if not allowed:
            return False
    print(f"Installing Debian's {package} for the tests ...", flush=True)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    _run(*command, "--quiet", "update")
    return _run(*command, "--quiet", "--yes", "install", "--no-install-recommends", package)


def _install_from_playwright() -> bool:
    print("Installing Playwright's Chromium for the tests in the browser ...", flush=True)
    return _run(sys.executable, "-m", "playwright", "install", "chromium")


def main() -> int:
    """Make sure that there is a browser, on Debian a light one, and Firefox where it can be."""
    if shutil.which(LIGHT) is None and _is_debian():
        install_from_debian(LIGHT)
    if find_light_browser() or install_from_debian("chromium") or _install_from_playwright():
        if find_firefox() is None:
            install_from_debian("firefox-esr")
        return 0
    print("The tests need a browser: install Chromium or Chrome, then run “make test” again.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
