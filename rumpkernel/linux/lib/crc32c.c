// SPDX-License-Identifier: GPL-2.0-only
/*
 * crc32c by the processor's own instruction.
 *
 * ext4, jbd2 and btrfs sum every block of metadata; with the tables of the
 * portable code that was 40 % of creating and removing files.  The instruction
 * has a latency of 3 cycles and could start one each cycle, so long runs are
 * summed as three that do not depend on each other and joined: what zero bytes
 * make of a sum is linear in its bits, hence a table for each of its four bytes.
 * General registers only.
 */
#include <crypto/internal/hash.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/unaligned.h>

/* bytes of each of three runs; blocks of 1 and 4 KiB come out well */
#define RUN	336

struct seed {
	u32 crc;
};

/* what RUN zero bytes make of a sum, by each byte of it */
static u32 after_run[4][256];

static __always_inline u32 sum_long(u32 crc, u64 data)
{
	u64 wide = crc;

	asm("crc32q %1, %0" : "+r" (wide) : "rm" (data));
	return wide;
}

static __always_inline u32 sum_byte(u32 crc, u8 data)
{
	asm("crc32b %1, %0" : "+r" (crc) : "rm" (data));
	return crc;
}

static __always_inline u32 skip_run(u32 crc)
{
	return after_run[0][(u8)crc] ^ after_run[1][(u8)(crc >> 8)] ^
	       after_run[2][(u8)(crc >> 16)] ^ after_run[3][crc >> 24];
}

static u32 sum(u32 crc, const u8 *data, unsigned int length)
{
	unsigned int i;

	for (; length >= 3 * RUN; data += 3 * RUN, length -= 3 * RUN) {
		u32 second = 0, third = 0;

		for (i = 0; i < RUN; i += 8) {
			crc = sum_long(crc, get_unaligned((const u64 *)(data + i)));
			second = sum_long(second, get_unaligned((const u64 *)(data + RUN + i)));
			third = sum_long(third, get_unaligned((const u64 *)(data + 2 * RUN + i)));
		}
		crc = skip_run(skip_run(crc) ^ second) ^ third;
	}
	for (; length >= 8; data += 8, length -= 8)
		crc = sum_long(crc, get_unaligned((const u64 *)data));
	for (; length; data++, length--)
		crc = sum_byte(crc, *data);
	return crc;
}

static void __init make_table(void)
{
	unsigned int byte, value, i;

	BUILD_BUG_ON(RUN % 8);
	for (byte = 0; byte < 4; byte++) {
		u32 *table = after_run[byte];

		for (value = 1; value < 256; value++) {
			unsigned int rest = value & (value - 1);
			u32 crc = value << (8 * byte);

			if (rest) {
				table[value] = table[rest] ^ table[value ^ rest];
				continue;
			}
			for (i = 0; i < RUN; i += 8)
				crc = sum_long(crc, 0);
			table[value] = crc;
		}
	}
}

/* ---- as a "crc32c" of the crypto layer ---- */

static int init_tfm(struct crypto_tfm *tfm)
{
	struct seed *seed = crypto_tfm_ctx(tfm);

	seed->crc = ~0;
	return 0;
}

static int set_key(struct crypto_shash *tfm, const u8 *key, unsigned int length)
{
	struct seed *seed = crypto_shash_ctx(tfm);

	if (length != sizeof(u32))
		return -EINVAL;
	seed->crc = get_unaligned_le32(key);
	return 0;
}

static int begin(struct shash_desc *desc)
{
	const struct seed *seed = crypto_shash_ctx(desc->tfm);

	*(u32 *)shash_desc_ctx(desc) = seed->crc;
	return 0;
}

static int update(struct shash_desc *desc, const u8 *data, unsigned int length)
{
	u32 *crc = shash_desc_ctx(desc);

	*crc = sum(*crc, data, length);
	return 0;
}

static int final(struct shash_desc *desc, u8 *out)
{
	put_unaligned_le32(~*(u32 *)shash_desc_ctx(desc), out);
	return 0;
}

static int finup(struct shash_desc *desc, const u8 *data, unsigned int length, u8 *out)
{
	put_unaligned_le32(~sum(*(u32 *)shash_desc_ctx(desc), data, length), out);
	return 0;
}

static int digest(struct shash_desc *desc, const u8 *data, unsigned int length, u8 *out)
{
	const struct seed *seed = crypto_shash_ctx(desc->tfm);

	put_unaligned_le32(~sum(seed->crc, data, length), out);
	return 0;
}

static struct shash_alg algorithm = {
	.setkey = set_key,
	.init = begin,
	.update = update,
	.final = final,
	.finup = finup,
	.digest = digest,
	.descsize = sizeof(u32),
	.digestsize = sizeof(u32),
	.base = {
		.cra_name = "crc32c",
		.cra_driver_name = "crc32c-rump",
		.cra_priority = 200,	/* above crc32c-generic */
		.cra_flags = CRYPTO_ALG_OPTIONAL_KEY,
		.cra_blocksize = 1,
		.cra_ctxsize = sizeof(struct seed),
		.cra_init = init_tfm,
		.cra_module = THIS_MODULE,
	},
};

static bool has_instruction(void)
{
	u32 a = 1, b, c = 0, d;

	asm volatile("cpuid" : "+a" (a), "=b" (b), "+c" (c), "=d" (d));
	return c & BIT(20);	/* SSE4.2 */
}

static int __init crc32c_init(void)
{
	if (!has_instruction())
		return 0;
	make_table();
	return crypto_register_shash(&algorithm);
}
/* before the file systems ask for one */
subsys_initcall(crc32c_init);

MODULE_DESCRIPTION("crc32c by the processor's instruction");
MODULE_LICENSE("GPL");
