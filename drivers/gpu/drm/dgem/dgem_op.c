// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/log2.h>

#include <drm/dgem_drm.h>
#include <kunit/visibility.h>

#include "dgem_engine.h"
#include "dgem_op.h"

/**
 * DOC: operations
 *
 * All operations are rectangles, of which a linear range is the one with a single row, so engines
 * know of two things only: copying a rectangle, and filling one. A pattern of any size is spread to
 * eight bytes, which makes fills alike, too.
 */

/* the pattern repeats within a row, and starts again with each: it has to fit */
static int dgem_op_parse_pattern(const struct drm_dgem_op *in)
{
	u32 size = in->pattern_size;

	if (!is_power_of_2(size) || size > sizeof(in->pattern))
		return -EINVAL;
	if (size < sizeof(in->pattern) && in->pattern >> (size * BITS_PER_BYTE))
		return -EINVAL;
	if ((in->dst_offset | in->width | in->dst_pitch) & (size - 1))
		return -EINVAL;
	return 0;
}

/**
 * dgem_op_codes - the operations that dgem_op_parse() knows
 *
 * Return: bits (1 << op).
 */
u64 dgem_op_codes(void)
{
	return BIT_ULL(DRM_DGEM_OP_COPY) | BIT_ULL(DRM_DGEM_OP_COPY_2D) |
	       BIT_ULL(DRM_DGEM_OP_FILL) | BIT_ULL(DRM_DGEM_OP_FILL_2D);
}
EXPORT_SYMBOL_IF_KUNIT(dgem_op_codes);

/**
 * dgem_pattern_spread - repeat a pattern until it has eight bytes
 * @pattern: the pattern, as an integer of @size bytes
 * @size: 1, 2, 4 or 8
 *
 * Return: an integer that is stored as 8 / @size copies of the pattern.
 */
u64 dgem_pattern_spread(u64 pattern, u32 size)
{
	for (; size < sizeof(pattern); size *= 2)
		pattern |= pattern << (size * BITS_PER_BYTE);
	return pattern;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_pattern_spread);

/**
 * dgem_op_parse - look at an operation for itself, without its objects
 * @in: what user space wants
 * @op: filled in but for the objects, whose rectangles have yet to be checked against them
 *
 * Return: 0, or -EINVAL if a member is set that this operation does not use, or one that it does
 * use makes no sense.
 */
int dgem_op_parse(const struct drm_dgem_op *in, struct dgem_engine_op *op)
{
	bool fill = in->op == DRM_DGEM_OP_FILL || in->op == DRM_DGEM_OP_FILL_2D;
	bool rows = in->op == DRM_DGEM_OP_COPY_2D || in->op == DRM_DGEM_OP_FILL_2D;

	if (in->op > DRM_DGEM_OP_FILL_2D || in->flags || in->pad || in->pad2)
		return -EINVAL;
	if (!rows && (in->height || in->src_pitch || in->dst_pitch))
		return -EINVAL;
	if (fill ? in->src || in->src_offset || in->src_pitch : in->pattern || in->pattern_size)
		return -EINVAL;
	if (fill && dgem_op_parse_pattern(in))
		return -EINVAL;

	op->dst_rect = (struct dgem_rect){
		.offset = in->dst_offset,
		.width = in->width,
		.pitch = rows ? in->dst_pitch : in->width,
		.height = rows ? in->height : 1,
	};
	op->src_rect = op->dst_rect;
	op->pattern_size = in->pattern_size;
	op->pattern = 0;
	if (fill) {
		op->pattern = dgem_pattern_spread(in->pattern, in->pattern_size);
	} else {
		op->src_rect.offset = in->src_offset;
		op->src_rect.pitch = rows ? in->src_pitch : in->width;
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(dgem_op_parse);
