#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""look.py CHECK URL SHOT: one check of the daemon's page, with a screenshot."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "view"))
from webdriver import Browser  # noqa: E402

check, url, shot = sys.argv[1:]


def same(what, want, got):
    if want != got:
        sys.exit(f"{check}: {what}: expected {want!r}, got {got!r}")


def screenshot(b, width):
    """A screenshot of the page, at most 3,000 pixels high."""
    b.resize(width, min(3000, b.js("return document.documentElement.scrollHeight")))
    b.screenshot(shot)


def check_page(b, width):
    """No console messages, no other resources, no horizontal scrolling, valid IDs and links."""
    same("console", [], b.log())
    same("scripts and the like", 0, b.js("return document.querySelectorAll('script, img, iframe, object, base, form').length"))
    same("loaded beside it", [], b.js("return performance.getEntriesByType('resource').map(e => e.name)"))
    same("width", width, b.js("return document.documentElement.scrollWidth"))
    same("language", "en", b.js("return document.documentElement.lang"))
    # The style applies, so the CSP allows it.
    same("styled", True, b.js("return getComputedStyle(document.querySelector('header')).borderBottomStyle === 'solid'"))
    same("ids", 0, b.js("const i = [...document.querySelectorAll('[id]')].map(e => e.id); return i.length - new Set(i).size"))
    same("links within", [], b.js("return [...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash).filter(h => !document.querySelector(h))"))


def low_contrast(b):
    """Elements whose text has a contrast below 4.5 (WCAG 2.1, 1.4.3)."""
    return b.js("""
        const rgb = s => s.match(/[\\d.]+/g).map(Number);
        const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
                           return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                                  if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
        const low = [];
        for (const e of document.querySelectorAll('h1, h2, p, li, td, th, dd, dt, small, .sev, a, .fires, .when')) {
            if (!e.textContent.trim()) continue;
            const a = lum(rgb(getComputedStyle(e).color).slice(0, 3)), g = lum(ground(e));
            const c = (Math.max(a, g) + 0.05) / (Math.min(a, g) + 0.05);
            if (c < 4.5) low.push(e.className + ' ' + e.tagName + ' ' + c.toFixed(2));
        }
        return [...new Set(low)];""")


def run(width=1280, **kw):
    with Browser(width=width, **kw) as b:
        b.open(url)
        check_page(b, width)
        same("contrast too low", [], low_contrast(b))
        screenshot(b, width)
        return b.text("#verdict"), b.js("return document.body.innerText").replace("\u00a0", " ")


def light():
    run()


def dark():
    run(dark=True)


def narrow():
    run(width=400)


def no_script():
    run(script=False)


def unsafe():
    verdict, body = run()
    for part in ("Unsafe: 64 findings of high or critical severity", "VMs affected now: 64 of 1,000", "Ready."):
        if part not in verdict:
            sys.exit(f"no {part!r} in {verdict!r}")
    for part in ("s2-noncacheable in VM 937 (", "s2-noncacheable in VM 1000 (", "device-nGnRE", "The 50 with the gravest findings", "qemu-"):
        if part not in body:
            sys.exit(f"no {part!r} on the page")


{f.__name__: f for f in (light, dark, narrow, no_script, unsafe)}[check]()
