#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""perfetto.py TEXT TRUTH: checks a trace, as printed by protoc --decode, against the numbers of the run.

It checks what the importer of the Perfetto UI relies on: every event is on a track with a descriptor, times sort,
slices of a track begin, nest and end.
"""
import json
import re
import sys
from collections import defaultdict

LINE = re.compile(r'^\s*(?:(\w+) \{|(\w+): (.*)|(\}))$')


def parse(lines):
    """protoc's text format: {name: [values]}; an unknown field's name is its number."""
    top = defaultdict(list)
    stack = [top]
    for line in lines:
        m = LINE.match(line)
        if not m:
            sys.exit(f"not understood: {line!r}")
        if m[1]:
            new = defaultdict(list)
            stack[-1][m[1]].append(new)
            stack.append(new)
        elif m[4]:
            stack.pop()
        else:
            v = m[3]
            stack[-1][m[2]].append(int(v) if re.fullmatch(r"-?\d+", v) else v.strip('"'))
    return top


def same(what, want, got):
    if want != got:
        sys.exit(f"{what}: expected {want!r}, got {got!r}")


def unknown(msg):
    return [k for k in msg if k.isdigit()] + [u for v in msg.values() for m in v if isinstance(m, dict) for u in unknown(m)]


def notes(e):
    out = {}
    for a in e["debug_annotations"]:
        out[a["name"][0]] = (a["uint_value"] + a["pointer_value"] + a["string_value"])[0]
    return out


trace = parse(l.rstrip("\n") for l in open(sys.argv[1], encoding="utf-8"))
truth = json.load(open(sys.argv[2]))
packets = trace["packet"]
same("fields that are not published", [], unknown(trace))
same("one sequence", {1}, {p["trusted_packet_sequence_id"][0] for p in packets})
same("its state begins with the first packet", [1], [f for p in packets for f in p["sequence_flags"]])
same("that is the first", [1], packets[0]["sequence_flags"])

clocks = [p["clock_snapshot"][0] for p in packets if p["clock_snapshot"]]
same("clock snapshots", 1, len(clocks))
same("primary clock", "BUILTIN_CLOCK_BOOTTIME", clocks[0]["primary_trace_clock"][0])
by_id = {c["clock_id"][0]: c["timestamp"][0] for c in clocks[0]["clocks"]}
same("real time less boot time, as in gen.c", 1780000000000000000, by_id[1] - by_id[6])

tracks, events = {}, []
for p in packets:
    for t in p["track_descriptor"]:
        if t["parent_uuid"] and t["parent_uuid"][0] not in tracks:
            sys.exit(f"a track before its parent: {dict(t)}")
        tracks[t["uuid"][0]] = t
    for e in p["track_event"]:
        if e["track_uuid"][0] not in tracks:
            sys.exit(f"an event before its track: {dict(e)}")
        events.append((p["timestamp"][0], e))

vms = {u: t for u, t in tracks.items() if t["process"]}
same("VMs", {4000 + vm["id"] for vm in truth["per_vm"]}, {t["process"][0]["pid"][0] for t in vms.values()})
vm_of = {}
for u, t in tracks.items():
    vm_of[u] = (tracks[t["parent_uuid"][0]] if t["parent_uuid"] else t)["process"][0]["pid"][0] - 4000
vcpus = defaultdict(set)
for u, t in tracks.items():
    if t["name"][0].startswith("vCPU "):
        vcpus[vm_of[u]].add(t["name"][0])
same("vCPUs", {vm["id"]: {f"vCPU {i}" for i in range(vm["vcpus"])} for vm in truth["per_vm"]}, dict(vcpus))

# The importer's order: by time; if equal, by position in the file.
slices, instants, counters, open_ = [], [], defaultdict(list), defaultdict(list)
for ts, e in sorted(events, key=lambda x: x[0]):
    kind, track = e["type"][0], e["track_uuid"][0]
    if kind == "TYPE_SLICE_BEGIN":
        if open_[track]:
            sys.exit(f"{e['name']} at {ts} begins inside of {open_[track][-1][1]['name']}: none of ours do")
        open_[track].append((ts, e))
    elif kind == "TYPE_SLICE_END":
        if not open_[track]:
            sys.exit(f"an end without a beginning at {ts}")
        begin, b = open_[track].pop()
        if ts <= begin:
            sys.exit(f"a slice that ends at {ts} and began at {begin}")
        slices.append((begin, ts, track, b))
    elif kind == "TYPE_INSTANT":
        instants.append((ts, e))
    else:
        if not tracks[track]["counter"]:
            sys.exit("a counter's value on another track")
        counters[track].append((ts, e["counter_value"][0]))
same("slices that never end", [], [e for o in open_.values() for e in o])

faults = [s for s in slices if s[3]["name"][0].startswith("fault")]
same("faults", truth["faults"], len(faults))
same("time in faults", truth["fault_ns"], sum(s[1] - s[0] for s in faults))
for vm in truth["per_vm"]:
    same(f"faults of VM {vm['id']}", vm["faults"], sum(vm_of[s[2]] == vm["id"] for s in faults))
same("faults are on vCPUs", True, all(tracks[s[2]]["name"][0].startswith("vCPU") for s in faults))
unmaps = [s for s in slices if s[3]["name"][0] == "unmap"]
same("unmaps", truth["unmaps"], len(unmaps))
same("time in unmaps", truth["unmap_ns"], sum(s[1] - s[0] for s in unmaps))
for name in ("reset", "refault window"):
    same(name, truth["resets"], sum(s[3]["name"][0] == name for s in slices))
for begin, end, track, e in slices:
    if e["name"][0] == "refault window" and end - begin > 50000000:
        sys.exit("a refault window longer than gen.c allows")

# A reset holds its unmaps, on other tracks of the same VM.
for begin, end, track, e in (s for s in slices if s[3]["name"][0] == "reset"):
    inside = [u for u in unmaps if vm_of[u[2]] == vm_of[track] and begin <= u[0] and u[1] <= end]
    same("unmaps inside of their reset", notes(e)["unmaps"], len(inside))

findings = [e for _, e in instants if e["categories"] == ["finding"]]
same("findings", truth["findings"], {s: sum(notes(e)["severity"] == s for e in findings) for s in truth["findings"]})
slots = [e for _, e in instants if e["categories"] == ["memslot"]]
same("registrations", truth["registrations"], sum(e["name"] == ["memslot create"] for e in slots))
for what, key in (("mappings", "faults"), ("incoherent mappings", "unsafe_maps")):
    last = {vm_of[u]: 0 for u in tracks}
    for u, values in counters.items():
        if tracks[u]["name"][0] == what:
            same("a counter that grows", sorted(v for _, v in values), [v for _, v in values])
            last[vm_of[u]] = values[-1][1]
    same(what, {vm["id"]: vm[key] for vm in truth["per_vm"]}, last)
