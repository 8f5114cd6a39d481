#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""look.py CHECK PAGE SHOTS: one check of PAGE.html against PAGE.json, the facts of the run that made it."""
import json
import os
import re
import sys

from webdriver import Browser

TAB, ESCAPE, ENTER, RIGHT = "\ue004", "\ue00c", "\ue007", "\ue014"
page, shots = sys.argv[2], sys.argv[3]
name = os.path.basename(page)
truth = json.load(open(page + ".json"))
bad_vms = [vm for vm in truth["per_vm"] if vm["unsafe_maps"]]


def browser(**args):
    b = Browser(**args)
    b.open(page + ".html")
    return b


def shot(b, what):
    b.screenshot(f"{shots}/{name}-{what}.png")


def same(what, want, got):
    if want != got:
        sys.exit(f"{name}: {what}: expected {want!r}, got {got!r}")


def true(what, ok):
    if not ok:
        sys.exit(f"{name}: {what}")


def number(text):
    return int(text.replace(",", ""))


def cells(b, column):
    return b.js("return [...document.querySelectorAll('#vm-table tbody tr')]"
                ".map(r => [+r.dataset.vm, r.cells[arguments[0]].textContent])", column)


def console():
    with browser() as b:
        b.js("document.querySelectorAll('details').forEach(d => d.open = true)")
        same("console", [], b.log())
        # The page has its two scripts, no images and no external links.
        same("scripts", ["data", ""], b.js("return [...document.scripts].map(s => s.id)"))
        same("foreign elements", 0, b.js("return document.querySelectorAll('img, iframe, object, base').length"))
        same("links out", [], b.js("return [...document.querySelectorAll('[href], [src]')].map(e => "
                                   "e.getAttribute('href') || e.getAttribute('src'))"
                                   ".filter(h => !/^(#|data:,$)/.test(h))"))
        same("links to nothing", [], b.js("return [...document.querySelectorAll('a[href]')].map(a => "
                                          "a.getAttribute('href').slice(1)).filter(i => !document.getElementById(i))"))
        same("ids twice", [], b.js("const n = {}; document.querySelectorAll('[id]').forEach(e => n[e.id] = (n[e.id] || 0) + 1);"
                                   "return Object.keys(n).filter(i => n[i] > 1)"))
        same("fetched", [], b.js("return performance.getEntriesByType('resource').map(e => e.name)"))
        text = b.js("return document.querySelector('#vm-table').textContent")
        if truth["vms"] >= 7:
            true("hostile names shown as text", "<script>x()//" in text and "\"'><img src=x" in text)
            true("control and bidi characters shown", "a\\x0a</title>\\x09b" in text and "\\xe2\\x80\\xae" in text)
        policy = b.js("return document.querySelector('meta[http-equiv]').content")
        true("policy", "default-src 'none'" in policy and "unsafe" not in policy)


def first_screen():
    with browser(width=1280, height=900) as b:
        shot(b, "light")
        bad = truth["findings"]["critical"] + truth["findings"]["high"]
        head = b.text("h1")
        true(f"headline: {head}", f"Unsafe: {bad} findings" in head and f"in {len(bad_vms)} of {truth['vms']} VMs" in head)
        for css in ("h1", ".whole", ".exit", ".tiles", ".what li", ".where li"):
            r = b.rect(css)
            true(f"{css} is on the first screen: {r}", r["width"] > 0 and r["y"] + r["height"] <= 900)
        true("exit status", "Exit status 1" in b.text(".exit"))
        true("where", "GPA 0x" in b.text(".where li") and "driver" in b.text(".where li"))


def incomplete():
    with browser() as b:
        shot(b, "incomplete")
        text = b.text(".whole.no")
        true(text, "INCOMPLETE" in text and "3 events lost" in text and "1 VM was already running" in text)


def cut_short():
    with browser() as b:
        true("no end", "has no end" in b.text(".whole.no"))
        true("still unsafe", "Unsafe" in b.text("h1"))


def safe():
    same("the run", 0, truth["unsafe_maps"] + truth["findings"]["critical"] + truth["findings"]["high"])
    with browser() as b:
        shot(b, "safe")
        low = sum(truth["findings"].values())
        same("headline", f"✓ Safe: every mapping was seen, and none conflicts; {low} findings of lower severity",
             b.text("h1"))
        true("exit status", "Exit status 0" in b.text(".exit"))
        true("no unsafe mark", not b.js("return document.querySelector('details .unsafe, details tr.bad')"))


def unsure():
    with browser() as b:
        true("headline", b.text("h1").startswith("? Not proven safe"))
        true("exit status", "Exit status 4" in b.text(".exit"))
        true("why", "1 event lost" in b.text(".whole.no"))


def unsafe_range():
    with browser() as b:
        b.js("document.querySelector('#vm-2').open = true; document.querySelector('#vm-2').scrollIntoView()")
        css = "#vm-2 .slot a.range[href$='-r1']"
        box = b.js("const r = document.querySelector(arguments[0] + ' rect').getBoundingClientRect();"
                   "return [r.width, r.height, r.top, r.bottom, innerHeight]", css)
        true(f"size on the screen: {box}", box[0] >= 6 and box[1] >= 16 and box[2] >= 0 and box[3] <= box[4])
        label = b.js("return document.querySelector(arguments[0]).getAttribute('aria-label')", css)
        for part in ("Unsafe", "GPA 0x18000000000", "4 KiB", "host normal-wb", "stage 2 device-nGnRE"):
            true(f"label has {part}: {label}", part in label)
        # It is in the middle of the memslot, so also in the middle of its bar.
        mid = b.js("const r = document.querySelector(arguments[0] + ' rect').getBoundingClientRect(),"
                   "s = document.querySelector(arguments[0]).closest('svg').getBoundingClientRect();"
                   "return (r.left - s.left) / s.width", css)
        true(f"position {mid}", 0.49 < mid < 0.51)
        true("mark", b.js("return document.querySelector(arguments[0] + ' path').getBoundingClientRect().width", css) >= 10)
        b.js("const r = document.querySelector(arguments[0] + ' rect');"
             "r.dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))", css)
        facts = b.text("#facts")
        for part in ("0x18000000000", "4 KiB", "0xe08000000000", "0x408000000000", "normal-wb",
                     "device-nGnRE", "nvgrace_gpu", "s2-noncacheable", "go through the cache"):
            true(f"facts have {part}: {facts}", part in facts)
        shot(b, "unsafe")


def guest():
    """What gen_guest.c writes."""
    with browser(height=1300) as b:
        b.js("document.querySelectorAll('details.vm').forEach(d => d.open = true)")

        def texts(css):
            return b.js("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", css)

        def track(vm, slot):
            """The text below the bar of a memslot."""
            return b.js("return [...document.querySelectorAll(arguments[0])].find(s => "
                        "s.querySelector('.slot-head b').textContent === arguments[1]).querySelector('.track').textContent",
                        f"#vm-{vm} .slot", f"memslot {slot}")

        def cell(vm, column, slot="0"):
            return b.js("const t = document.querySelector(arguments[0]), n = [...t.querySelectorAll('thead th')]"
                        ".findIndex(h => h.textContent === arguments[1]); return [...t.tBodies[0].rows]"
                        ".find(r => r.cells[0].textContent === arguments[2]).cells[n].textContent",
                        f"#vm-{vm} [aria-label='Memslots of VM {vm}'] table", column, slot)

        same("tracks of VM 1", 5, len(texts("#vm-1 .bar.guest")))
        same("VM 1", "guest: 2 GiB normal-wb, 64 KiB normal-nc, 4 KiB device-nGnRE (68 KiB of it also cacheable)", track(1, 0))
        same("nothing mapped", "guest: nothing mapped", track(1, 2))
        same("VM 2", "guest: MMU off, so the guest's accesses are Device-nGnRnE", track(2, 0))
        same("VM 3", "guest: 2 MiB normal-wb; not all of its tables were walked", track(3, 0))
        same("VM 4", "guest: not known", track(4, 0))
        same("VM 5", "guest: 2 MiB normal-wb, 280 KiB device-nGnRnE", track(5, 0))
        same("vCPUs of VM 1", [["0 to 1", "walked", "1,100", "524,305", "0"], ["2", "powered off", "0", "0", "0"]],
             b.js("return [...document.querySelectorAll('#vm-1 .vcpus tbody tr')].map(r => [...r.cells].map(c => c.textContent))"))
        same("vCPUs of VM 2", ["MMU off"], texts("#vm-2 .vcpus td:nth-child(2)"))
        same("vCPUs of VM 3", ["was running: registers as of its last exit, a table outside the host's RAM, not read"],
             texts("#vm-3 .vcpus td:nth-child(2)"))
        true("vCPUs of VM 4", "EL2 of its own" in texts("#vm-4 .vcpus td:nth-child(2)")[0])
        same("tables of VM 5 not in memory", ["2"], texts("#vm-5 .vcpus td:nth-child(5)"))
        same("the contract", ["device-nGnRE, others too", "data+icache", "MMU off", "?"],
             [cell(1, "Guest"), cell(1, "CMO now"), cell(2, "Guest"), cell(4, "Guest")])
        # 70 ranges, of which 64 are kept.
        same("ranges of VM 5", 65, len(texts("#vm-5 [aria-label^='Memory that VM'] tbody tr")))
        true("and a limit", "6 more ranges of memslot 0" in b.text("#vm-5 [aria-label^='Memory that VM'] tbody tr:last-child"))
        # VM 6 was not audited.
        same("no track", [[], []], [texts("#vm-6 .bar.guest"), texts("#vm-6 .vcpus")])
        true("no column", "CMO now" not in texts("#vm-6 [aria-label='Memslots of VM 6'] thead th"))
        # 64 KiB at an eighth of 2 GiB.
        css = "#vm-1 .bar.guest a.range[href$='-g1']"
        b.js("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", css)
        at = b.js("const r = document.querySelector(arguments[0] + ' rect').getBoundingClientRect(),"
                  "s = document.querySelector(arguments[0]).closest('svg').getBoundingClientRect();"
                  "return [(r.left - s.left) / s.width, r.width, r.height]", css)
        true(f"position and size: {at}", 0.12 < at[0] < 0.13 and at[1] >= 6 and at[2] >= 10)
        label = b.js("return document.querySelector(arguments[0]).getAttribute('aria-label')", css)
        same("label", "The guest maps it normal-nc: GPA 0x50000000, 64 KiB, VA 0xffff800010000000", label)
        b.js("const r = document.querySelector(arguments[0] + ' rect');"
             "r.dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))", css)
        facts = b.text("#facts")
        for part in ("0x50000000", "normal-nc", "0xffff800010000000", "TTBR1_EL1", "guest-noncacheable", "bypasses the cache lines"):
            true(f"facts have {part}: {facts}", part in facts)
        shot(b, "guest")
        row = texts("#rule-guest-noncacheable tbody tr")
        true(f"finding: {row[0]}", all(part in row[0] for part in ("normal-nc", "0xffff800010000000", "TTBR1_EL1", "68 KiB")))


def no_guest():
    with browser() as b:
        same("no bar, no legend", [0, False],
             b.js("return [document.querySelectorAll('.bar.guest, .track, .vcpus').length, "
                  "document.body.textContent.includes('own stage 1, as an audit')]"))


def keyboard():
    with browser() as b:
        b.keys(TAB)
        same("first stop", "Skip to the verdict", b.js("return document.activeElement.textContent"))
        b.keys(ENTER)
        same("skipped to", "main", b.js("return document.activeElement.id"))
        for _ in range(400):
            b.keys(TAB)
            label = b.js("return document.activeElement.getAttribute('aria-label') || ''")
            if label.startswith("Unsafe: GPA 0x18000000000"):
                break
        true("the unsafe range has the focus", label.startswith("Unsafe: GPA 0x18000000000"))
        true("facts", "0x18000000000" in b.text("#facts"))
        true("visible focus", b.js("return getComputedStyle(document.activeElement.querySelector('rect')).strokeWidth") == "3px")
        shot(b, "keyboard")
        b.keys(ENTER)
        true("leads to its row", b.js("return location.hash").startswith("#vm-2-s"))
        b.keys(ESCAPE)
        true("facts gone", b.js("return document.querySelector('#facts').hidden"))
        b.js("document.querySelector('#lanes').focus()")
        b.keys(RIGHT)
        b.keys(RIGHT)
        true("timeline", re.search(r"^\d\d:\d\d:\d\d\.\d{3} \+ .*: .* faults?", b.text("#moment")))


def numbers():
    with browser() as b:
        tile = b.js("return Object.fromEntries([...document.querySelectorAll('.tiles li')].map(l => "
                    "[l.querySelector('.label').textContent, l.querySelector('b').textContent]))")
        same("incoherent", truth["unsafe_maps"], number(tile["Incoherent mappings"]))
        same("findings", sum(truth["findings"].values()), number(tile["Findings"]))
        same("faults", truth["faults"], number(tile["Stage-2 faults"]))
        same("resets", truth["resets"], number(tile["Resets"]))
        for key, column in (("unsafe_maps", 3), ("faults", 7), ("resets", 8)):
            same(key, {vm["id"]: vm[key] for vm in truth["per_vm"]},
                 {vm: number(n) for vm, n in cells(b, column)})
        rows = b.js("return [...document.querySelectorAll('#timeline tbody tr')].map(r => [...r.cells].map(c => c.textContent))")
        for what, column in (("faults", 1), ("unmaps", 4), ("resets", 6)):
            same(f"{what} in the timeline", truth[what], sum(number(r[column]) for r in rows))
        # The timeline of one VM, drawn by the script.
        vm = max(truth["per_vm"], key=lambda v: v["faults"])
        b.js("const s = document.querySelector('#whose'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))", str(vm["id"]))
        same("faults of a VM", vm["faults"], number(b.text("[data-lane-note=faults]").split(", at")[0]))
        true("bars", b.js("return document.querySelectorAll('svg[data-lane=faults] rect').length") > 5)
        same("console", [], b.log())


def no_script():
    with browser(script=False) as b:
        shot(b, "no-script")
        html = open(page + ".html", encoding="utf-8").read()
        shown = b.text("body")
        true("controls of the script are hidden", "only with findings" not in shown and "all VMs" not in shown)
        true("verdict and tables", "Unsafe: " in shown and "Unsafe ranges" in shown and "0x408000000000" in shown)
        rows = re.findall(r'<tr data-vm="(\d+)"', html[html.index('id="vm-table"'):html.index("</table>", html.index('id="vm-table"'))])
        same("VMs in the table", truth["vms"], len(rows))
        ranges = re.findall(r'<tr class="bad" id="vm-(\d+)-s\d+-r\d+"', html)
        same("VMs with unsafe ranges", sorted(vm["id"] for vm in bad_vms), sorted({int(vm) for vm in ranges}))
        findings = re.findall(r'<tr id="f-\d+"', html)
        same("findings", sum(truth["findings"].values()), len(findings))
        true("drawn without it", b.rect("#vm-2 .slot a.range[href$='-r1'] rect")["width"] >= 6)


def many():
    with browser() as b:
        drivers = [vm for vm in truth["per_vm"] if vm["unsafe_maps"] in (1, 17) and (vm["id"] % 16 == 1 or vm["id"] == 2)]
        # Plus VM 4, whose memslot of this memory was refused.
        b.js("const f = document.querySelector('#find'); f.value = 'nvgrace'; f.dispatchEvent(new Event('input'))")
        same("found by driver", f"{len(drivers) + 1} of {truth['vms']} shown", b.text("#shown"))
        b.js("const f = document.querySelector('#find'); f.value = ''; f.dispatchEvent(new Event('input'))")
        b.click("#vm-table th:nth-child(8) button")
        got = [number(n) for _, n in cells(b, 7)]
        same("sorted by faults", sorted(got, reverse=True), got)
        b.js("location.hash = '#vm-499'")
        b.js("return new Promise(r => setTimeout(r, 300))")
        true("unfolded by its link", b.js("return document.querySelector('#vm-499').open"))
        r = b.js("const r = document.querySelector('#vm-499 .bar').getBoundingClientRect(); return [r.top, r.bottom, innerHeight]")
        true(f"on the screen: {r}", 0 <= r[0] and r[1] <= r[2])
        shot(b, "drilled")
        same("console", [], b.log())
        took = b.js("const n = performance.getEntriesByType('navigation')[0]; return n.domComplete")
        true(f"{took} ms to load", took < 20000)
        true("size", os.path.getsize(page + ".html") < 16 << 20)


def dark():
    light = "rgb(255, 255, 255)"
    with browser(dark=True) as b:
        ground = b.js("return getComputedStyle(document.body).backgroundColor")
        true(f"dark: {ground}", ground != light)
        shot(b, "dark")
        b.click("#theme")
        same("light again", light, b.js("return getComputedStyle(document.body).backgroundColor"))
        b.click("#theme")
        same("dark again", ground, b.js("return getComputedStyle(document.body).backgroundColor"))


def narrow():
    with browser(width=400, height=900) as b:
        b.js("document.querySelectorAll('details.vm').forEach((d, i) => d.open = i < 20)")
        same("width", 400, b.js("return document.documentElement.scrollWidth"))
        shot(b, "narrow")
        b.js("document.querySelector('details.vm').scrollIntoView()")
        shot(b, "narrow-vm")


CHECKS = [console, first_screen, incomplete, cut_short, safe, unsure, unsafe_range, guest, no_guest, keyboard, numbers, no_script, many, dark, narrow]
{f.__name__: f for f in CHECKS}[sys.argv[1]]()
