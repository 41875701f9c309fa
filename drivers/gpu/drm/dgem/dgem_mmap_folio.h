/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) 2026 The dgem authors
 */
#ifndef _DGEM_MMAP_FOLIO_H_
#define _DGEM_MMAP_FOLIO_H_

#include <linux/mm_types.h>

vm_fault_t dgem_folio_fault(struct vm_fault *vmf);
vm_fault_t dgem_folio_huge_fault(struct vm_fault *vmf, unsigned int order);

#endif
