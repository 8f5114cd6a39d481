# SPDX-License-Identifier: BSD-2-Clause
"""Headless Chromium through chromedriver (W3C WebDriver), for the tests of the report."""
import base64
import json
import os
import re
import subprocess
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # W3C WebDriver, "web element identifier"


class Browser:
    def __init__(self, width=1280, height=900, script=True, dark=False):
        """chromedriver picks a port itself; its own process group ends with it."""
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.session = None
        port = None
        for line in self.driver.stdout:
            m = re.search(r"started successfully on port (\d+)", line)
            if m:
                port = m.group(1)
                break
        if not port:
            raise RuntimeError("chromedriver said no port: is chromium-driver installed?")
        self.url = f"http://127.0.0.1:{port}"
        args = ["--headless=new", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1",
                f"--window-size={width},{height}"]
        if os.geteuid() == 0:
            args.append("--no-sandbox")  # Chromium refuses to run as root with it
        prefs = {} if script else {"profile.managed_default_content_settings.javascript": 2}
        caps = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {"args": args, "prefs": prefs}}
        r = self.call("POST", "/session", {"capabilities": {"alwaysMatch": caps}})
        self.session = r["sessionId"]
        self.cdp("Emulation.setEmulatedMedia",
                 {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.resize(width, height)

    def call(self, method, path, body=None):
        if self.session:
            path = f"/session/{self.session}{path}"
        req = urllib.request.Request(self.url + path, method=method,
                                     data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(req, timeout=120) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            raise RuntimeError(f"{path}: {e.read().decode()[:500]}") from None

    def cdp(self, cmd, params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": cmd, "params": params})

    def resize(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride",
                 {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def open(self, path):
        """A file, or an address with its scheme."""
        url = path if "://" in path else "file://" + os.path.abspath(path)
        self.call("POST", "/url", {"url": url})

    def js(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def rect(self, css):
        return self.call("GET", f"/element/{self.find(css)}/rect")

    def text(self, css):
        return self.call("GET", f"/element/{self.find(css)}/text")

    def click(self, css):
        self.call("POST", f"/element/{self.find(css)}/click", {})

    def keys(self, text):
        """Key presses to the element that has the focus; WebDriver's codes: \\ue004 is Tab."""
        actions = []
        for c in text:
            actions += [{"type": "keyDown", "value": c}, {"type": "keyUp", "value": c}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})

    def log(self):
        return self.call("POST", "/se/log", {"type": "browser"})

    def screenshot(self, path):
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
