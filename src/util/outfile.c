// SPDX-License-Identifier: BSD-2-Clause
/* Result files that are complete or do not exist: see outfile.h. */
#define _GNU_SOURCE /* asprintf(), fopencookie() */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/outfile.h"

static void cleanup(struct s2v_outfile *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(o->path);
	free(o->tmp);
	memset(o, 0, sizeof(*o));
}

/* Sets the paths, and o->direct if path is no regular file. 0 or an errno. */
static int prepare(struct s2v_outfile *o, const char *path)
{
	struct stat st;

	memset(o, 0, sizeof(*o));
	o->fd = -1;
	if (!stat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			return EISDIR;
		o->direct = !S_ISREG(st.st_mode);
	}
	o->path = strdup(path);
	if (!o->path || asprintf(&o->tmp, "%s.tmp", path) < 0) {
		o->tmp = NULL;
		return ENOMEM;
	}
	return 0;
}

/* Removes the file that a killed run left; follows no link. */
static int create(struct s2v_outfile *o)
{
	if (unlink(o->tmp) && errno != ENOENT)
		return errno;
	o->fd = open(o->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	return o->fd < 0 ? errno : 0;
}

/* stdio does not keep the errno of a failed write; o->err does. */
static ssize_t write_cookie(void *cookie, const char *buf, size_t size)
{
	struct s2v_outfile *o = cookie;
	size_t done = 0;

	while (done < size && !o->err) {
		ssize_t n = write(o->fd, buf + done, size - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			o->err = errno;
	}
	return o->err ? 0 : (ssize_t)size; /* 0 is an error, see fopencookie(3) */
}

int s2v_outfile_open(struct s2v_outfile *o, const char *path)
{
	int err = prepare(o, path);

	if (!err && o->direct) {
		o->fd = open(path, O_WRONLY | O_CLOEXEC);
		err = o->fd < 0 ? errno : 0;
	} else if (!err) {
		err = create(o);
	}
	if (!err) {
		o->f = fopencookie(o, "w", (cookie_io_functions_t){ .write = write_cookie });
		if (!o->f) {
			err = errno;
			if (!o->direct)
				unlink(o->tmp);
		}
	}
	if (err)
		cleanup(o);
	return err;
}

int s2v_outfile_make(struct s2v_outfile *o, const char *path)
{
	int err = prepare(o, path);

	if (!err && o->direct)
		err = ENOTSUP;
	if (!err)
		err = create(o);
	if (err)
		cleanup(o);
	return err;
}

int s2v_outfile_end(struct s2v_outfile *o, int failed)
{
	if (!o->path)
		return failed;
	if (o->f && fclose(o->f) && !o->err)
		o->err = EIO;
	if (!failed)
		failed = o->err;
	if (!o->direct) {
		/* fsync before rename: a crash must not leave an empty file of that name. */
		if (!failed && fsync(o->fd))
			failed = errno;
		if (!failed && rename(o->tmp, o->path))
			failed = errno;
		if (failed)
			unlink(o->tmp);
	}
	cleanup(o);
	return failed;
}
