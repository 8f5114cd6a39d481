/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Shared by the BPF programs and their loader (src/live/), besides the events: configuration and
 * maps. Private to these two; sources, core and sinks do not include it.
 */
#ifndef S2V_SHARED_H
#define S2V_SHARED_H

#include "s2v_variant.h"

/* Fixed at load. */
struct s2v_cfg {
	__u32 tgid; /* -p: only VMs of this process; 0: all */
	__u32 all; /* every event is reported */
	__u32 page_shift;
	__u32 fault_variant; /* enum s2v_variant */
	__u32 fwb; /* the host has S2FWB */
	__u32 init_variant; /* enum s2v_variant */
	__u32 cast; /* the kernel has bpf_rdonly_cast() */
	__u32 vma_iter; /* the kernel has bpf_iter_task_vma_*() */
	__u32 slot_hook; /* registrations of memslots are seen */
	__u32 run_hook; /* entries of KVM_RUN are seen */
	__u32 timed; /* faults and unmaps are timed, for histograms; not with `all` */
	__u64 wake_bytes; /* with `all`: bytes in the ring buffer that wake its reader */
	__u64 repeat_ns; /* shortest time between reports of one kind */
	/* Addresses of kvm_vm_release, kvm_vcpu_release, which identify the files; 0: unknown. */
	__u64 vm_release, vcpu_release;
};

/*
 * With `all`: a map and its fault. All other fields equal those of the map that the same CPU reported in full under
 * this window name (struct s2v_named_page). src/live/brief.h makes two whole events of it, the only ones that
 * leave src/live/.
 */
#define S2V_EV_BRIEF 0x100

struct s2v_brief {
	__u32 type; /* S2V_EV_BRIEF */
	__u32 flags; /* S2V_PG_EXEC, S2V_PG_WRITE */
	__u64 time;
	__u32 window;
	__s32 vcpu;
	__u64 gpa, size, pa, prot; /* of the map */
	__u64 fault; /* gpa of the page that faulted */
	__u64 dur; /* ns */
};

/* With `all`: a map reported in full. ev.h.len is the length of ev alone, which alone leaves src/live/. */
struct s2v_named_page {
	struct s2v_ev_page ev;
	__u32 window; /* name of the CPU's window, if this map opened one */
	__u32 pad;
};

/*
 * A registration whose VMAs were not all read: user space reads the rest (src/live/registration.c).
 * ev.h.len is the length of ev alone, which alone leaves src/live/.
 */
struct s2v_slot_left {
	struct s2v_ev_slot ev;
	__u64 from; /* hva of the rest, up to the memslot's end */
	__u64 kvm; /* key of the map of VMs */
	__u64 mm; /* as s2v_memory.mm */
	__u32 tid; /* of the registering thread, in the initial PID namespace */
	__u32 pad;
};

/* Counts of the fast path, in struct window of each CPU; not in enum s2v_counter. */
enum {
	S2V_WINDOW_MAPS,
	S2V_WINDOW_FAULTS,
	S2V_WINDOW_COUNTS,
};

/* Name of a window: its CPU, and a number that counts up from 2 and wraps. */
#define S2V_WINDOW_BITS 20
#define S2V_WINDOW_NAME(cpu, n) \
	((__u32)(cpu) << S2V_WINDOW_BITS | ((n) % ((1U << S2V_WINDOW_BITS) - 2) + 2))

/* Whether maps of a VM were seen, as they must be (bpf/bypass.h). */
enum s2v_maps_state {
	S2V_MAPS_NONE, /* no vCPU has run */
	S2V_MAPS_EXPECTED, /* a vCPU has run, or is about to */
	S2V_MAPS_SUSPECT, /* and something is mapped */
	S2V_MAPS_SEEN, /* a map was seen, or the VM is older than the hooks */
	S2V_MAPS_BYPASSED, /* something is mapped, by a function without a hook */
};

/* How long a VM is suspect before it counts as bypassed: a map in progress is seen by then. */
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
	__u32 cap_reported; /* bit 0, 1: a capability query with result 0, 1 was reported */
	__u32 maps; /* enum s2v_maps_state */
	__u32 pad;
	__u64 suspect_since; /* CLOCK_BOOTTIME ns; 0: not, or not yet known */
	__u64 unmapped_at; /* CLOCK_BOOTTIME ns of the last unmap of a reset, where timed */
};

/* What could not be read of a VM. Key: s2v_vm_state.id. Kept after its end. */
struct s2v_unread_state {
	__u32 tgid;
	__u32 pad;
	__u64 n[3]; /* S2V_CNT_UNREAD_VMA, _PTE, _READ of this VM; those counters count what belongs to no VM */
	__u64 over_limit; /* memslots and kinds that were not kept: struct s2v_shares */
	__u64 deferred; /* maps whose VMA is still to be read */
};

enum s2v_shared { S2V_SHARED_SLOTS, S2V_SHARED_KINDS, S2V_SHARED_NR };
#define S2V_SHARED_MOST 262144 /* entries of each map */

/*
 * Entries of these maps used by the VMs of each process: at most as many as are free. Processes whose tgid is equal
 * modulo S2V_SHARES share one count. BPF and user space update it atomically; two that race may both get the last.
 */
#define S2V_SHARES 1024
struct s2v_shares {
	__u32 all[S2V_SHARED_NR];
	__u32 of[S2V_SHARES][S2V_SHARED_NR];
};

/* Counts one more entry. False: over the limit. */
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
	__u16 unread; /* BPF has not read all VMAs of it: an audit reports it, too */
	__u32 tgid; /* process whose share it counts in */
	__u32 pad;
	__u64 gpa, size, hva; /* where an audit found it; not set if the hook saw it */
};

/* One kind of mapping in one memslot: its event, and counts. */
struct s2v_agg {
	struct s2v_ev_page ev; /* the first */
	__u64 kvm; /* key of the map of VMs */
	__u64 pending; /* occurrences since it was last reported */
	__u64 bytes; /* of these */
	__u64 gpa_last, last; /* of the last one: gpa, and CLOCK_BOOTTIME ns */
	__u64 gpa_low, gpa_end; /* bounds of all of this kind */
	__u64 reported; /* last report, CLOCK_BOOTTIME ns */
};

enum s2v_audit_op {
	S2V_AUDIT_BEGIN, /* start with this VM: sets flags, shadow; forgets the VM before */
	S2V_AUDIT_SLOT, /* find the first memslot that ends after `gpa` */
	S2V_AUDIT_WALK, /* walk its stage-2 tables from `gpa` on, one step */
	S2V_AUDIT_VCPU, /* read the registers of one vCPU: struct s2v_audit_vcpu */
	S2V_AUDIT_GUEST, /* read guest memory: struct s2v_audit_guest */
};

/* Request and result of S2V_AUDIT_VCPU. */
struct s2v_audit_vcpu {
	__u32 index; /* vcpu_idx, from 0 */
	__u32 found; /* 0: there is no such vCPU (any more) */
	__s32 id; /* vcpu_id */
	__s32 cpu; /* it is loaded there, so its registers are as of its last exit; -1: not loaded */
	__u32 tid; /* thread that ran it last, in the reader's PID namespace; 0: none */
	__u32 flags; /* S2V_VC_OFF, _TVM, _USER, _AARCH32, _NESTED, _NO_REGS */
	__u64 sctlr, tcr, tcr2, mair, ttbr[2];
};

/* Guest memory is read in chunks: the smallest translation table. */
#define S2V_CHUNK_SIZE 4096
#define S2V_CHUNK_WORDS (S2V_CHUNK_SIZE / 8)
#define S2V_CHUNKS 64

enum s2v_chunk_state {
	S2V_CHUNK_READ,
	S2V_CHUNK_ABSENT, /* neither stage 2 nor the host maps anything there now */
	S2V_CHUNK_NOT_RAM, /* it is mapped to an address outside the host's RAM */
	S2V_CHUNK_SWAPPED, /* stage 2 maps nothing there now, and the host has it swapped out */
	S2V_CHUNK_FAILED, /* stage 2, or the memory, could not be read */
	S2V_CHUNK_CHANGED, /* KVM is changing the stage-2 entry: try again */
};

/* Request and result of S2V_AUDIT_GUEST: n chunks, read through stage 2. */
struct s2v_audit_guest {
	__u32 n;
	__u32 pad;
	__u64 ipa[S2V_CHUNKS]; /* multiples of S2V_CHUNK_SIZE */
	__u32 state[S2V_CHUNKS]; /* enum s2v_chunk_state */
	__u64 data[S2V_CHUNKS][S2V_CHUNK_WORDS];
};

/* The host's RAM, ascending; [start, end). No other physical address is read. */
#define S2V_RAM_RANGES 256

struct s2v_ram {
	__u32 n; /* 0: not known */
	__u32 pad;
	struct {
		__u64 start, end;
	} range[S2V_RAM_RANGES];
};

/*
 * One step of an audit: user space sets the request, runs the step once, and reads the results. The
 * fields show what a step could not do; the next one continues at `gpa`.
 */
struct s2v_audit {
	__u32 op; /* enum s2v_audit_op */
	__u32 vm;
	__u32 each; /* report each leaf as a run of its own */
	__u32 give_up; /* report a piece that keeps changing as unread */
	__u64 only_lo, only_hi; /* only leaves with output addresses in this range; both 0: all */
	__u64 gpa; /* cursor */
	/* The memslot under the cursor. */
	__s16 slot;
	__u16 as_id;
	__u32 gen;
	__u32 slot_flags; /* S2V_MEM_* */
	__u32 slot_reported; /* its registration, or an earlier audit, reported it */
	__u64 slot_gpa, slot_size, slot_hva;
	/* Results. */
	__u32 ran; /* the VM was found, and the step ran */
	__u32 found; /* SLOT: there is such a memslot */
	__u32 changed; /* WALK: the memslot has changed */
	__u32 full; /* WALK: the ring buffer is full: read it, then continue */
	__u32 unstable; /* WALK: the translation of gpa keeps changing */
	__u32 done; /* WALK: the end of the memslot is reached, and all is reported */
	__u32 flags; /* S2V_AU_* */
	__u32 shadow;
	/* PID of the process in whose files the VM was found, in the reader's PID namespace; 0: none there. */
	__u32 holder;
	__u32 vm_mte;
	__u64 mm; /* BEGIN: as s2v_memory.mm */
	__u64 leaves, rereads; /* since BEGIN */
};

/* The process that a VM's memory belongs to, and its VMAs: two iterators (bpf/memory.h), run by src/live/memory.c. */
struct s2v_memory {
	__u64 mm; /* struct mm_struct *: KVM keeps it as long as the VM exists */
	__u32 owner; /* a thread that uses it, in the reader's PID namespace; 0: none found */
	__u32 users; /* mm_users, if no owner was found; 0: no process uses it any more */
	__u32 vmas_end; /* the last VMA was written */
	__u32 pad;
	__u64 vma_last; /* end of the last VMA that was written */
	__u64 linear; /* physical to linear-map address, from any VM; 0: not known yet */
};

#define S2V_PEEK_MAX 4096

#endif
