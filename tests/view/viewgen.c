// SPDX-License-Identifier: BSD-2-Clause
/*
 * viewgen [--vms N] [--events N] [--lost N] [--preexisting] [--cut] [--safe] [--guest] [--wild SEED]
 *         html|sqlite|perfetto|json PATH
 * Writes a view of the run that gen.c generates, and its numbers as JSON on stdout.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "report/html.h"
#include "sink/sinks.h"
#include "gen.h"

#define ULL(x) ((unsigned long long)(x))

static struct s2v_sink *open_sink(const char *kind, const char *path)
{
	if (!strcmp(kind, "html"))
		return s2v_sink_html(path);
	if (!strcmp(kind, "sqlite"))
		return s2v_sink_sqlite(path);
	if (!strcmp(kind, "perfetto"))
		return s2v_sink_perfetto(path);
	if (!strcmp(kind, "json") && freopen(path, "w", stderr))
		return s2v_sink_json_to(stderr);
	errno = EINVAL;
	return NULL;
}

static void print_truth(void)
{
	struct rusage ru = { 0 };

	getrusage(RUSAGE_SELF, &ru);
	printf("{\"vms\":%u,\"events\":%llu,\"faults\":%llu,\"fault_ns\":%llu,\"unsafe_maps\":%llu,"
	       "\"unmaps\":%llu,\"unmap_ns\":%llu,\"resets\":%llu,\"registrations\":%llu,",
	       g.n_vms, ULL(g.t.events), ULL(g.t.faults), ULL(g.t.fault_ns), ULL(g.t.unsafe_maps),
	       ULL(g.t.unmaps), ULL(g.t.unmap_ns), ULL(g.t.resets), ULL(g.t.registrations));
	printf("\"findings\":{");
	for (int i = 0; i < S2V_SEVERITY_NR; i++)
		printf("%s\"%s\":%llu", i ? "," : "", s2v_severity_name((enum s2v_severity)i),
		       ULL(g.t.findings[i]));
	printf("},\"per_vm\":[");
	for (__u32 i = 0; i < g.n_vms; i++)
		printf("%s{\"id\":%u,\"vcpus\":%d,\"faults\":%llu,\"unsafe_maps\":%llu,"
		       "\"resets\":%llu}",
		       i ? "," : "", g.vm[i].id, g.vm[i].vcpus, ULL(g.vm[i].faults),
		       ULL(g.vm[i].unsafe_maps), ULL(g.vm[i].resets));
	printf("],\"max_rss_kib\":%ld}\n", ru.ru_maxrss);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vms", required_argument, NULL, 'v' },
		{ "events", required_argument, NULL, 'e' },
		{ "lost", required_argument, NULL, 'l' },
		{ "preexisting", no_argument, NULL, 'p' },
		{ "cut", no_argument, NULL, 'c' },
		{ "safe", no_argument, NULL, 's' },
		{ "guest", no_argument, NULL, 'g' },
		{ "wild", required_argument, NULL, 'w' },
		{ 0 },
	};
	struct gen_opts o = { .vms = 12, .events = 20000 };
	struct s2v_sink *sink;
	unsigned long long wild = 0;
	int c, err;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'v')
			o.vms = (__u32)strtoul(optarg, NULL, 0);
		else if (c == 'e')
			o.events = strtoull(optarg, NULL, 0);
		else if (c == 'l')
			o.lost = strtoull(optarg, NULL, 0);
		else if (c == 'p')
			o.preexisting = true;
		else if (c == 'c')
			o.cut = true;
		else if (c == 's')
			o.safe = true;
		else if (c == 'g')
			o.guest = true;
		else if (c == 'w')
			wild = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (argc - optind != 2)
		return 2;
	sink = open_sink(argv[optind], argv[optind + 1]);
	if (!sink) {
		perror(argv[optind + 1]);
		return 1;
	}
	err = wild ? wild_run(sink, wild, o.events) : gen_run(sink, &o);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[optind + 1], strerror(err));
		return 1;
	}
	if (!wild)
		print_truth();
	free(g.vm);
	return 0;
}
