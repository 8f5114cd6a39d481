/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts of `s2verify explain RULE` below the headline: paragraphs, which the command wraps. Only the
 * catalogue in rules.c uses them.
 */
#ifndef S2V_RULES_TEXT_H
#define S2V_RULES_TEXT_H

#define TEXT_S2_NONCACHEABLE                                                                        \
	"The host process that owns this memory (the VMM) maps it Normal Write-Back: its loads "    \
	"and stores go through the cache. KVM mapped it at stage 2 as Device or Normal-NC: the "    \
	"guest's accesses bypass the cache. Two mappings of one location with mismatched "          \
	"cacheability are not coherent (Arm ARM DDI 0487, B2.16 'Mismatched memory attributes'): "  \
	"a line that the VMM dirtied, for example when it zeroed the memory for its next owner, "   \
	"may be written back after the guest read or wrote. The guest then sees stale data, "       \
	"possibly another guest's, and loses its own.\n"                                            \
	"\n"                                                                                        \
	"How it comes about: a driver maps device memory into the VMM with remap_pfn_range() and "  \
	"an unchanged, cacheable pgprot. Up to Linux 6.16 KVM/arm64 maps all memory outside the "   \
	"kernel's memory map as Device (from 6.9 on as Normal-NC if the VMA has "                   \
	"VM_ALLOW_ANY_UNCACHED) and does not look at vm_page_prot. From 6.17 on it does "           \
	"(2a8dfab26677). There this finding means that the PTEs differ from vm_page_prot: nothing " \
	"compares the prot of remap_pfn_range() with the VMA, so a driver can map Write-Back "      \
	"under a write-combined vm_page_prot.\n"                                                    \
	"\n"                                                                                        \
	"What to do: use a kernel from 6.17 on; or a driver that maps memory for VMMs "             \
	"non-cacheable (pgprot_writecombine, pgprot_noncached), in both vm_page_prot and PTEs."

#define TEXT_S2_CACHEABLE                                                                         \
	"The VMM maps this memory Device or Normal-NC, KVM mapped it Normal Write-Back: the "     \
	"reverse of s2-noncacheable, and just as incoherent (Arm ARM DDI 0487, B2.16). The "      \
	"guest's writes stay in the cache while the VMM, or the device for which the host maps "  \
	"the memory non-cacheable, reads memory.\n"                                               \
	"\n"                                                                                      \
	"How it comes about: KVM decides by the PFN. For memory in the kernel's map "             \
	"(pfn_is_map_memory()) it does not look at the pgprot, up to and including 7.3. Buffers " \
	"of non-coherent devices (dma_mmap_attrs, GEM objects such as vgem's, /dev/mem with "     \
	"O_SYNC) are ordinary RAM mapped write-combined, and become Write-Back at stage 2.\n"     \
	"\n"                                                                                      \
	"What to do: do not register such a mapping as a memslot; copy the data, or let the "     \
	"driver map it cacheable and do the cache maintenance. Host Device under stage-2 "        \
	"Normal-NC (vfio-pci with VM_ALLOW_ANY_UNCACHED) is by design and not reported."

#define TEXT_PFNMAP_ADMITTED                                                                       \
	"A memslot was accepted over a VM_PFNMAP mapping that is cacheable and lies outside the "  \
	"kernel's memory map, on a host without FEAT_S2FWB or without CTR_EL0.DIC. KVM cannot "    \
	"keep such memory coherent: it has no struct page and no kernel mapping through which to " \
	"clean the cache. Only hardware that forces the guest's accesses cacheable (S2FWB) and "   \
	"needs no instruction-cache maintenance (DIC) keeps it coherent.\n"                        \
	"\n"                                                                                       \
	"Linux 6.17 and later refuse it with EINVAL in kvm_arch_prepare_memory_region() "          \
	"(2a8dfab26677, 0c67288e0c8b). Earlier kernels accept it and map it Device, which is "     \
	"s2-noncacheable as soon as the guest touches it. They do so even with S2FWB and DIC, "    \
	"which only a kernel with KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (243) uses. On such an "  \
	"older kernel an audit reports every such memslot that it finds, touched or not.\n"        \
	"\n"                                                                                       \
	"What to do: upgrade the kernel; do not assign such devices on this host; or have the "    \
	"driver map them non-cacheable."

#define TEXT_PFNMAP_REFUSED                                                                         \
	"The kernel refused cacheable device memory on a host that cannot keep it coherent (see "   \
	"pfnmap-cacheable-admitted). It refuses the memslot, with EINVAL, if the VMA is cacheable " \
	"VM_PFNMAP at registration. It refuses the fault, with EFAULT from KVM_RUN, if such a "     \
	"mapping was put behind an existing memslot later, or is VM_MIXEDMAP.\n"                    \
	"\n"                                                                                        \
	"This is correct behaviour of the kernel (6.17 on). It is reported because the VMM sees "   \
	"only an errno, without a reason. Other reasons for the same errno (dirty logging of "      \
	"PFNMAP, MTE) are distinguished from this one.\n"                                           \
	"\n"                                                                                        \
	"What to do: the VMM must ask for KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED, and map such "    \
	"memory non-cacheable if the answer is 0."

#define TEXT_ATTR_DRIFT                                                                             \
	"The kernel checks the VMAs behind a memslot at registration. Nothing stops the VMM from "  \
	"mapping something else at the same addresses afterwards (mmap with MAP_FIXED): the "       \
	"mapping that the guest then faults in is not the one that was checked. This rule "         \
	"compares each stage-2 mapping with the backing at registration. It fires when the memory " \
	"type of vm_page_prot has changed, or when the memory has become VM_PFNMAP or "             \
	"VM_MIXEDMAP.\n"                                                                            \
	"\n"                                                                                        \
	"The severity is info if the new backing is verified and coherent on this host: both "      \
	"sides bypass the cache, or both use it and the memory is in the kernel's map or the host " \
	"has S2FWB and CTR_EL0.DIC. VMMs give a guest GPU buffers in this way: they map them into " \
	"a window that was registered empty. Otherwise the severity is high.\n"                     \
	"\n"                                                                                        \
	"On kernels from 6.17 on, without S2FWB and DIC, the fault itself is refused (see "         \
	"pfnmap-cacheable-refused). With them it is allowed, and only this finding reports it.\n"   \
	"\n"                                                                                        \
	"What to do: the VMM deletes the memslot, changes the mapping, and registers it again."

#define TEXT_DEVICE_EXEC                                                                            \
	"An executable stage-2 mapping of Device memory allows speculative instruction fetches "    \
	"from a device (Arm ARM DDI 0487, B2.7.2: fetching from Device memory may access any "      \
	"location in it). KVM never makes such a mapping: user_mem_abort() answers an instruction " \
	"abort there with an abort to the guest (-ENOEXEC), and stage2_set_prot_attr() refuses "    \
	"the combination. So the kernel was modified, or memory is corrupted.\n"                    \
	"\n"                                                                                        \
	"What to do: compare the kernel with its distributor's; report it."

#define TEXT_CAP_UNQUERIED                                                                          \
	"From Linux 6.17 on, KVM_CHECK_EXTENSION(KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED, 243) on "  \
	"a VM file says whether cacheable PFNMAP memslots are supported: 1 if the host has S2FWB "  \
	"and DIC (f55ce5a6cd33). A VMM that registers one without asking works by luck: on a host " \
	"without them the memslot is refused, after the VM was started or while it is migrated.\n"  \
	"\n"                                                                                        \
	"What to do: the VMM must ask before it registers cacheable device memory."

#define TEXT_MIGRATION_PINNED                                                                       \
	"The VM has device memory that is Write-Back on both sides. KVM allows that only with "     \
	"FEAT_S2FWB and CTR_EL0.DIC, because it cannot maintain the caches for memory that is not " \
	"in the kernel's map. On a host without them the memslot is refused (6.17 on) or is "       \
	"incoherent (before).\n"                                                                    \
	"\n"                                                                                        \
	"What to do: restrict the placement of this VM to hosts with both; `s2verify check` shows " \
	"whether a host has them, as does KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED."

#define TEXT_RESET_UNMAP_FWB                                                                        \
	"KVM_ARM_VCPU_INIT on a vCPU that has run is a guest's reset. KVM then unmaps the whole "   \
	"of the VM's stage 2 (stage2_unmap_vm()): the guest starts with its MMU off, so its reads " \
	"bypass the cache, and pages are cleaned to the PoC as it faults them back in. With "       \
	"FEAT_S2FWB the guest's accesses are forced to be cacheable, MMU on or off: nothing has "   \
	"to be cleaned, and the unmap only costs the faults. KVM omits it since 892713e97ca1 "      \
	"(5.8).\n"                                                                                  \
	"\n"                                                                                        \
	"What to do: use a kernel from 5.8 on; if this is one, find out how it was modified."

#define TEXT_RESET_UNMAP_REPEATED                                                                   \
	"Without S2FWB a reset has to unmap the VM's memory once. KVM does so for every vCPU that " \
	"has run and is initialised again, so a VM of N vCPUs is unmapped N times. If no vCPU "     \
	"runs in between, all unmaps but the first find nothing, yet each walks every memslot and " \
	"VMA under mmap_lock and the MMU lock.\n"                                                   \
	"\n"                                                                                        \
	"What to do: nothing in the VMM avoids it; `s2verify resets` reports what it costs. On a "  \
	"host with S2FWB nothing is unmapped."

#define TEXT_RESET_UNMAP_MISSING                                                                    \
	"Without S2FWB a guest that reboots with its MMU off reads memory as Device or "            \
	"Non-cacheable: its reads bypass the cache, and miss the data that the VMM, or the guest "  \
	"before its reset, left in the cache. So KVM has to unmap the VM's stage 2 when a vCPU "    \
	"that has run is initialised again: pages are then cleaned to the PoC as they are faulted " \
	"back in (957db105c997). This rule fires when such an init returned and stage2_unmap_vm() " \
	"was not called since any vCPU of the VM last ran.\n"                                       \
	"\n"                                                                                        \
	"What to do: compare the kernel with its distributor's; do not reboot guests on it."

#define TEXT_RESET_ICACHE_MISSING                                                                   \
	"With S2FWB KVM does not unmap a VM's memory at a reset, so pages do not come back "        \
	"through a fault, which would do their instruction-cache maintenance. S2FWB does not "      \
	"cover the instruction cache: without CTR_EL0.DIC it has to be invalidated explicitly. "    \
	"KVM does that with IC IALLUIS in the path of KVM_ARM_VCPU_INIT (5.8 on). The instruction " \
	"is inline and cannot be probed, so s2verify looks for it in the running kernel's text, "   \
	"together with the branch that skips it if the host has DIC. This rule fires at a reset "   \
	"on a kernel that lacks it.\n"                                                              \
	"\n"                                                                                        \
	"What to do: compare the kernel with its distributor's; do not reboot guests on it."

#define TEXT_RESET_ICACHE_REPEATED                                                                  \
	"S2FWB saves the unmap at a reset, but not the invalidation of the instruction caches: it " \
	"does not imply CTR_EL0.DIC. Without DIC KVM executes IC IALLUIS at each "                  \
	"KVM_ARM_VCPU_INIT of a vCPU that has run, and all CPUs of the host take part in it. Once " \
	"per reset is enough.\n"                                                                    \
	"\n"                                                                                        \
	"What to do: nothing in the VMM avoids it. It is cheap compared with an unmap, and "        \
	"reported because it slows other VMs."

#define TEXT_ALIAS_CONFLICT                                                                         \
	"An audit found two stage-2 leaves, of one VM or of two, that map one page of physical "    \
	"memory with different memory types: accesses with mismatched attributes are not coherent " \
	"with each other (Arm ARM DDI 0487, 'Mismatched memory attributes').\n"                     \
	"\n"                                                                                        \
	"How it comes about: two drivers hand out one device's memory, or one driver does so "      \
	"twice with different pgprots.\n"                                                           \
	"\n"                                                                                        \
	"What to do: find the two drivers by the findings' addresses; one of them must map the "    \
	"memory as the other does."

#define TEXT_FOREIGN_MEMORY                                                                         \
	"Stage 2 maps another page than the host's page tables do for the same memory of the VMM, " \
	"or maps a page where these have none: the guest reads and writes memory that may belong "  \
	"to anybody.\n"                                                                             \
	"\n"                                                                                        \
	"How it comes about: up to 7.1 KVM takes some mappings of drivers for contiguous that are " \
	"not. A VM_PFNMAP range whose vm_pgoff and address agree to 2 MiB, such as a dma-buf of "   \
	"udmabuf or a GEM object, is mapped as a block by its first page. Or a page was migrated "  \
	"or replaced, and stage 2 was not updated.\n"                                               \
	"\n"                                                                                        \
	"Hooks compare all that KVM maps with the host's page tables, except ordinary memory "      \
	"behind an ordinary VMA. They do it while KVM holds its MMU lock, so the host cannot "      \
	"remove the page. An audit reads each leaf twice, and the host's tables with it, while "    \
	"KVM's own counter of invalidations does not change. Neither finding can come from a "      \
	"race. Memory that is swapped out, migrated or protected is not reported: its PTEs are "    \
	"not empty. If a driver that maps on demand has no PTE, and stage 2 maps a device's "       \
	"memory, that memory may be the rest of what the driver would map. This is no finding, "    \
	"but makes the run incomplete, unless the mapping is vfio-pci's, which is contiguous.\n"    \
	"\n"                                                                                        \
	"What to do: stop the VM, because other memory may be damaged; use a kernel that does not " \
	"map such ranges as blocks; report it with the finding's addresses."

#define TEXT_FAULT_FAILED                                                                           \
	"A guest touched memory of a memslot and KVM could not map it: KVM_RUN returned the error " \
	"to the VMM, which usually ends the VM. Nothing was mapped, so nothing is unsafe. It is "   \
	"reported because the error itself gives no reason.\n"                                      \
	"\n"                                                                                        \
	"The finding describes the backing when KVM_RUN returned (kind of mapping, memory type of " \
	"its VMA and PTE, inside or outside the kernel's map), and names the check of KVM that "    \
	"can have failed. KVM makes its checks in this order: user_mem_abort() needs a VMA; "       \
	"get_user_pages() an access that the VMA allows, and a page; for VM_PFNMAP "                \
	"hva_to_pfn_remapped() a PTE that the driver has made or makes on demand, writable if the " \
	"guest writes (it does not make a read-only PTE writable, so buffers of drivers that "      \
	"track writes fail, such as those of GEM's shmem helpers from 7.1 on), and up to 6.12 a "   \
	"page with a reference count; from 6.17 on cacheable device memory needs S2FWB and DIC "    \
	"(reported as pfnmap-cacheable-refused); a VM with MTE needs memory that can have tags.\n"  \
	"\n"                                                                                        \
	"What to do: the VMM must map memory writable if the guest writes to it, populate memory "  \
	"that a driver does not fault in, and register no memory that it does not map."

#endif
