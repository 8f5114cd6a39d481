// SPDX-License-Identifier: BSD-2-Clause
/*
 * Perfetto (TrackEvent protobuf). Each VM has a process track. Its child tracks are: each vCPU, with
 * slices for faults and unmaps; resets and their refault windows; counters of mappings. Times are
 * CLOCK_BOOTTIME. Packets are streamed; the reader sorts them by time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "util/outfile.h"
#include "perfetto.pb-c.h"
#include "core/sink.h"
#include "util/util.h"
#include "sink/sinks.h"

#define CLOCK_ID_REALTIME 1 /* builtin_clock.proto */
#define CLOCK_ID_BOOTTIME 6
#define STATE_CLEARED 1 /* TracePacket.SequenceFlags */
#define UNIT_COUNT 2 /* CounterDescriptor.Unit */
#define COUNTER_NS 1000000 /* at least, between two values of a counter */
#define MAX_VCPUS 4096 /* higher vcpu_ids use the VM's own track */
#define MAX_PACKET 8192

enum type { SLICE_BEGIN = 1, SLICE_END, INSTANT, COUNTER };

/* The UUID of a track is the VM's number times 65536, plus one of these. */
enum track { T_VM = 1, T_RESETS, T_MAPS, T_UNSAFE, T_VCPU = 0x1000 };

struct counter {
	__u64 value, reported_at;
	bool pending;
};

struct vm {
	__u32 id;
	__u64 vm_end, reset_end; /* when the last slice of the track ended */
	__u64 *vcpu_end; /* the same for each vCPU; 0: no track yet. Owned */
	__u32 n_vcpu;
	__u64 ran_at; /* time of the last RUN */
	__u64 last_map; /* time of the last mapping */
	struct counter maps, unsafe;
	UT_hash_handle hh;
};

struct perfetto {
	struct s2v_sink sink; /* first */
	struct s2v_outfile out;
	struct vm *vms;
	__u64 boot_to_real;
	bool clocks; /* boot_to_real is known, and the snapshot written */
	bool started;
};

static void fail(struct perfetto *p, int err)
{
	if (!p->sink.failed)
		p->sink.failed = err;
}

/* Writes field 1 of Trace: tag, length as a varint, packet. */
static void put_packet(struct perfetto *p, Pf__TracePacket *pkt)
{
	uint8_t buf[MAX_PACKET];
	size_t len, n;

	if (p->sink.failed)
		return;
	pkt->has_trusted_packet_sequence_id = 1;
	pkt->trusted_packet_sequence_id = 1;
	if (!p->started) {
		pkt->has_sequence_flags = 1;
		pkt->sequence_flags = STATE_CLEARED;
		p->started = true;
	}
	len = pf__trace_packet__get_packed_size(pkt);
	if (len > sizeof(buf)) {
		fail(p, EMSGSIZE); /* cannot happen: names and explanations are bounded */
		return;
	}
	pf__trace_packet__pack(pkt, buf);
	putc(0x0a, p->out.f);
	for (n = len; n >= 0x80; n >>= 7)
		putc((int)(n & 0x7f) | 0x80, p->out.f);
	putc((int)n, p->out.f);
	fwrite(buf, 1, len, p->out.f);
	if (ferror(p->out.f))
		fail(p, p->out.err ? p->out.err : EIO);
}

static void put_track(struct perfetto *p, __u64 uuid, __u64 parent, const char *name, bool counter)
{
	Pf__CounterDescriptor c = PF__COUNTER_DESCRIPTOR__INIT;
	Pf__TrackDescriptor t = PF__TRACK_DESCRIPTOR__INIT;
	Pf__TracePacket pkt = PF__TRACE_PACKET__INIT;

	c.has_unit = 1;
	c.unit = UNIT_COUNT;
	t.has_uuid = t.has_parent_uuid = 1;
	t.uuid = uuid;
	t.parent_uuid = parent;
	t.name = (char *)name;
	if (counter)
		t.counter = &c;
	pkt.track_descriptor = &t;
	put_packet(p, &pkt);
}

static __u64 uuid_of(const struct vm *vm, __u32 track)
{
	return ((__u64)vm->id << 16) + track;
}

/* May be written again with more facts: the last descriptor of a track is used. */
static void put_vm(struct perfetto *p, const struct vm *vm, const struct s2v_vm_ref *ref)
{
	Pf__ProcessDescriptor proc = PF__PROCESS_DESCRIPTOR__INIT;
	Pf__TrackDescriptor t = PF__TRACK_DESCRIPTOR__INIT;
	Pf__TracePacket pkt = PF__TRACE_PACKET__INIT;
	char comm[3 * S2V_COMM_LEN + 1], name[sizeof(comm) + 32];

	s2v_clean_utf8(ref->comm, strnlen(ref->comm, sizeof(ref->comm)), comm, sizeof(comm));
	snprintf(name, sizeof(name), "VM %u (%s)", ref->id, comm);
	proc.has_pid = 1;
	proc.pid = (int32_t)ref->pid;
	proc.process_name = name;
	t.has_uuid = 1;
	t.uuid = uuid_of(vm, T_VM);
	t.name = name;
	t.process = &proc;
	pkt.track_descriptor = &t;
	put_packet(p, &pkt);
}

static struct vm *vm_of(struct perfetto *p, const struct s2v_vm_ref *ref)
{
	struct vm *vm;

	HASH_FIND(hh, p->vms, &ref->id, sizeof(ref->id), vm);
	if (vm)
		return vm;
	vm = calloc(1, sizeof(*vm));
	if (!vm) {
		fail(p, ENOMEM);
		return NULL;
	}
	vm->id = ref->id;
	HASH_ADD(hh, p->vms, id, sizeof(vm->id), vm);
	put_vm(p, vm, ref);
	put_track(p, uuid_of(vm, T_RESETS), uuid_of(vm, T_VM), "resets", false);
	put_track(p, uuid_of(vm, T_MAPS), uuid_of(vm, T_VM), "mappings", true);
	put_track(p, uuid_of(vm, T_UNSAFE), uuid_of(vm, T_VM), "incoherent mappings", true);
	return vm;
}

/* The track of a vCPU, created on first use. *end: when its last slice ended. */
static __u32 vcpu_track(struct perfetto *p, struct vm *vm, int vcpu, __u64 **end)
{
	__u32 n = (__u32)vcpu;
	char name[24];

	*end = &vm->vm_end;
	if (n >= MAX_VCPUS)
		return T_VM;
	if (n >= vm->n_vcpu) {
		__u32 more = n + 1 > 2 * vm->n_vcpu ? n + 1 : 2 * vm->n_vcpu;
		__u64 *a = reallocarray(vm->vcpu_end, more, sizeof(*a));

		if (!a) {
			fail(p, ENOMEM);
			return T_VM;
		}
		memset(a + vm->n_vcpu, 0, (more - vm->n_vcpu) * sizeof(*a));
		vm->vcpu_end = a;
		vm->n_vcpu = more;
	}
	if (!vm->vcpu_end[n]) {
		snprintf(name, sizeof(name), "vCPU %u", n);
		put_track(p, uuid_of(vm, T_VCPU + n), uuid_of(vm, T_VM), name, false);
		vm->vcpu_end[n] = 1;
	}
	*end = &vm->vcpu_end[n];
	return T_VCPU + n;
}

/* ---- events on tracks ---- */

#define MAX_NOTES 12

struct notes {
	Pf__DebugAnnotation a[MAX_NOTES], *p[MAX_NOTES];
	size_t n;
};

static Pf__DebugAnnotation *note(struct notes *x, const char *name)
{
	Pf__DebugAnnotation *a = &x->a[x->n];

	if (x->n == MAX_NOTES)
		return &x->a[MAX_NOTES - 1];
	pf__debug_annotation__init(a);
	a->name = (char *)name;
	x->p[x->n++] = a;
	return a;
}

static void note_num(struct notes *x, const char *name, __u64 v)
{
	Pf__DebugAnnotation *a = note(x, name);

	a->has_uint_value = 1;
	a->uint_value = v;
}

static void note_addr(struct notes *x, const char *name, __u64 v)
{
	Pf__DebugAnnotation *a = note(x, name);

	a->has_pointer_value = 1;
	a->pointer_value = v;
}

static void note_str(struct notes *x, const char *name, const char *s)
{
	note(x, name)->string_value = (char *)s;
}

static void put_event(struct perfetto *p, enum type type, __u64 track, __u64 time, const char *cat,
		      const char *name, struct notes *x)
{
	Pf__TrackEvent e = PF__TRACK_EVENT__INIT;
	Pf__TracePacket pkt = PF__TRACE_PACKET__INIT;
	char *cats[] = { (char *)cat };

	e.has_type = e.has_track_uuid = 1;
	e.type = type;
	e.track_uuid = track;
	e.name = (char *)name;
	if (cat) {
		e.categories = cats;
		e.n_categories = 1;
	}
	if (x) {
		e.debug_annotations = x->p;
		e.n_debug_annotations = x->n;
	}
	pkt.has_timestamp = 1;
	pkt.timestamp = time;
	pkt.track_event = &e;
	put_packet(p, &pkt);
}

/*
 * A slice. Slices of a track must not overlap. If clocks or a lost event make them overlap, the later
 * slice is shortened to begin at the end of the earlier one, or becomes an instant if it ended before.
 */
static void put_slice(struct perfetto *p, __u64 track, __u64 *last_end, __u64 begin, __u64 end,
		      const char *cat, const char *name, struct notes *x)
{
	if (end < *last_end || begin == end) {
		if (end < *last_end)
			note_num(x, "out_of_order_ns", end - begin);
		put_event(p, INSTANT, track, end, cat, name, x);
		return;
	}
	if (begin < *last_end) {
		note_num(x, "overlap_ns", *last_end - begin);
		begin = *last_end;
	}
	put_event(p, SLICE_BEGIN, track, begin, cat, name, x);
	put_event(p, SLICE_END, track, end, NULL, NULL, NULL);
	*last_end = end;
}

static void put_counter(struct perfetto *p, const struct vm *vm, enum track track,
			struct counter *c, __u64 time)
{
	Pf__TrackEvent e = PF__TRACK_EVENT__INIT;
	Pf__TracePacket pkt = PF__TRACE_PACKET__INIT;

	e.has_type = e.has_track_uuid = e.has_counter_value = 1;
	e.type = COUNTER;
	e.track_uuid = uuid_of(vm, track);
	e.counter_value = (int64_t)c->value;
	pkt.has_timestamp = 1;
	pkt.timestamp = time;
	pkt.track_event = &e;
	put_packet(p, &pkt);
	c->reported_at = time;
	c->pending = false;
}

static void add_to_counter(struct perfetto *p, const struct vm *vm, enum track track,
			   struct counter *c, __u64 n, __u64 time)
{
	c->value += n;
	c->pending = true;
	if (time >= c->reported_at + COUNTER_NS)
		put_counter(p, vm, track, c, time);
}

/* ---- the sink ---- */

static void on_page(struct perfetto *p, struct vm *vm, const struct s2v_ev_page *ev)
{
	struct notes x = { .n = 0 };
	__u64 *end, dur = ev->dur < ev->h.time ? ev->dur : 0;
	__u32 track;

	if (ev->h.type == S2V_EV_MAP) {
		vm->last_map = ev->h.time;
		add_to_counter(p, vm, T_MAPS, &vm->maps, ev->count, ev->h.time);
		if (s2v_attr_conflict(s2v_vma_s1(&ev->vma), ev->s2))
			add_to_counter(p, vm, T_UNSAFE, &vm->unsafe, ev->count, ev->h.time);
		return;
	}
	if (ev->h.type != S2V_EV_FAULT)
		return;
	note_addr(&x, "gpa", ev->gpa);
	if (ev->slot != S2V_NO_SLOT)
		note_num(&x, "memslot", (__u64)ev->slot);
	if (ev->pa != S2V_NO_PA)
		note_addr(&x, "pa", ev->pa);
	if (ev->err < 0)
		note_str(&x, "errno", s2v_errno_name(ev->err));
	if (ev->count > 1)
		note_num(&x, "count", ev->count);
	track = vcpu_track(p, vm, ev->vcpu, &end);
	put_slice(p, uuid_of(vm, track), end, ev->h.time - dur, ev->h.time, "fault",
		  ev->err < 0 ? "fault, failed" : "fault", &x);
}

static void on_unmap(struct perfetto *p, struct vm *vm, const struct s2v_ev_reset *ev)
{
	struct notes x = { .n = 0 };
	__u64 *end, dur = ev->dur < ev->h.time ? ev->dur : 0;
	__u32 track = vcpu_track(p, vm, ev->vcpu, &end);

	note_num(&x, "mapped_since_last", ev->mapped);
	put_slice(p, uuid_of(vm, track), end, ev->h.time - dur, ev->h.time, "reset", "unmap", &x);
}

static void on_slot(struct perfetto *p, const struct vm *vm, const struct s2v_ev_slot *ev)
{
	struct notes x = { .n = 0 };
	char name[32];

	snprintf(name, sizeof(name), "memslot %s", s2v_slot_change_name(ev->change));
	note_num(&x, "memslot", (__u64)ev->slot);
	note_addr(&x, "gpa", ev->gpa);
	note_num(&x, "size", ev->size);
	note_addr(&x, "hva", ev->hva);
	if (ev->err < 0)
		note_str(&x, "errno", s2v_errno_name(ev->err));
	put_event(p, INSTANT, uuid_of(vm, T_VM), ev->h.time, "memslot", name, &x);
}

/* Both clocks at one moment, so that the reader can show the time of day. */
static void put_clocks(struct perfetto *p, __u64 boot, __u64 real)
{
	Pf__Clock c[2] = { PF__CLOCK__INIT, PF__CLOCK__INIT }, *list[2] = { &c[0], &c[1] };
	Pf__ClockSnapshot snap = PF__CLOCK_SNAPSHOT__INIT;
	Pf__TracePacket pkt = PF__TRACE_PACKET__INIT;

	p->boot_to_real = real - boot;
	p->clocks = true;
	c[0].has_clock_id = c[0].has_timestamp = c[1].has_clock_id = c[1].has_timestamp = 1;
	c[0].clock_id = CLOCK_ID_BOOTTIME;
	c[0].timestamp = boot;
	c[1].clock_id = CLOCK_ID_REALTIME;
	c[1].timestamp = real;
	snap.clocks = list;
	snap.n_clocks = 2;
	snap.has_primary_trace_clock = 1;
	snap.primary_trace_clock = CLOCK_ID_BOOTTIME;
	pkt.has_timestamp = 1;
	pkt.timestamp = boot;
	pkt.clock_snapshot = &snap;
	put_packet(p, &pkt);
}

static void on_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *ref,
		     __u64 time)
{
	struct perfetto *p = (struct perfetto *)s;
	struct vm *vm;

	if (!p->clocks)
		put_clocks(p, ev->time, time);
	vm = ref ? vm_of(p, ref) : NULL;
	if (!vm)
		return;
	switch (ev->type) {
	case S2V_EV_VM_NEW:
		put_vm(p, vm, ref);
		break;
	case S2V_EV_SLOT:
		on_slot(p, vm, (const struct s2v_ev_slot *)ev);
		break;
	case S2V_EV_MAP:
	case S2V_EV_FAULT:
		on_page(p, vm, (const struct s2v_ev_page *)ev);
		break;
	case S2V_EV_UNMAP:
		on_unmap(p, vm, (const struct s2v_ev_reset *)ev);
		break;
	case S2V_EV_RUN:
		vm->ran_at = ev->time;
		break;
	}
}

static void on_finding(struct s2v_sink *s, const struct s2v_finding *f)
{
	struct perfetto *p = (struct perfetto *)s;
	char why[3 * sizeof(f->explain) + 1];
	struct notes x = { .n = 0 };
	struct vm *vm = f->update ? NULL : vm_of(p, &f->vm);

	if (!vm)
		return;
	s2v_clean_utf8(f->explain, strnlen(f->explain, sizeof(f->explain)), why, sizeof(why));
	note_num(&x, "finding", f->id);
	note_str(&x, "severity", s2v_severity_name(s2v_finding_severity(f)));
	if (f->slot.id != S2V_NO_SLOT)
		note_num(&x, "memslot", (__u64)f->slot.id);
	if (f->has_page) {
		note_addr(&x, "gpa", f->gpa);
		note_num(&x, "size", f->size);
		note_str(&x, "stage1", s2v_attr_name(f->s1));
		note_str(&x, "stage2", s2v_attr_name(f->s2));
	}
	if (f->guest != S2V_ATTR_NONE) {
		note_str(&x, "guest", s2v_attr_name(f->guest));
		note_addr(&x, "guest_va", f->guest_va);
	}
	if (f->err)
		note_str(&x, "errno", s2v_errno_name(f->err));
	note_str(&x, "explain", why);
	put_event(p, INSTANT, uuid_of(vm, T_VM), f->time - p->boot_to_real, "finding",
		  f->rule->name, &x);
}

static void on_reset(struct s2v_sink *s, const struct s2v_reset *r)
{
	struct perfetto *p = (struct perfetto *)s;
	struct vm *vm = vm_of(p, &r->vm);
	__u64 begin = r->time - p->boot_to_real, ran_at = begin + r->unmap_ns;
	struct notes x = { .n = 0 }, y = { .n = 0 };

	if (!vm)
		return;
	if (vm->ran_at >= begin)
		ran_at = vm->ran_at;
	note_str(&x, "verdict", s2v_reset_verdict_name(r->verdict));
	note_num(&x, "vcpus", r->vcpus);
	note_num(&x, "unmaps", r->unmaps);
	note_num(&x, "redundant", r->redundant);
	note_num(&x, "unmap_ns", r->unmap_ns);
	note_num(&x, "avoidable_ns", r->avoidable_ns);
	put_slice(p, uuid_of(vm, T_RESETS), &vm->reset_end, begin, ran_at, "reset", "reset", &x);
	if (!r->window_ns)
		return;
	note_num(&y, "refaults", r->refaults);
	note_num(&y, "refault_ns", r->refault_ns);
	put_slice(p, uuid_of(vm, T_RESETS), &vm->reset_end, ran_at, ran_at + r->window_ns, "reset",
		  "refault window", &y);
}

static void on_close(struct s2v_sink *s)
{
	struct perfetto *p = (struct perfetto *)s;
	struct vm *vm, *next;

	HASH_ITER(hh, p->vms, vm, next)
	{
		if (vm->maps.pending)
			put_counter(p, vm, T_MAPS, &vm->maps, vm->last_map);
		if (vm->unsafe.pending)
			put_counter(p, vm, T_UNSAFE, &vm->unsafe, vm->last_map);
		HASH_DEL(p->vms, vm);
		free(vm->vcpu_end);
		free(vm);
	}
	s->failed = s2v_outfile_end(&p->out, s->failed);
}

struct s2v_sink *s2v_sink_perfetto(const char *path)
{
	struct perfetto *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return NULL;
	err = s2v_outfile_open(&p->out, path);
	if (err) {
		free(p);
		errno = err;
		return NULL;
	}
	p->sink = (struct s2v_sink){
		.event = on_event,
		.finding = on_finding,
		.reset = on_reset,
		.close = on_close,
	};
	return &p->sink;
}
