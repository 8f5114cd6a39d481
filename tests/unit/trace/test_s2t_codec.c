// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/trace/bytes.c src/trace/layout.c src/trace/encode.c src/trace/decode.c */
/* libs: -lzstd -lz */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <errno.h>
#include <zstd.h>

#include "s2t_data.h"

/* Encodes and decodes all events, and expects identical bytes. Returns the bytes stored. */
static size_t round_trip(const struct s2t_buf *ev)
{
	struct s2t_encoder *e = s2t_encoder_new();
	struct s2t_decoder *d = s2t_decoder_new();
	__u8 *body = malloc(S2T_BODY_MAX);
	struct s2t_buf out = { 0 };
	size_t at = 0, stored;
	const struct s2v_ev_hdr *got;

	assert_non_null(e);
	assert_non_null(d);
	assert_non_null(body);
	while (at < ev->len) {
		struct s2t_chunk_head h = { .kind = S2T_EVENTS, .seq = 7 }, back;
		size_t from = out.len, left = ev->len - at;
		__u32 n = 0;
		ssize_t took = s2t_encode_events(
			e, ev->p + at, left < S2T_CHUNK_EVENTS ? left : S2T_CHUNK_EVENTS, &h, &out);

		assert_true(took > 0);
		assert_true(s2t_get_chunk_head(out.p + from, &back));
		assert_int_equal(back.seq, 7);
		assert_int_equal(from + S2T_CHUNK_HEAD + back.stored, out.len);
		assert_int_equal(ZSTD_decompress(body, S2T_BODY_MAX, out.p + from + S2T_CHUNK_HEAD,
						 back.stored),
				 back.body);
		assert_int_equal(s2t_decode_events(d, body, back.body, back.count), 0);
		for (size_t end = at + (size_t)took; at < end;) {
			const struct s2v_ev_hdr *want = event_at(ev, at);

			got = s2t_decoded(d);
			assert_non_null(got);
			assert_memory_equal(got, want, want->len);
			assert_true(want->time >= back.first && want->time <= back.last);
			at += s2t_round8(want->len);
			n++;
		}
		assert_null(s2t_decoded(d));
		assert_int_equal(n, back.count);
	}
	stored = out.len;
	s2t_encoder_free(e);
	s2t_decoder_free(d);
	s2t_buf_free(&out);
	free(body);
	return stored;
}

static void any_events_come_back(void **state)
{
	(void)state;
	for (int round = 0; round < 60; round++) {
		struct s2t_buf ev = { 0 };
		__u64 n = 1 + roll() % 400;

		for (__u64 i = 0; i < n; i++)
			any_event(&ev, 1 + (__u32)(roll() % (LAST_TYPE + (round % 2 ? 0 : 20))));
		round_trip(&ev);
		s2t_buf_free(&ev);
	}
}

/* Events of older recordings, which end before gpa_low: later fields are 0. */
static void shorter_pages_come_back_whole(void **state)
{
	const __u32 types[] = { S2V_EV_MAP, S2V_EV_PERM, S2V_EV_FAULT };
	struct s2t_encoder *e = s2t_encoder_new();
	struct s2t_decoder *d = s2t_decoder_new();
	__u8 *body = malloc(S2T_BODY_MAX);

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(types); i++) {
		struct s2t_chunk_head h = { .kind = S2T_EVENTS };
		struct s2t_buf out = { 0 };
		struct s2v_ev_page ev[2], want = { 0 };
		const struct s2v_ev_hdr *got;
		__u8 *old = calloc(2, S2V_EV_PAGE_V0);

		for (int k = 0; k < 2; k++) {
			memset(&ev[k], 0x11 + k, sizeof(want));
			ev[k].h = (struct s2v_ev_hdr){
				.type = types[i], .len = S2V_EV_PAGE_V0, .time = 5, .vm = 1
			};
			memcpy(old + (size_t)k * S2V_EV_PAGE_V0, &ev[k], S2V_EV_PAGE_V0);
		}
		assert_int_equal(s2t_encode_events(e, old, 2 * S2V_EV_PAGE_V0, &h, &out),
				 2 * S2V_EV_PAGE_V0);
		assert_int_equal(ZSTD_decompress(body, S2T_BODY_MAX, out.p + S2T_CHUNK_HEAD,
						 h.stored),
				 h.body);
		assert_int_equal(s2t_decode_events(d, body, h.body, h.count), 0);
		for (int k = 0; k < 2; k++) {
			got = s2t_decoded(d);
			assert_non_null(got);
			memcpy(&want, &ev[k], S2V_EV_PAGE_V0);
			want.h.len = sizeof(want);
			assert_memory_equal(got, &want, sizeof(want));
		}
		s2t_buf_free(&out);
		free(old);
	}
	s2t_encoder_free(e);
	s2t_decoder_free(d);
	free(body);
}

static void every_type_comes_back_alone(void **state)
{
	(void)state;
	for (__u32 type = 0; type < 400; type++) {
		struct s2t_buf ev = { 0 };

		any_event(&ev, type);
		round_trip(&ev);
		any_event(&ev, type);
		any_event(&ev, type);
		round_trip(&ev);
		s2t_buf_free(&ev);
	}
}

/* Columns with extreme values, wrap-around, negative and huge divisors. */
static void extreme_numbers_come_back(void **state)
{
	static const __u64 v[] = { 0,
				   1,
				   ~0ULL,
				   1ULL << 63,
				   (1ULL << 63) - 1,
				   1ULL << 62,
				   3ULL << 62,
				   0x8000000000000001ULL,
				   255,
				   256,
				   0x7fffffffffffffffULL };

	(void)state;
	for (size_t a = 0; a < S2V_ARRAY_SIZE(v); a++) {
		for (size_t b = 0; b < S2V_ARRAY_SIZE(v); b++) {
			struct s2t_buf ev = { 0 };

			for (int i = 0; i < 5; i++) {
				struct s2v_ev_page *p =
					add(&ev, S2V_EV_MAP, 1, i % 2 ? v[a] : v[b]);

				p->gpa = i % 2 ? v[a] : v[b];
				p->pa = i == 3 ? v[a] : v[b];
				p->hva = p->gpa + v[a];
				p->dur = v[a] * (__u64)i;
				p->vcpu = i == 4 ? -1 : 0;
			}
			round_trip(&ev);
			s2t_buf_free(&ev);
		}
	}
}

static void many_streams_come_back(void **state)
{
	static const __u32 vms[] = { 254, 255, 256, 300, 9000 };

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(vms); i++) {
		struct s2t_buf ev = { 0 };

		for (__u32 k = 0; k < 2 * vms[i]; k++)
			((struct s2v_ev_page *)add(&ev, S2V_EV_FAULT, 1 + k % vms[i], k))->vcpu =
				(int)(roll() % 3);
		round_trip(&ev);
		s2t_buf_free(&ev);
	}
}

static void layouts_are_sound(void **state)
{
	struct s2t_layout l;

	(void)state;
	for (__u32 type = 0; type < 400; type++) {
		struct s2v_ev_hdr h = { .type = type, .len = size_of_type(type) };

		s2t_layout_of(&h, &l);
		assert_true(s2t_layout_sound(&l));
		/* With one more byte it is another valid layout. */
		h.len++;
		s2t_layout_of(&h, &l);
		assert_true(s2t_layout_sound(&l));
		assert_int_equal(l.key, 0);
	}
	l.width[2] = 4;
	assert_false(s2t_layout_sound(&l));
}

/* Returns whether the layout has a field at this offset, of this width. */
static bool has_field(const struct s2t_layout *l, size_t offset, size_t width)
{
	size_t at = 0;

	for (__u32 i = 0; i < l->n && at <= offset; at += l->width[i++])
		if (at == offset)
			return l->width[i] == width;
	return false;
}

#define FIELD(l, type, member) \
	assert_true(has_field(l, offsetof(struct type, member), sizeof(((struct type *)0)->member)))

/* Each member is a field of its own: columns of words would compress badly. */
static void fields_of_a_guest(void **state)
{
	struct s2v_ev_hdr h = { .type = S2V_EV_VCPU, .len = sizeof(struct s2v_ev_vcpu) };
	struct s2t_layout l;

	(void)state;
	s2t_layout_of(&h, &l);
	FIELD(&l, s2v_ev_vcpu, vcpu);
	FIELD(&l, s2v_ev_vcpu, flags);
	FIELD(&l, s2v_ev_vcpu, sctlr);
	FIELD(&l, s2v_ev_vcpu, ttbr1);
	FIELD(&l, s2v_ev_vcpu, absent);
	h = (struct s2v_ev_hdr){ .type = S2V_EV_GUEST, .len = sizeof(struct s2v_ev_guest) };
	s2t_layout_of(&h, &l);
	FIELD(&l, s2v_ev_guest, slot);
	FIELD(&l, s2v_ev_guest, as_id);
	FIELD(&l, s2v_ev_guest, gen);
	FIELD(&l, s2v_ev_guest, gpa);
	FIELD(&l, s2v_ev_guest, bytes);
	FIELD(&l, s2v_ev_guest, alias);
	FIELD(&l, s2v_ev_guest, va);
	FIELD(&l, s2v_ev_guest, vcpu);
	FIELD(&l, s2v_ev_guest, attr);
}

/* Sequential page faults of a guest take few bytes an event. */
static void sequential_faults_take_few_bytes(void **state)
{
	struct s2t_buf ev = { 0 };
	size_t stored;

	(void)state;
	guest(&ev, 1, 1000000000, 8192);
	stored = round_trip(&ev);
	print_message("%.2f bytes an event\n", (double)stored / count_events(&ev));
	assert_true(stored <= 5 * count_events(&ev) / 2);
	s2t_buf_free(&ev);
}

/* The decoder refuses an invalid body, and then returns no event. */
static void damaged_bodies_are_refused_or_valid(void **state)
{
	struct s2t_encoder *e = s2t_encoder_new();
	struct s2t_decoder *d = s2t_decoder_new();
	struct s2t_chunk_head h = { .kind = S2T_EVENTS };
	struct s2t_buf ev = { 0 }, out = { 0 };
	__u8 *body = malloc(S2T_BODY_MAX), *copy;
	const struct s2v_ev_hdr *got;
	__u32 n;

	(void)state;
	guest(&ev, 1, 5, 20);
	guest(&ev, 2, 6, 20);
	for (int i = 0; i < 50; i++)
		any_event(&ev, 1 + (__u32)(roll() % 20));
	assert_true(s2t_encode_events(e, ev.p, ev.len, &h, &out) == (ssize_t)ev.len);
	assert_int_equal(ZSTD_decompress(body, S2T_BODY_MAX, out.p + S2T_CHUNK_HEAD, h.stored),
			 h.body);
	copy = malloc(h.body);
	assert_non_null(copy);
	for (int i = 0; i < 20000; i++) {
		size_t len = i % 8 ? h.body : roll() % h.body;

		memcpy(copy, body, h.body);
		for (__u64 k = roll() % 3; k < 3; k++)
			copy[roll() % h.body] ^= (__u8)roll();
		if (s2t_decode_events(d, copy, len, h.count)) {
			assert_null(s2t_decoded(d));
			continue;
		}
		for (n = 0; (got = s2t_decoded(d)); n++)
			assert_true(got->len >= sizeof(*got) && got->len <= S2T_EVENT_MAX);
		assert_int_equal(n, h.count);
	}
	free(copy);
	free(body);
	s2t_encoder_free(e);
	s2t_decoder_free(d);
	s2t_buf_free(&ev);
	s2t_buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_events_come_back),
		cmocka_unit_test(every_type_comes_back_alone),
		cmocka_unit_test(shorter_pages_come_back_whole),
		cmocka_unit_test(extreme_numbers_come_back),
		cmocka_unit_test(many_streams_come_back),
		cmocka_unit_test(layouts_are_sound),
		cmocka_unit_test(fields_of_a_guest),
		cmocka_unit_test(sequential_faults_take_few_bytes),
		cmocka_unit_test(damaged_bodies_are_refused_or_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
