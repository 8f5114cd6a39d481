-- s2verify, schema 1. docs/export.md describes the columns.
PRAGMA journal_mode = OFF; -- the file is renamed only when complete
PRAGMA synchronous = OFF; -- it is flushed once, before the rename
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA application_id = 0x73327666; -- "s2vf"
PRAGMA user_version = 1;
BEGIN;
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE hosts (
	id INTEGER PRIMARY KEY, kernel TEXT, machine TEXT, s2fwb INTEGER, ctr_dic INTEGER,
	ctr_idc INTEGER, kvm_mode TEXT, cacheable_pfnmap_cap INTEGER, page_size INTEGER,
	s1_calibrated INTEGER, s1_source TEXT, vcpu_init_icache INTEGER,
	vcpu_init_icache_source TEXT, lockdown TEXT, disagreement TEXT);
CREATE TABLE host_ram (host_id INTEGER REFERENCES hosts (id), start INTEGER, "end" INTEGER);
CREATE TABLE hooks (observe TEXT PRIMARY KEY, function TEXT, method TEXT, reason TEXT);
CREATE TABLE rules (
	rule TEXT PRIMARY KEY, severity TEXT, severity_rank INTEGER, covered INTEGER, reason TEXT,
	fires TEXT);
CREATE TABLE vms (
	id INTEGER PRIMARY KEY, pid INTEGER, comm TEXT, preexisting INTEGER, born_ns INTEGER,
	gone_ns INTEGER);
CREATE TABLE registrations (
	id INTEGER PRIMARY KEY, time_ns INTEGER, vm_id INTEGER REFERENCES vms (id), slot INTEGER,
	gen INTEGER, change TEXT, gpa INTEGER, size INTEGER, hva INTEGER, flags INTEGER,
	errno TEXT);
CREATE TABLE memslots (
	vm_id INTEGER REFERENCES vms (id), slot INTEGER, readonly INTEGER, gpa INTEGER,
	size INTEGER, hva INTEGER, backing TEXT, name TEXT, driver TEXT, s1 TEXT, s2 TEXT,
	s2_mixed INTEGER, write_back_guaranteed INTEGER, vmm_cmo_required TEXT,
	needs_s2fwb INTEGER, gone INTEGER, guest_bytes TEXT, guest_alias_bytes INTEGER,
	vmm_cmo_now TEXT, PRIMARY KEY (vm_id, slot, gpa, gone));
CREATE TABLE faults (
	id INTEGER PRIMARY KEY, time_ns INTEGER, vm_id INTEGER REFERENCES vms (id), vcpu INTEGER,
	slot INTEGER, gpa INTEGER, hva INTEGER, pa INTEGER, size INTEGER, s1 TEXT, errno TEXT,
	count INTEGER, duration_ns INTEGER);
CREATE TABLE maps (
	id INTEGER PRIMARY KEY, time_ns INTEGER, vm_id INTEGER REFERENCES vms (id), vcpu INTEGER,
	kind TEXT, slot INTEGER, gpa INTEGER, hva INTEGER, pa INTEGER, size INTEGER, s1 TEXT,
	s2 TEXT, unsafe INTEGER, exec INTEGER, write INTEGER, errno TEXT, count INTEGER);
CREATE TABLE unmaps (
	id INTEGER PRIMARY KEY, time_ns INTEGER, vm_id INTEGER REFERENCES vms (id), vcpu INTEGER,
	mapped INTEGER, duration_ns INTEGER);
CREATE TABLE resets (
	id INTEGER PRIMARY KEY, time_ns INTEGER, vm_id INTEGER REFERENCES vms (id), vcpus INTEGER,
	inits INTEGER, unmaps INTEGER, redundant INTEGER, unmap_ns INTEGER,
	longest_unmap_ns INTEGER, unmapped_bytes INTEGER, refaults INTEGER, refault_ns INTEGER,
	window_ns INTEGER, verdict TEXT, avoidable_ns INTEGER);
CREATE TABLE reset_totals (
	vm_id INTEGER PRIMARY KEY REFERENCES vms (id), resets INTEGER, unmap_ns INTEGER,
	refault_ns INTEGER, tax_ns INTEGER, avoidable_ns INTEGER, advice TEXT);
CREATE TABLE findings (
	id INTEGER PRIMARY KEY, rule TEXT REFERENCES rules (rule), severity TEXT,
	severity_rank INTEGER, time_ns INTEGER, vm_id INTEGER REFERENCES vms (id), vcpu INTEGER,
	slot INTEGER, slot_gpa INTEGER, slot_size INTEGER, slot_hva INTEGER, gpa INTEGER,
	gpa_last INTEGER, size INTEGER, hva INTEGER, pa INTEGER, s1 TEXT, s1_source TEXT,
	s1_vma TEXT, s2 TEXT, s2_source TEXT, errno TEXT, errno_at TEXT, count INTEGER,
	explain TEXT, gpa_low INTEGER, gpa_high INTEGER, bytes INTEGER, guest TEXT, guest_va INTEGER,
	guest_alias_bytes INTEGER);
CREATE TABLE vcpus (
	vm_id INTEGER REFERENCES vms (id), vcpu INTEGER, time_ns INTEGER, flags TEXT,
	sctlr_el1 INTEGER, tcr_el1 INTEGER, mair_el1 INTEGER, ttbr0_el1 INTEGER, ttbr1_el1 INTEGER,
	tables INTEGER, leaves INTEGER, tables_absent INTEGER, PRIMARY KEY (vm_id, vcpu));
CREATE TABLE guest_ranges (
	id INTEGER PRIMARY KEY, time_ns INTEGER, vm_id INTEGER REFERENCES vms (id), slot INTEGER,
	gen INTEGER, gpa INTEGER, size INTEGER, bytes INTEGER, alias_bytes INTEGER, va INTEGER,
	vcpu INTEGER, attr TEXT);
CREATE TABLE map_totals (s1 TEXT, s2 TEXT, unsafe INTEGER, count INTEGER, PRIMARY KEY (s1, s2));
