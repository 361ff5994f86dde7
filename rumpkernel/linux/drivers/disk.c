// SPDX-License-Identifier: GPL-2.0-only
/*
 * disk.c - host files and host block devices as disks
 *
 * Theory of operation.  A blk-mq driver without an interrupt line: queue_rq
 * turns a request into one rump_io (embedded in the request's own memory, so
 * nothing is allocated for most of them) and hands it to the host.  A host
 * thread that holds no virtual CPU carries it out with preadv, pwritev,
 * fallocate or fdatasync straight on the memory of the page cache; physical
 * memory is one linear mapping, so a run of pages is one iovec.  complete()
 * comes back in softirq context on some vCPU.
 *
 * Durability.  The host's page cache is a volatile write cache as far as the
 * file systems here know: they send FLUSH and FUA, which become fdatasync and
 * RWF_DSYNC.  What was acknowledged survives the death of this process even
 * without them, what was flushed survives the host's.
 *
 * Limits.  A request never times out: the host may stop for minutes (suspend,
 * SIGSTOP, a slow network file system) and nothing is wrong then.  An image
 * that became shorter than it was is an I/O error, not zeroes.
 */
#define pr_fmt(fmt) "rumpdisk: " fmt

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/idr.h>
#include <linux/hdreg.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include <asm/rump.h>

#include "disk.h"
#include "why.h"

#define QUEUE_DEPTH	64
#define MAX_SEGMENTS	256
#define MAX_BYTES	(4u << 20)
#define INLINE_IOVS	8
#define HOST_BLOCK	4096u		/* what the host's page cache works in */

struct rump_disk {
	struct gendisk *gd;
	struct blk_mq_tag_set tags;
	char *hostpath;
	int file;
	int index;
	u64 begin;
	bool is_regular;	/* holes read as zeroes */
	bool dying;		/* under gd->open_mutex */
};

/* One request, in the memory that blk-mq keeps for it. */
struct rump_disk_cmd {
	struct rump_io io;
	unsigned int done;	/* bytes of earlier pieces */
	unsigned int piece;	/* bytes of the one in flight */
	unsigned int iov_max;
	struct rumpuser_iovec inline_iov[INLINE_IOVS];
};

static DEFINE_IDA(disk_ida);

/*
 * Fills the iovec from byte cmd->done of the request on.  It may be too short
 * for all of it when memory was not to be had: complete() then goes on.
 */
static void cmd_map(struct rump_disk_cmd *cmd, struct request *rq)
{
	struct rumpuser_iovec *iov = cmd->io.host.iov;
	unsigned int skip = cmd->done, n = 0, bytes = 0;
	struct req_iterator iter;
	struct bio_vec bv;

	rq_for_each_bvec(bv, rq, iter) {
		char *base = page_address(bv.bv_page) + bv.bv_offset;
		unsigned int length = bv.bv_len;

		if (skip >= length) {
			skip -= length;
			continue;
		}
		base += skip;
		length -= skip;
		skip = 0;
		if (n && (char *)iov[n - 1].base + iov[n - 1].length == base) {
			iov[n - 1].length += length;
		} else {
			if (n == cmd->iov_max)
				break;
			iov[n].base = base;
			iov[n].length = length;
			n++;
		}
		bytes += length;
	}
	cmd->io.host.iov_count = n;
	cmd->piece = bytes;
}

static void cmd_free_iov(struct rump_disk_cmd *cmd)
{
	if (cmd->io.host.iov != cmd->inline_iov)
		kfree(cmd->io.host.iov);
	cmd->io.host.iov = NULL;
}

static blk_status_t cmd_status(long result)
{
	if (result >= 0)
		return BLK_STS_OK;
	if (result == -EDQUOT || result == -EFBIG)
		return BLK_STS_NOSPC;
	return errno_to_blk_status(result);
}

static void cmd_complete(struct rump_io *io)
{
	struct rump_disk_cmd *cmd = container_of(io, struct rump_disk_cmd, io);
	struct request *rq = blk_mq_rq_from_pdu(cmd);
	bool is_data = io->host.op == RUMPUSER_IO_READ || io->host.op == RUMPUSER_IO_WRITE;

	if (is_data && io->host.result >= 0) {
		cmd->done += cmd->piece;
		if (cmd->done < blk_rq_bytes(rq)) {
			io->host.offset += cmd->piece;
			cmd_map(cmd, rq);
			rump_io_submit(io);
			return;
		}
	}
	if (is_data)
		cmd_free_iov(cmd);
	blk_mq_end_request(rq, cmd_status(io->host.result));
}

static void cmd_prepare_data(struct rump_disk_cmd *cmd, struct request *rq)
{
	unsigned int segments = blk_rq_nr_phys_segments(rq);

	cmd->io.host.iov = cmd->inline_iov;
	cmd->iov_max = INLINE_IOVS;
	if (segments > INLINE_IOVS) {
		struct rumpuser_iovec *iov;

		/* without it the request is carried out in pieces */
		iov = kmalloc_array(segments, sizeof(*iov),
				    GFP_ATOMIC | __GFP_NOWARN | __GFP_NOMEMALLOC);
		if (iov) {
			cmd->io.host.iov = iov;
			cmd->iov_max = segments;
		}
	}
	cmd->done = 0;
	cmd_map(cmd, rq);
}

static blk_status_t disk_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct request *rq = bd->rq;
	struct rump_disk_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct rump_disk *disk = hctx->queue->queuedata;
	struct rumpuser_io *host = &cmd->io.host;

	memset(host, 0, sizeof(*host));
	cmd->io.complete = cmd_complete;
	host->file = disk->file;
	host->offset = disk->begin + ((u64)blk_rq_pos(rq) << SECTOR_SHIFT);
	if (rq->cmd_flags & REQ_FUA)
		host->flags |= RUMPUSER_IO_FUA;

	switch (req_op(rq)) {
	case REQ_OP_READ:
		host->op = RUMPUSER_IO_READ;
		cmd_prepare_data(cmd, rq);
		break;
	case REQ_OP_WRITE:
		host->op = RUMPUSER_IO_WRITE;
		cmd_prepare_data(cmd, rq);
		break;
	case REQ_OP_FLUSH:
		host->op = RUMPUSER_IO_SYNC;
		break;
	case REQ_OP_DISCARD:
		host->op = RUMPUSER_IO_DISCARD;
		host->length = blk_rq_bytes(rq);
		break;
	case REQ_OP_WRITE_ZEROES:
		/* a hole in a regular file reads as zeroes and costs no space */
		host->op = RUMPUSER_IO_ZERO;
		if (disk->is_regular && !(rq->cmd_flags & (REQ_NOUNMAP | REQ_FUA)))
			host->op = RUMPUSER_IO_DISCARD;
		host->length = blk_rq_bytes(rq);
		break;
	default:
		return BLK_STS_NOTSUPP;
	}

	blk_mq_start_request(rq);
	rump_io_submit(&cmd->io);
	return BLK_STS_OK;
}

static enum blk_eh_timer_return disk_timeout(struct request *rq)
{
	return BLK_EH_RESET_TIMER;
}

static const struct blk_mq_ops disk_mq_ops = {
	.queue_rq = disk_queue_rq,
	.timeout = disk_timeout,
};

static int disk_open(struct gendisk *gd, blk_mode_t mode)
{
	struct rump_disk *disk = gd->private_data;

	return disk->dying ? -ENXIO : 0;
}

/* The last of sysfs, udev-like readers and us lets go of the disk. */
static void disk_free(struct gendisk *gd)
{
	struct rump_disk *disk = gd->private_data;

	ida_free(&disk_ida, disk->index);
	kfree(disk->hostpath);
	kfree(disk);
}

static int disk_getgeo(struct block_device *bdev, struct hd_geometry *geo)
{
	geo->heads = 64;
	geo->sectors = 32;
	geo->cylinders = min_t(sector_t, get_capacity(bdev->bd_disk) >> 11, U16_MAX);
	geo->start = get_start_sect(bdev);
	return 0;
}

static const struct block_device_operations disk_fops = {
	.owner = THIS_MODULE,
	.open = disk_open,
	.getgeo = disk_getgeo,
	.free_disk = disk_free,
};

static ssize_t host_path_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct rump_disk *disk = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%s\n", disk->hostpath);
}
static DEVICE_ATTR_RO(host_path);

static struct attribute *disk_attrs[] = {
	&dev_attr_host_path.attr,
	NULL,
};
ATTRIBUTE_GROUPS(disk);

/* rda ... rdz, rdaa ...: the letters are a number to base 26 without a zero */
static void disk_name(char *name, size_t size, int index)
{
	char letters[8];
	char *p = letters + sizeof(letters) - 1;

	*p = '\0';
	do {
		*--p = 'a' + index % 26;
		index = index / 26 - 1;
	} while (index >= 0);
	snprintf(name, size, "rd%s", p);
}

static long host_open(const char *path, unsigned int flags, struct rumpuser_file_info *info)
{
	struct rump_io *io = kzalloc(sizeof(*io), GFP_KERNEL);
	long file;

	if (!io)
		return -ENOMEM;
	io->host.op = RUMPUSER_IO_OPEN;
	io->host.path = path;
	io->host.open_flags = flags;
	io->host.info = info;
	file = rump_io_wait(io);
	kfree(io);
	return file;
}

static void host_file_op(int file, enum rumpuser_io_op op)
{
	struct rump_io *io = kzalloc(sizeof(*io), GFP_KERNEL | __GFP_NOFAIL);

	io->host.op = op;
	io->host.file = file;
	rump_io_wait(io);
	kfree(io);
}

/* Checks the wish against the file; fills in what was left open. */
static int disk_window(const struct rump_disk_spec *spec, const struct rumpuser_file_info *info,
		       u64 *ret_bytes, unsigned int *ret_sector, char *why, size_t why_size)
{
	unsigned int sector = spec->sector ?: max(info->block_size, 512u);
	u64 bytes;

	if (!S_ISREG(info->mode) && !S_ISBLK(info->mode)) {
		snprintf(why, why_size, "%s: neither a regular file nor a block device",
			 spec->hostpath);
		return -ENOTBLK;
	}
	if (sector < 512 || sector > PAGE_SIZE || !is_power_of_2(sector)) {
		snprintf(why, why_size,
			 "%s: a sector size of %u does not work (512, 1024, 2048 or 4096)",
			 spec->hostpath, sector);
		return -EINVAL;
	}
	if (!info->size) {
		snprintf(why, why_size, "%s: empty image", spec->hostpath);
		return -EINVAL;
	}
	if (spec->begin >= info->size) {
		snprintf(why, why_size, "%s: the window begins at %llu, the file ends at %llu",
			 spec->hostpath, spec->begin, info->size);
		return -EINVAL;
	}
	bytes = info->size - spec->begin;
	if (spec->size != RUMP_DISK_TO_END) {
		if (spec->size > bytes) {
			snprintf(why, why_size,
				 "%s: the window ends at %llu, the file at %llu",
				 spec->hostpath, spec->begin + spec->size, info->size);
			return -EINVAL;
		}
		bytes = spec->size;
	}
	bytes = round_down(bytes, sector);
	if (!bytes) {
		snprintf(why, why_size, "%s: shorter than one sector of %u bytes",
			 spec->hostpath, sector);
		return -EINVAL;
	}
	*ret_bytes = bytes;
	*ret_sector = sector;
	return 0;
}

static int disk_register(struct rump_disk *disk, u64 bytes, unsigned int sector,
			 bool can_discard, bool readonly)
{
	struct queue_limits lim = {
		.features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA,
		.logical_block_size = sector,
		.physical_block_size = HOST_BLOCK,
		.max_hw_sectors = MAX_BYTES >> SECTOR_SHIFT,
		.max_segments = MAX_SEGMENTS,
		.max_segment_size = UINT_MAX,
		.dma_alignment = 3,
		.max_write_zeroes_sectors = UINT_MAX >> SECTOR_SHIFT,
	};
	int error;

	if (can_discard) {
		lim.discard_granularity = HOST_BLOCK;
		lim.max_hw_discard_sectors = UINT_MAX >> SECTOR_SHIFT;
	}

	disk->tags.ops = &disk_mq_ops;
	disk->tags.nr_hw_queues = num_online_cpus();
	disk->tags.queue_depth = QUEUE_DEPTH;
	disk->tags.numa_node = NUMA_NO_NODE;
	disk->tags.cmd_size = sizeof(struct rump_disk_cmd);
	disk->tags.flags = BLK_MQ_F_SHOULD_MERGE;
	error = blk_mq_alloc_tag_set(&disk->tags);
	if (error)
		return error;

	disk->gd = blk_mq_alloc_disk(&disk->tags, &lim, disk);
	if (IS_ERR(disk->gd)) {
		error = PTR_ERR(disk->gd);
		disk->gd = NULL;
		goto free_tags;
	}
	disk->gd->fops = &disk_fops;
	disk->gd->private_data = disk;
	disk_name(disk->gd->disk_name, sizeof(disk->gd->disk_name), disk->index);
	set_capacity(disk->gd, bytes >> SECTOR_SHIFT);
	if (readonly)
		set_disk_ro(disk->gd, true);
	error = device_add_disk(NULL, disk->gd, disk_groups);
	if (!error)
		return 0;
	/* it was never added: disk_free() is not called */
	put_disk(disk->gd);
	disk->gd = NULL;
free_tags:
	blk_mq_free_tag_set(&disk->tags);
	return error;
}

struct rump_disk *rump_disk_add(const struct rump_disk_spec *spec, char *why, size_t why_size)
{
	struct rumpuser_file_info *info;
	struct rump_disk *disk;
	unsigned int flags = RUMPUSER_OPEN_READ, sector;
	u64 bytes;
	long error = -ENOMEM;

	/* none of these may lie on the stack: another host thread fills them */
	info = kzalloc(sizeof(*info), GFP_KERNEL);
	disk = kzalloc(sizeof(*disk), GFP_KERNEL);
	if (!info || !disk)
		goto free;
	disk->index = -1;
	disk->hostpath = kstrdup(spec->hostpath, GFP_KERNEL);
	if (!disk->hostpath)
		goto free;

	if (!spec->readonly)
		flags |= RUMPUSER_OPEN_WRITE | RUMPUSER_OPEN_TRY_WRITE | RUMPUSER_OPEN_LOCK;
	error = host_open(disk->hostpath, flags, info);
	if (error < 0) {
		if (error == -EBUSY && info->lock_owner > 0)
			snprintf(why, why_size, "%s: in use by another kernel (locked by pid %d)",
				 spec->hostpath, info->lock_owner);
		else if (error == -EBUSY)
			snprintf(why, why_size, "%s: in use by another kernel, or mounted",
				 spec->hostpath);
		else
			rump_fail(why, why_size, error, "%s", spec->hostpath);
		goto free;
	}
	disk->file = error;
	disk->begin = spec->begin;
	disk->is_regular = S_ISREG(info->mode);

	error = disk_window(spec, info, &bytes, &sector, why, why_size);
	if (error)
		goto close;
	error = ida_alloc(&disk_ida, GFP_KERNEL);
	if (error < 0)
		goto close;
	disk->index = error;

	/* a device discards whole sectors of its own */
	if (S_ISBLK(info->mode) && spec->begin % info->block_size)
		info->can_discard = false;
	error = disk_register(disk, bytes, sector, info->can_discard && !info->is_readonly,
			      spec->readonly || info->is_readonly);
	if (error) {
		rump_fail(why, why_size, error, "%s: the disk cannot be added", spec->hostpath);
		goto close;
	}
	kfree(info);
	return disk;

close:
	host_file_op(disk->file, RUMPUSER_IO_CLOSE);
free:
	if (error == -ENOMEM)
		rump_fail(why, why_size, error, "%s", spec->hostpath);
	if (disk) {
		if (disk->index >= 0)
			ida_free(&disk_ida, disk->index);
		kfree(disk->hostpath);
		kfree(disk);
	}
	kfree(info);
	return ERR_PTR(error);
}

int rump_disk_remove(struct rump_disk *disk)
{
	struct gendisk *gd = disk->gd;
	int file = disk->file;

	/* opens of partitions count for the whole disk */
	mutex_lock(&gd->open_mutex);
	if (disk_openers(gd)) {
		mutex_unlock(&gd->open_mutex);
		return -EBUSY;
	}
	disk->dying = true;
	mutex_unlock(&gd->open_mutex);

	del_gendisk(gd);
	blk_mq_free_tag_set(&disk->tags);
	if (!get_disk_ro(gd))
		host_file_op(file, RUMPUSER_IO_SYNC);
	host_file_op(file, RUMPUSER_IO_CLOSE);
	put_disk(gd);
	return 0;
}

dev_t rump_disk_devt(const struct rump_disk *disk)
{
	return disk_devt(disk->gd);
}

const char *rump_disk_name(const struct rump_disk *disk)
{
	return disk->gd->disk_name;
}
