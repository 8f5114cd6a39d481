/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `s2verify explain RULE` prints below the headline: paragraphs, wrapped by the printer.
 * The catalogue in rules.c is their only user.
 */
#ifndef S2V_RULES_TEXT_H
#define S2V_RULES_TEXT_H

#define TEXT_S2_NONCACHEABLE                                                                          \
	"The host process that owns this memory (the VMM) maps it Normal Write-Back: its loads and "  \
	"stores go through the cache. KVM installed it at stage 2 as Device or Normal-NC: the "       \
	"guest's accesses bypass the cache. Two mappings of one location with mismatched "            \
	"cacheability are not coherent (Arm ARM DDI 0487, B2.16 'Mismatched memory attributes'): "    \
	"a line that the VMM dirtied, for one when it zeroed the memory for its next owner, may be "  \
	"written back after the guest read or wrote. The guest then sees stale data, possibly "       \
	"another guest's, and loses its own.\n"                                                       \
	"\n"                                                                                          \
	"How it comes about: a driver maps device memory into the VMM with remap_pfn_range() and an " \
	"unchanged, cacheable pgprot. Up to Linux 6.16 KVM/arm64 maps whatever is not in the "        \
	"kernel's memory map as Device (Normal-NC for VM_ALLOW_ANY_UNCACHED, 6.9 on) and does not "   \
	"look at vm_page_prot. From 6.17 on it does (2a8dfab26677), and then this finding means "     \
	"that the PTEs differ from vm_page_prot: remap_pfn_range(prot) is not held against the VMA, " \
	"so a driver can map Write-Back under a write-combined vm_page_prot.\n"                       \
	"\n"                                                                                          \
	"What to do: a kernel from 6.17 on; or a driver that maps what it hands to VMMs "             \
	"non-cacheable (pgprot_writecombine, pgprot_noncached), in vm_page_prot and PTEs alike."

#define TEXT_S2_CACHEABLE                                                                              \
	"The VMM maps this memory Device or Normal-NC, KVM installed it Normal Write-Back: the "       \
	"mirror image of s2-noncacheable, and just as incoherent (Arm ARM DDI 0487, B2.16). What "     \
	"the guest writes stays in its cache while the VMM, or the device that made the host map it "  \
	"non-cacheable, reads memory.\n"                                                               \
	"\n"                                                                                           \
	"How it comes about: KVM decides by the PFN. For memory in the kernel's map "                  \
	"(pfn_is_map_memory()) it does not consult the pgprot, up to and including 7.3: buffers of "   \
	"non-coherent devices (dma_mmap_attrs, GEM objects such as vgem's, /dev/mem with O_SYNC) are " \
	"ordinary RAM mapped write-combined, and become Write-Back at stage 2.\n"                      \
	"\n"                                                                                           \
	"What to do: do not register such a mapping as a memslot; copy, or let the driver map it "     \
	"cacheable and do the maintenance. By design and not reported: host Device under stage-2 "     \
	"Normal-NC (vfio-pci with VM_ALLOW_ANY_UNCACHED)."

#define TEXT_PFNMAP_ADMITTED                                                                           \
	"A memslot was accepted over a VM_PFNMAP mapping that is cacheable and lies outside the "      \
	"kernel's memory map, on a host without FEAT_S2FWB or without CTR_EL0.DIC. KVM cannot keep "   \
	"such memory coherent: it has no struct page and no kernel mapping to clean the cache by, so " \
	"only hardware that forces the guest's accesses cacheable (S2FWB) and needs no "               \
	"instruction-cache maintenance (DIC) will do.\n"                                               \
	"\n"                                                                                           \
	"Linux 6.17 and later refuse it with EINVAL in kvm_arch_prepare_memory_region() "              \
	"(2a8dfab26677, 0c67288e0c8b); earlier ones accept it and map it Device, which is "            \
	"s2-noncacheable as soon as the guest touches it. They do so with S2FWB and DIC, too, which "  \
	"only a kernel that has KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (243) uses. An audit tells of " \
	"a memslot that it finds there, touched or not, on such an older kernel.\n"                    \
	"\n"                                                                                           \
	"What to do: upgrade the kernel; do not assign such devices on this host; or have the driver " \
	"map them non-cacheable."

#define TEXT_PFNMAP_REFUSED                                                                            \
	"The kernel refused cacheable device memory on a host that cannot keep it coherent (see "      \
	"pfnmap-cacheable-admitted): at the memslot, with EINVAL, when the VMA was cacheable "         \
	"VM_PFNMAP at registration; at the fault, with EFAULT from KVM_RUN, when such a mapping was "  \
	"put behind an existing memslot later, or is VM_MIXEDMAP.\n"                                   \
	"\n"                                                                                           \
	"That is the kernel doing its duty (6.17 on), told because it looks to the VMM like an "       \
	"error without a reason. Other reasons for the same errno (dirty logging of PFNMAP, MTE) are " \
	"told apart.\n"                                                                                \
	"\n"                                                                                           \
	"What to do: the VMM is to ask for KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED and to map such "    \
	"memory non-cacheable where the answer is 0."

#define TEXT_ATTR_DRIFT                                                                                 \
	"The kernel looks at the VMAs behind a memslot when it is registered. Nothing stops the VMM "   \
	"from mapping something else at the same addresses afterwards (mmap with MAP_FIXED): the "      \
	"mapping that the guest then faults in is not the one that was checked. This rule holds each "  \
	"stage-2 mapping against what was there at registration and fires when the memory type of "     \
	"vm_page_prot has changed, or when the memory has become VM_PFNMAP or VM_MIXEDMAP.\n"           \
	"\n"                                                                                            \
	"It is of severity info where what is there now is verified and coherent on this host: both "   \
	"sides bypass the cache, or both use it and the memory is in the kernel's map or the host has " \
	"S2FWB and CTR_EL0.DIC. That is how VMMs give a guest buffers of a GPU, by mapping them into "  \
	"a window that was registered empty. Else it is high.\n"                                        \
	"\n"                                                                                            \
	"On kernels from 6.17 on, without S2FWB and DIC, the fault itself is refused (see "             \
	"pfnmap-cacheable-refused); with them it is allowed and this finding is what tells.\n"          \
	"\n"                                                                                            \
	"What to do: the VMM deletes the memslot, changes the mapping, and registers it again."

#define TEXT_DEVICE_EXEC                                                                               \
	"An executable stage-2 mapping of Device memory allows speculative instruction fetches from "  \
	"a device (Arm ARM DDI 0487, B2.7.2: fetching from Device memory may access any location in "  \
	"it). KVM never makes one: user_mem_abort() answers an instruction abort there with an abort " \
	"to the guest (-ENOEXEC), and stage2_set_prot_attr() refuses the combination. So it means a "  \
	"changed kernel, or memory corruption.\n"                                                      \
	"\n"                                                                                           \
	"What to do: compare the kernel with its distributor's; report it."

#define TEXT_CAP_UNQUERIED                                                                            \
	"From Linux 6.17 on, KVM_CHECK_EXTENSION(KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED, 243) on a "  \
	"VM file tells whether cacheable PFNMAP memslots are supported: 1 where the host has S2FWB "  \
	"and DIC (f55ce5a6cd33). A VMM that registers one without asking works by luck: on the next " \
	"host the memslot is refused, after the VM was started or while it is migrated.\n"            \
	"\n"                                                                                          \
	"What to do: the VMM is to ask before it registers cacheable device memory."

#define TEXT_MIGRATION_PINNED                                                                         \
	"The VM has device memory that is Write-Back on both sides. KVM allows that only with "       \
	"FEAT_S2FWB and CTR_EL0.DIC, since it cannot maintain the caches for memory that is not in "  \
	"the kernel's map. On a host without, the memslot is refused (6.17 on) or is incoherent "     \
	"(before).\n"                                                                                 \
	"\n"                                                                                          \
	"What to do: constrain the placement of this VM to hosts with both; `s2verify check` tells, " \
	"as does KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED."

#define TEXT_RESET_UNMAP_FWB                                                                             \
	"KVM_ARM_VCPU_INIT on a vCPU that has run is a guest's reset. KVM then unmaps the whole of the " \
	"VM's stage 2 (stage2_unmap_vm()), so that the guest, which starts with its MMU off and so "     \
	"reads past the cache, faults its pages back in and gets them cleaned to the PoC. With "         \
	"FEAT_S2FWB the guest's accesses are forced to be cacheable, MMU on or off: nothing has to be "  \
	"cleaned, and the unmap only costs the faults. KVM leaves it out since 892713e97ca1 (5.8).\n"    \
	"\n"                                                                                             \
	"What to do: use a kernel from 5.8 on; on one that is, look for what was changed."

#define TEXT_RESET_UNMAP_REPEATED                                                                       \
	"Without S2FWB a reset has to unmap the VM's memory once. KVM does so for every vCPU that has " \
	"run and is initialised again, so a VM of N vCPUs is unmapped N times; all but the first find " \
	"nothing, if no vCPU ran in between, and walk every memslot and VMA for it under mmap_lock "    \
	"and the MMU lock.\n"                                                                           \
	"\n"                                                                                            \
	"What to do: nothing in the VMM avoids it; `s2verify resets` says what it costs. A host with "  \
	"S2FWB unmaps nothing."

#define TEXT_RESET_UNMAP_MISSING                                                                        \
	"Without S2FWB a guest that reboots with its MMU off reads memory as Device or Non-cacheable, " \
	"past the cache. What the VMM or the guest's previous life left in the cache it would not "     \
	"see: KVM has to unmap the VM's stage 2 when a vCPU that has run is initialised again, so "     \
	"that pages are cleaned to the PoC as they are faulted back in (957db105c997). This rule "      \
	"fires when such an init returned and stage2_unmap_vm() was not called since any vCPU of the "  \
	"VM last ran.\n"                                                                                \
	"\n"                                                                                            \
	"What to do: compare the kernel with its distributor's; do not reboot guests on it."

#define TEXT_RESET_ICACHE_MISSING                                                                       \
	"With S2FWB KVM does not unmap a VM's memory at a reset, so pages do not come back through a "  \
	"fault, where their instruction-cache maintenance would be done. S2FWB says nothing about the " \
	"instruction cache: without CTR_EL0.DIC it has to be invalidated explicitly, which KVM does "   \
	"with IC IALLUIS in the path of KVM_ARM_VCPU_INIT (5.8 on). That instruction is inline and "    \
	"cannot be probed, so it is looked for in the running kernel's text, with the branch that "     \
	"passes it by where there is DIC; this rule fires at a reset on a kernel that lacks it.\n"      \
	"\n"                                                                                            \
	"What to do: compare the kernel with its distributor's; do not reboot guests on it."

#define TEXT_RESET_ICACHE_REPEATED                                                                     \
	"S2FWB spares the unmap at a reset, not the invalidation of the instruction caches: it does "  \
	"not imply CTR_EL0.DIC. Without DIC KVM executes IC IALLUIS at each KVM_ARM_VCPU_INIT of a "   \
	"vCPU that has run, which all CPUs of the host take part in. Once a reset would do.\n"         \
	"\n"                                                                                           \
	"What to do: nothing in the VMM avoids it; it is cheap beside an unmap, and told since it is " \
	"felt by other VMs."

#define TEXT_ALIAS_CONFLICT                                                                              \
	"An audit found two stage-2 leaves, of one VM or of two, that lead to one page of physical "     \
	"memory with different memory types: accesses with mismatched attributes are not coherent "      \
	"with each other (Arm ARM DDI 0487, 'Mismatched memory attributes').\n"                          \
	"\n"                                                                                             \
	"How it comes about: one device's memory is given out by two drivers, or twice with different "  \
	"pgprots.\n"                                                                                     \
	"\n"                                                                                             \
	"What to do: find the two drivers by the findings' addresses; one of them is to map the memory " \
	"as the other does."

#define TEXT_FOREIGN_MEMORY                                                                            \
	"Stage 2 leads to another page than the host's page tables do for the same memory of the "     \
	"VMM, or to a page where these have none: the guest reads and writes memory that may belong "  \
	"to anybody.\n"                                                                                \
	"\n"                                                                                           \
	"How it comes about: up to 7.1 KVM takes a driver's mapping for contiguous that is not (a "    \
	"VM_PFNMAP range whose vm_pgoff and address agree to 2 MiB, as a dma-buf of udmabuf or a GEM " \
	"object may, is mapped as a block by its first page); or a page was migrated or replaced and " \
	"stage 2 was not told.\n"                                                                      \
	"\n"                                                                                           \
	"As KVM maps, all of what it maps is held against the host's page tables, where it is not "    \
	"ordinary memory behind an ordinary VMA: KVM holds its MMU lock, and the host takes no page "  \
	"away. An audit reads each leaf twice and the host's tables with it, while KVM's own counter " \
	"of invalidations stands still. Neither is a race. Memory that is swapped out, migrated or "   \
	"protected is none of this: its PTEs are not empty. Where a driver that maps on demand has "   \
	"no PTE, and stage 2 leads to a device's memory, it may be the rest of what the driver would " \
	"map: that is not accused, but makes the run incomplete, unless the mapping is vfio-pci's, "   \
	"which is contiguous.\n"                                                                       \
	"\n"                                                                                           \
	"What to do: stop the VM, since other memory may be damaged; use a kernel that does not map "  \
	"such ranges as blocks; report it with the finding's addresses."

#define TEXT_FAULT_FAILED                                                                               \
	"A guest touched memory of a memslot and KVM could not map it: KVM_RUN returned the error to "  \
	"the VMM, which as a rule ends the VM. Nothing was mapped, so nothing is unsafe; it is told "   \
	"since the error itself says nothing.\n"                                                        \
	"\n"                                                                                            \
	"The finding says what lay there when KVM_RUN returned (kind of mapping, memory type of its "   \
	"VMA and PTE, inside or outside the kernel's map), and which of KVM's checks that leaves. In "  \
	"the order in which KVM makes them: user_mem_abort() needs a VMA; get_user_pages() an access "  \
	"that the VMA allows, and a page; for VM_PFNMAP hva_to_pfn_remapped() a PTE that the driver "   \
	"has made or makes on demand, writable if the guest writes (it does not make a read-only one "  \
	"writable, so that buffers of drivers that track writes, as GEM's shmem helpers do from 7.1 "   \
	"on, fail), and up to 6.12 a page with a reference count; from 6.17 on cacheable device "       \
	"memory needs S2FWB and DIC (pfnmap-cacheable-refused tells of that); a VM with MTE needs "     \
	"memory that can have tags.\n"                                                                  \
	"\n"                                                                                            \
	"What to do: the VMM is to map writable what the guest writes, to populate what a driver does " \
	"not fault in, and to register no memory that it does not map."

#endif
