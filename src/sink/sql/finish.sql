-- Indexes after all rows: faster than updating them with each row.
CREATE INDEX faults_vm_time ON faults (vm_id, time_ns);
CREATE INDEX faults_time ON faults (time_ns);
CREATE INDEX faults_errno ON faults (errno) WHERE errno IS NOT NULL;
CREATE INDEX maps_vm_gpa ON maps (vm_id, gpa);
CREATE INDEX maps_unsafe ON maps (vm_id, gpa) WHERE unsafe;
CREATE INDEX registrations_vm ON registrations (vm_id, slot, gen);
CREATE INDEX unmaps_vm ON unmaps (vm_id, time_ns);
CREATE INDEX resets_vm ON resets (vm_id, time_ns);
CREATE INDEX guest_ranges_vm ON guest_ranges (vm_id, slot, gpa);
CREATE INDEX findings_vm ON findings (vm_id, slot);
CREATE INDEX findings_rule ON findings (rule);
-- Views with addresses in hexadecimal.
CREATE VIEW findings_hex AS SELECT id, rule, severity, vm_id, slot, printf('0x%x', gpa) AS gpa,
	printf('0x%x', gpa_last) AS gpa_last, size, printf('0x%x', hva) AS hva,
	CASE WHEN pa IS NOT NULL THEN printf('0x%x', pa) END AS pa, s1, s2, errno, count,
	guest, CASE WHEN guest_va IS NOT NULL THEN printf('0x%x', guest_va) END AS guest_va
	FROM findings WHERE gpa IS NOT NULL;
CREATE VIEW memslots_hex AS SELECT vm_id, slot, printf('0x%x', gpa) AS gpa, size,
	printf('0x%x', hva) AS hva, backing, name, driver, s1, s2, vmm_cmo_required, gone FROM memslots;
CREATE VIEW faults_hex AS SELECT id, time_ns, vm_id, vcpu, slot, printf('0x%x', gpa) AS gpa,
	printf('0x%x', hva) AS hva, CASE WHEN pa IS NOT NULL THEN printf('0x%x', pa) END AS pa,
	size, s1, errno, count, duration_ns FROM faults;
CREATE VIEW maps_hex AS SELECT id, time_ns, vm_id, vcpu, kind, slot, printf('0x%x', gpa) AS gpa,
	printf('0x%x', hva) AS hva, CASE WHEN pa IS NOT NULL THEN printf('0x%x', pa) END AS pa,
	size, s1, s2, unsafe, count FROM maps;
CREATE VIEW vcpus_hex AS SELECT vm_id, vcpu, flags, printf('0x%x', sctlr_el1) AS sctlr_el1,
	printf('0x%x', tcr_el1) AS tcr_el1, printf('0x%x', mair_el1) AS mair_el1,
	printf('0x%x', ttbr0_el1) AS ttbr0_el1, printf('0x%x', ttbr1_el1) AS ttbr1_el1 FROM vcpus;
CREATE VIEW guest_ranges_hex AS SELECT id, time_ns, vm_id, slot, printf('0x%x', gpa) AS gpa, size,
	bytes, alias_bytes, printf('0x%x', va) AS va, vcpu, attr FROM guest_ranges;
COMMIT;
