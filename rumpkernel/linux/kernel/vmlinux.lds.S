/* SPDX-License-Identifier: GPL-2.0-only */
/* vmlinux as a shared object, at the address that all processes agree on. */
#include <linux/compiler_types.h>
#include <asm-generic/vmlinux.lds.h>
#include <asm/cache.h>
#include <asm/layout.h>
#include <asm/page.h>
#include <asm/thread_info.h>

OUTPUT_FORMAT("elf64-x86-64", "elf64-x86-64", "elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
jiffies = jiffies_64;

PHDRS
{
	text PT_LOAD FLAGS(5) FILEHDR PHDRS;
	data PT_LOAD FLAGS(6);
	dynamic PT_DYNAMIC FLAGS(6);
	note PT_NOTE FLAGS(4);
	stack PT_GNU_STACK FLAGS(6);
}

SECTIONS
{
	. = IMAGE_BASE + SIZEOF_HEADERS;
	_text = .;
	_stext = .;
	.hash : { *(.hash) } :text
	.gnu.hash : { *(.gnu.hash) } :text
	.dynsym : { *(.dynsym) } :text
	.dynstr : { *(.dynstr) } :text
	.gnu.version : { *(.gnu.version) } :text
	.gnu.version_d : { *(.gnu.version_d) } :text
	.gnu.version_r : { *(.gnu.version_r) } :text
	.rela.plt : { *(.rela.plt) } :text
	.rela.dyn : {
		rump_relocations = .;
		*(.rela.dyn) *(.rela.text*) *(.rela.data*) *(.rela*)
		rump_relocations_end = .;
	} :text

	. = ALIGN(PAGE_SIZE);
	.text : {
		HEAD_TEXT
		TEXT_TEXT
		IRQENTRY_TEXT
		SOFTIRQENTRY_TEXT
		SCHED_TEXT
		LOCK_TEXT
		KPROBES_TEXT
		ENTRY_TEXT
		*(.fixup)
		*(.plt) *(.plt.*) *(.iplt)
	} :text
	_etext = .;

	. = ALIGN(PAGE_SIZE);
	__init_begin = .;
	INIT_TEXT_SECTION(PAGE_SIZE) :text
	.exit.text : { EXIT_TEXT } :text

	. = ALIGN(PAGE_SIZE);
	_sdata = .;
	INIT_DATA_SECTION(16) :data
	.exit.data : { EXIT_DATA } :data
	PERCPU_SECTION(L1_CACHE_BYTES)
	. = ALIGN(PAGE_SIZE);
	__init_end = .;

	RO_DATA(PAGE_SIZE)
	.dynamic : { *(.dynamic) } :data :dynamic
	.got : { *(.got) *(.got.plt) *(.igot) *(.igot.plt) } :data
	RW_DATA(L1_CACHE_BYTES, PAGE_SIZE, THREAD_SIZE)
	. = ALIGN(PAGE_SIZE);
	/* stays private to a process when the rest of the data is shared */
	.data..process_private : {
		*(.data..process_private)
		. = ALIGN(PAGE_SIZE);
	} :data
	EXCEPTION_TABLE(16)
	_edata = .;
	BSS_SECTION(PAGE_SIZE, PAGE_SIZE, PAGE_SIZE)
	. = ALIGN(PAGE_SIZE);
	_end = .;

	STABS_DEBUG
	DWARF_DEBUG
	ELF_DETAILS
	DISCARDS
}
