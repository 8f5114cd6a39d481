"use strict";
// The report is complete without this script, which adds facts on pointing, filters, sorting, and the
// timeline of one VM. It builds nodes and text, never markup from strings.
(() => {
	const $ = (id) => document.getElementById(id);
	const all = (sel, in_ = document) => [...in_.querySelectorAll(sel)];
	const data = JSON.parse($("data").textContent);

	// ---- light and dark ----
	const theme = $("theme"), root = document.documentElement;
	const prefersDark = matchMedia("(prefers-color-scheme: dark)");
	const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches;
	const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
	theme.hidden = false;
	theme.addEventListener("click", () => {
		root.dataset.theme = isDark() ? "light" : "dark";
		nameTheme();
	});
	prefersDark.addEventListener("change", nameTheme);
	nameTheme();

	// ---- a link's target may be inside a closed details element: open it ----
	const target = (a) => document.getElementById(decodeURIComponent((a.getAttribute("href") || "").slice(1)));
	const reveal = () => {
		const el = document.getElementById(decodeURIComponent(location.hash.slice(1)));
		if (!el) return;
		for (let d = el.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
		if (el.hidden) el.hidden = false;
		el.scrollIntoView({ block: el.matches("details, section") ? "start" : "center" });
	};
	addEventListener("hashchange", reveal);
	reveal();

	// ---- facts about the part under the pointer: its table row, as a list ----
	const facts = $("facts");
	let shown = null;
	const hide = () => {
		if (shown) shown.classList.remove("on");
		shown = null;
		facts.hidden = true;
	};
	const show = (a) => {
		const row = target(a);
		hide();
		if (!row) return;
		const title = document.createElement("p"), list = document.createElement("dl");
		title.textContent = a.getAttribute("aria-label");
		facts.replaceChildren(title, list);
		if (row.tagName === "TR") {
			const heads = all("thead th", row.closest("table"));
			[...row.cells].forEach((cell, i) => {
				const text = cell.textContent.trim();
				if (!text || text === "–") return;
				const dt = document.createElement("dt"), dd = document.createElement("dd");
				dt.textContent = heads[i] ? heads[i].textContent : "";
				dd.textContent = text;
				list.append(dt, dd);
			});
			const why = row.dataset.why && $(row.dataset.why);
			if (why) {
				const text = document.createElement("p");
				text.className = "because";
				text.textContent = why.textContent;
				facts.append(text);
			}
			shown = row;
			row.classList.add("on");
		}
		facts.classList.toggle("bad", row.classList.contains("bad") || !!a.querySelector(".unsafe"));
		facts.hidden = false;
		// The box must not cover the part.
		facts.classList.remove("left");
		const over = facts.getBoundingClientRect(), it = a.getBoundingClientRect();
		facts.classList.toggle("left", it.right > over.left && it.bottom > over.top);
	};
	const rangeOf = (ev) => ev.target.closest && ev.target.closest("a.range");
	for (const [on, off] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
		document.addEventListener(on, (ev) => { const a = rangeOf(ev); if (a) show(a); });
		document.addEventListener(off, (ev) => { if (rangeOf(ev)) hide(); });
	}
	addEventListener("keydown", (ev) => { if (ev.key === "Escape") hide(); });

	// ---- VMs: find, and sort ----
	const rows = all("#vm-table tbody tr");
	const vms = new Map(all("details.vm").map((d) => [d.dataset.vm, d]));
	const find = $("find"), onlyBad = $("only-bad"), count = $("shown");
	const texts = new Map();
	const textOf = (vm, row) => {
		if (!texts.has(vm)) {
			const d = vms.get(vm);
			texts.set(vm, (row.textContent + " " + (d ? d.textContent : "")).toLowerCase());
		}
		return texts.get(vm);
	};
	const filter = () => {
		const want = find.value.trim().toLowerCase();
		let n = 0;
		for (const row of rows) {
			const vm = row.dataset.vm;
			const yes = (!onlyBad.checked || +row.dataset.worst >= 0) && (!want || textOf(vm, row).includes(want));
			row.hidden = !yes;
			if (vms.has(vm)) vms.get(vm).hidden = !yes;
			n += yes;
		}
		count.textContent = `${n} of ${rows.length} shown`;
	};
	if (find) {
		$("filter").hidden = false;
		find.addEventListener("input", filter);
		onlyBad.addEventListener("change", filter);
		filter();
	}
	const key = (row, i) => {
		const cell = row.cells[i], v = cell.dataset.sort ?? cell.textContent;
		const n = Number(v.replaceAll(",", ""));
		return Number.isNaN(n) ? v : n;
	};
	for (const table of all("table.sortable")) {
		const heads = all("thead th", table);
		heads.forEach((th, i) => {
			const b = document.createElement("button");
			b.type = "button";
			b.textContent = th.textContent;
			b.addEventListener("click", () => {
				const down = th.ariaSort !== "descending";
				for (const other of heads) other.removeAttribute("aria-sort");
				th.ariaSort = down ? "descending" : "ascending";
				const body = table.tBodies[0];
				const sorted = [...body.rows].sort((a, b2) => {
					const x = key(a, i), y = key(b2, i);
					return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
				});
				body.append(...sorted);
			});
			th.replaceChildren(b);
		});
	}

	// ---- timeline ----
	const lanes = $("lanes");
	if (!lanes) return;
	const SVG = "http://www.w3.org/2000/svg";
	const BIN = { faults: 1, faultNs: 2, maps: 3, unmaps: 4, unmapNs: 5, resets: 6, refaults: 7, findings: 8 };
	const t0 = data.all.t, span = data.n * data.all.w / 1000; // µs
	const whose = $("whose"), moment = $("moment"), cursor = document.createElement("div");
	const original = new Map(all("svg[data-lane]", lanes).map((s) => [s, [...s.childNodes]]));
	const notes = new Map(all("[data-lane-note]", lanes).map((s) => [s, s.textContent]));
	let series = data.all, at = -1;
	cursor.id = "cursor";
	cursor.hidden = true;
	lanes.append(cursor);
	const num = (n) => n.toLocaleString("en-US");
	const counted = (n, what) => `${num(n)} ${what}${n === 1 ? "" : "s"}`;
	const dur = (ns) => ns < 1e3 ? `${ns} ns` : ns < 1e6 ? `${(ns / 1e3).toFixed(1)} µs` :
		ns < 1e9 ? `${(ns / 1e6).toFixed(1)} ms` : `${(ns / 1e9).toFixed(1)} s`;
	const clock = (us) => new Date(us / 1000).toISOString().slice(11, 23);
	const node = (name, attrs) => {
		const el = document.createElementNS(SVG, name);
		for (const [k, v] of Object.entries(attrs)) el.setAttribute(k, v);
		return el;
	};
	const x = (us) => 100 * (us - t0) / span;
	const draw = (svg, vm) => {
		const lane = svg.dataset.lane, height = +svg.getAttribute("height"), w = series.w / 1000;
		const max = Math.max(1, ...series.b.map((b) => b[BIN[lane]]));
		let total = 0;
		svg.replaceChildren();
		if (lane === "resets") {
			for (const [of, from, len] of data.windows) {
				if (String(of) === vm)
					svg.append(node("rect", { class: "window", y: 17, height: 5, x: x(from) + "%", width: 100 * len / span + "%" }));
			}
		}
		for (const b of series.b) {
			const v = b[BIN[lane]], from = series.t + b[0] * w;
			if (!v) continue;
			total += v;
			if (lane === "faults" || lane === "unmaps") {
				const h = Math.max(1, v / max * (height - 2));
				svg.append(node("rect", { x: x(from) + "%", width: 100 * w / span + "%", y: height - h, height: h }));
			} else {
				const s = node("svg", { overflow: "visible", x: x(from + w / 2) + "%" });
				s.append(node("path", { d: lane === "resets" ? "M0 2L5 8L0 14L-5 8Z" : "M-5 14H5L0 4Z" }));
				svg.append(s);
			}
		}
		const note = lanes.querySelector(`[data-lane-note="${lane}"]`);
		note.textContent = num(total) + (lane === "faults" && total ? `, at most ${num(max)} a bar` : "");
	};
	const pick = () => {
		const vm = whose.value;
		series = vm ? data.vms[vm] : data.all;
		at = -1;
		cursor.hidden = true;
		if (vm) {
			for (const svg of original.keys()) draw(svg, vm);
			moment.textContent = `One bar is ${dur(series.w)} wide.`;
		} else {
			for (const [svg, nodes] of original) svg.replaceChildren(...nodes);
			for (const [el, text] of notes) el.textContent = text;
		}
	};
	const point = (i) => {
		const bars = Math.ceil(span / (series.w / 1000));
		const svg = original.keys().next().value.getBoundingClientRect(), box = lanes.getBoundingClientRect();
		at = Math.min(Math.max(i, 0), bars - 1);
		const from = series.t + at * series.w / 1000;
		const b = series.b.find((v) => v[0] === at) || [at, 0, 0, 0, 0, 0, 0, 0, 0];
		const parts = [counted(b[1], "fault") + (b[1] ? `, ${dur(b[2] / b[1])} each` : ""), counted(b[3], "mapping")];
		if (b[4]) parts.push(`${counted(b[4], "unmap")} in ${dur(b[5])}`);
		if (b[6]) parts.push(counted(b[6], "reset"));
		if (b[7]) parts.push(`${counted(b[7], "refault")} in windows that began here`);
		if (b[8]) parts.push(counted(b[8], "new finding"));
		moment.textContent = `${clock(from)} + ${dur(series.w)}: ${parts.join("; ")}.`;
		cursor.style.left = `${svg.left - box.left + svg.width * Math.min(1, Math.max(0, x(from + series.w / 2000) / 100))}px`;
		cursor.hidden = false;
	};
	for (const [vm] of Object.entries(data.vms)) {
		const d = vms.get(vm), o = document.createElement("option");
		o.value = vm;
		o.textContent = d ? d.querySelector("summary b").textContent : `VM ${vm}`;
		whose.append(o);
	}
	$("pick").hidden = false;
	whose.addEventListener("change", pick);
	lanes.tabIndex = 0;
	lanes.setAttribute("aria-describedby", "moment");
	lanes.addEventListener("pointermove", (ev) => {
		const box = original.keys().next().value.getBoundingClientRect();
		const f = (ev.clientX - box.left) / box.width;
		if (f >= 0 && f < 1) point(Math.floor((t0 + f * span - series.t) / (series.w / 1000)));
	});
	lanes.addEventListener("pointerleave", () => { cursor.hidden = true; });
	lanes.addEventListener("keydown", (ev) => {
		const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[ev.key];
		if (by === undefined) return;
		ev.preventDefault();
		point(at < 0 && by < 1e9 ? 0 : at + by);
	});
})();
