#include "textflag.h"

// The child below shares the memory of a running Go program. Rules: no stack,
// no call, no Go symbol; writes only to fail and to the buffer of op "decimal".
// It needs only registers, which SYSCALL keeps except AX, CX and R11.

// func vforkExec(flags uintptr, pidfd *int32, ops *op, fail *failure) (pid int)
TEXT ·vforkExec(SB), NOSPLIT|NOFRAME, $0-40
	MOVQ flags+0(FP), DI
	MOVQ $0, SI
	MOVQ pidfd+8(FP), DX
	MOVQ $0, R10
	MOVQ $0, R8
	MOVQ $0, R9
	MOVQ ops+16(FP), R12
	MOVQ fail+24(FP), R13
	MOVQ $56, AX               // clone
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, pid+32(FP)
	RET

child:
	XORQ BX, BX                // BX: index of the op, R12: the op
walk:
	MOVQ 0(R12), AX
	MOVQ 8(R12), DI
	MOVQ 16(R12), SI
	MOVQ 24(R12), DX
	MOVQ 32(R12), R10
	MOVQ 40(R12), R8
	MOVQ 48(R12), R9
	SYSCALL
	MOVQ 56(R12), CX           // kind
	CMPQ CX, $2
	JEQ  decimal
	CMPQ CX, $3
	JEQ  equal
	CMPQ CX, $0                // may
	JEQ  next
	CMPQ AX, $0xfffffffffffff001
	JCC  failed
next:
	ADDQ $64, R12
	INCQ BX
	JMP  walk

equal:
	CMPQ AX, 48(R12)
	JEQ  next
	MOVQ $-3, AX               // ESRCH
failed:
	NEGQ AX
	MOVQ BX, 0(R13)
	MOVQ AX, 8(R13)
exit:
	MOVQ $231, AX              // exit_group
	MOVQ $127, DI
	SYSCALL
	JMP  exit

decimal:                       // AX: number, R8: where to, R9: end of scratch
	MOVQ $10, CX
digit:
	XORQ DX, DX
	DIVQ CX
	ADDQ $48, DX               // '0'
	DECQ R9
	MOVB DX, (R9)
	TESTQ AX, AX
	JNE  digit
copy:
	MOVB (R9), AX
	MOVB AX, (R8)
	INCQ R9
	INCQ R8
	TESTB AX, AX
	JNE  copy
	JMP  next
