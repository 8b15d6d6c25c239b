#include "textflag.h"

// func entry()
TEXT ·entry(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ 0(SP), R12       // argc
	LEAQ -64(SP), R13     // 24 bytes below the stack
	MOVQ $228, AX         // clock_gettime
	MOVQ $1, DI           // CLOCK_MONOTONIC
	MOVQ R13, SI
	SYSCALL
	MOVQ $39, AX          // getpid
	SYSCALL
	MOVQ AX, 16(R13)
	MOVQ $1, AX           // write
	MOVQ $1, DI
	MOVQ R13, SI
	MOVQ $24, DX
	SYSCALL
	CMPQ R12, $1
	JNE  leave
wait:
	MOVQ $271, AX         // ppoll
	XORL DI, DI
	XORL SI, SI
	XORL DX, DX
	XORL R10, R10
	SYSCALL
	JMP  wait
leave:
	MOVQ $231, AX         // exit_group
	XORL DI, DI
	SYSCALL
	INT  $3
