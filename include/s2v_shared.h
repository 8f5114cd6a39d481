/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What the BPF programs and their loader (src/live/) share beside the events: configuration
 * and maps. Private to the two; sources, core and sinks never see it.
 */
#ifndef S2V_SHARED_H
#define S2V_SHARED_H

#include "s2v_variant.h"

/* Fixed at load. */
struct s2v_cfg {
	__u32 tgid; /* -p: only VMs of this process; 0: all */
	__u32 all; /* every event goes out */
	__u32 page_shift;
	__u32 fault_variant; /* enum s2v_variant */
	__u32 fwb; /* the host has S2FWB */
	__u32 init_variant; /* enum s2v_variant */
	__u32 cast; /* the kernel has bpf_rdonly_cast() */
	__u32 vma_iter; /* the kernel has bpf_iter_task_vma_*() */
	__u32 slot_hook; /* registrations of memslots are seen */
	__u32 run_hook; /* KVM_RUN is */
	__u32 timed; /* faults and unmaps are timed, for histograms; not with `all` */
	__u64 wake_bytes; /* with `all`: so much in the ring buffer wakes its reader */
	__u64 repeat_ns; /* an open violation is told again at most this often */
	/* Addresses of kvm_vm_release, kvm_vcpu_release: the files are known by them; 0: unknown. */
	__u64 vm_release, vcpu_release;
};

/*
 * With `all`: a map and its fault, of which all that is not said here is as in the map that the same CPU has
 * told of in full under this name (struct s2v_named_page). The reader makes whole events of it again
 * (src/live/brief.h); it goes no further.
 */
#define S2V_EV_BRIEF 0x100

struct s2v_brief {
	__u32 type; /* S2V_EV_BRIEF */
	__u32 flags; /* S2V_PG_EXEC, S2V_PG_WRITE */
	__u64 time;
	__u32 window;
	__s32 vcpu;
	__u64 gpa, size, pa, prot; /* of the map */
	__u64 fault; /* gpa, of the page */
	__u64 dur; /* ns */
};

/* How a map is told of in full with `all`; ev.h.len is that of ev alone, which goes further. */
struct s2v_named_page {
	struct s2v_ev_page ev;
	__u32 window; /* the name of the CPU's window, if there is one from now on */
	__u32 pad;
};

/*
 * How a registration is told of whose VMAs were not all looked at: user space looks at the rest
 * (src/live/registration.c). ev.h.len is that of ev alone, which goes further.
 */
struct s2v_slot_left {
	struct s2v_ev_slot ev;
	__u64 from; /* hva of what is left, up to the memslot's end */
	__u64 kvm; /* key of the map of VMs */
	__u64 mm; /* the memory of the process, see struct s2v_memory */
	__u32 tid; /* who registers, by its number in the first PID namespace */
	__u32 pad;
};

/* What struct window counts, of a CPU, and nothing else does. */
enum {
	S2V_WINDOW_MAPS,
	S2V_WINDOW_FAULTS,
	S2V_WINDOW_COUNTS,
};

/* The name of a window: its CPU, and a number that goes up by one, from 2 on, and begins anew. */
#define S2V_WINDOW_BITS 20
#define S2V_WINDOW_NAME(cpu, n) \
	((__u32)(cpu) << S2V_WINDOW_BITS | ((n) % ((1U << S2V_WINDOW_BITS) - 2) + 2))

/* Were maps of a VM seen, as they must be (bpf/bypass.h)? */
enum s2v_maps_state {
	S2V_MAPS_NONE, /* no vCPU has run */
	S2V_MAPS_EXPECTED, /* one has, or is about to */
	S2V_MAPS_SUSPECT, /* and something is mapped */
	S2V_MAPS_SEEN, /* one was, or the VM was there before the hooks */
	S2V_MAPS_BYPASSED, /* something is mapped, by a function that nothing is attached to */
};

/* How long a VM is doubted before it is concluded: a map that was on its way has been seen by then. */
#define S2V_SUSPECT_NS 1000000000ULL

/* Per VM. Key: address of struct kvm. */
struct s2v_vm_state {
	__u32 id;
	__u32 tgid;
	__u32 creator; /* the thread that created it */
	__u32 gen; /* memslot registrations so far */
	__u32 seq; /* of the last event of a reset */
	__u32 mapped; /* something was mapped since the last stage2_unmap_vm() */
	__u32 reset; /* a vCPU was initialised, and none has run since */
	__u32 cap_reported; /* bit 0, 1: a capability query with result 0, 1 was told */
	__u32 maps; /* enum s2v_maps_state */
	__u32 pad;
	__u64 suspect_since; /* CLOCK_BOOTTIME ns; 0: not, or not yet known */
	__u64 unmapped_at; /* CLOCK_BOOTTIME ns of the last unmap of a reset, where timed */
};

/* What of a VM could not be read, by its number; kept when it is gone. */
struct s2v_unread_state {
	__u32 tgid;
	__u32 pad;
	__u64 n[3]; /* as S2V_CNT_UNREAD_VMA and the two counters behind it, which count what is nobody's */
	__u64 over_limit; /* memslots and kinds of mappings that were not kept: struct s2v_shares */
	__u64 deferred; /* maps whose VMA is still to be looked at */
};

enum s2v_shared { S2V_SHARED_SLOTS, S2V_SHARED_KINDS, S2V_SHARED_NR };
#define S2V_SHARED_MOST 262144 /* elements of the map of each */

/*
 * How much of these maps the VMs of each process have: not more than is left for all others. Processes with one remainder
 * have it together. Both sides add and take away, atomically; who comes at the same time may both get the last one.
 */
#define S2V_SHARES 1024
struct s2v_shares {
	__u32 all[S2V_SHARED_NR];
	__u32 of[S2V_SHARES][S2V_SHARED_NR];
};

/* One more; false: that is not to be. */
static inline __attribute__((always_inline)) bool s2v_share_take(struct s2v_shares *s,
								 enum s2v_shared what, __u32 tgid)
{
	__u32 *of = &s->of[tgid & (S2V_SHARES - 1)][what];
	__u32 all = *(volatile __u32 *)&s->all[what];

	if (all >= S2V_SHARED_MOST || *(volatile __u32 *)of >= S2V_SHARED_MOST - all)
		return false;
	__sync_fetch_and_add(of, 1);
	__sync_fetch_and_add(&s->all[what], 1);
	return true;
}

static inline __attribute__((always_inline)) void s2v_share_give(struct s2v_shares *s,
								 enum s2v_shared what, __u32 tgid)
{
	__sync_fetch_and_add(&s->of[tgid & (S2V_SHARES - 1)][what], -1);
	__sync_fetch_and_add(&s->all[what], -1);
}

/* Per memslot whose registration was seen, or that an audit found. */
struct s2v_slot_key {
	__u32 vm;
	__s16 slot;
	__u16 as_id;
};

struct s2v_slot_state {
	__u32 gen;
	__u16 ordinary; /* cacheable, not PFNMAP, readable throughout at registration */
	__u16 unread; /* the BPF side has not looked at all of it: an audit tells of it, too */
	__u32 tgid; /* whose share it is of */
	__u32 pad;
	__u64 gpa, size, hva; /* where an audit found it; not kept where registrations are seen */
};

/* One kind of mapping in one memslot: how often, and the event that tells of it. */
struct s2v_agg {
	struct s2v_ev_page ev; /* the first */
	__u64 kvm; /* key of the map of VMs */
	__u64 pending; /* since it was last told */
	__u64 bytes; /* of these */
	__u64 gpa_last, last; /* of the last one: where, and when (CLOCK_BOOTTIME ns) */
	__u64 gpa_low, gpa_end; /* where all of this kind lie */
	__u64 reported; /* when, CLOCK_BOOTTIME ns */
};

enum s2v_audit_op {
	S2V_AUDIT_BEGIN, /* what is there of this VM: flags, shadow; forget the VM before */
	S2V_AUDIT_SLOT, /* the first memslot that ends behind `gpa` */
	S2V_AUDIT_WALK, /* a step through its stage-2 tables, from `gpa` on */
};

/*
 * The audit as user space and the BPF side of it see it: set, run once, read. Whatever a step
 * could not do it leaves undone, and says so; the next one goes on at `gpa`.
 */
struct s2v_audit {
	__u32 op; /* enum s2v_audit_op */
	__u32 vm;
	__u32 each; /* a run for each leaf */
	__u32 give_up; /* what is not settled is told as unreadable */
	__u64 only_lo, only_hi; /* only leaves with output addresses in here; both 0: all */
	__u64 gpa; /* cursor */
	/* The memslot under the cursor. */
	__s16 slot;
	__u16 as_id;
	__u32 gen;
	__u32 slot_flags; /* S2V_MEM_* */
	__u32 slot_reported; /* its registration, or an earlier audit, was told of */
	__u64 slot_gpa, slot_size, slot_hva;
	/* What came of it. */
	__u32 ran; /* the VM was found, and this was done */
	__u32 found; /* SLOT: there is one */
	__u32 changed; /* WALK: the memslot is another now */
	__u32 full; /* WALK: the ring buffer had no room: read it, and go on */
	__u32 unstable; /* WALK: what stands at gpa keeps changing */
	__u32 done; /* WALK: the memslot's end is reached, and everything told */
	__u32 flags; /* S2V_AU_* */
	__u32 shadow;
	/* By its number in the PID namespace of who reads the iterator. */
	__u32 holder; /* the process in whose files the VM was found; 0: it has no number there */
	__u32 vm_mte;
	__u64 mm; /* BEGIN: see struct s2v_memory */
	__u64 leaves, rereads; /* since BEGIN */
};

/* Whose memory a VM's is, and what is mapped there: two iterators (bpf/memory.h) are asked (src/live/memory.c). */
struct s2v_memory {
	__u64 mm; /* struct mm_struct *: KVM keeps it for as long as there is the VM */
	__u32 owner; /* a thread that has it, by its number in the PID namespace of who reads; 0: none found */
	__u32 users; /* where no owner was found: 0: it is nobody's any more */
	__u32 vmas_end; /* the last VMA was written */
	__u32 pad;
	__u64 vma_last; /* where the last one that was written ends */
	__u64 linear; /* physical to linear-map address, by any VM that was looked at; 0: none was */
};

#define S2V_PEEK_MAX 4096

#endif
