/** Filters in the kernel, by classic BPF: linux/bpf_common.h and linux/filter.h. */
import { Block } from '../ffi/block.ts';
import { succeed } from '../ffi/errno.ts';
import { SO_ATTACH_FILTER, SOL_SOCKET, setsockopt } from '../ffi/libc.ts';
import { SockFilter, SockFprog } from '../ffi/structs.ts';

/** Jumps skip that many instructions. */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

export const LOAD_IP_HEADER_LENGTH = 0xb1;
export const LOAD_HALF_INDIRECT = 0x48;
export const LOAD_HALF = 0x28;
export const LOAD_WORD = 0x20;
export const JUMP_IF_EQUAL = 0x15;
export const RETURN = 0x06;
/** What to return to let a packet in, whole; 0 drops it. */
export const ALL = 0xffff_ffff;

/** Nothing that comes is for whoever has the socket `fd`. */
export function dropAll(fd: number): void {
  attachFilter(fd, [[RETURN, 0, 0, 0]]);
}

export function attachFilter(fd: number, program: readonly Instruction[]): void {
  const instructions = new Block(program.length * SockFilter.size);
  for (const [i, [code, ifTrue, ifFalse, operand]] of program.entries()) {
    const at = i * SockFilter.size;
    instructions.view.setUint16(at + SockFilter.code, code, true);
    instructions.view.setUint8(at + SockFilter.jt, ifTrue);
    instructions.view.setUint8(at + SockFilter.jf, ifFalse);
    instructions.view.setUint32(at + SockFilter.k, operand, true);
  }
  const head = new Block(SockFprog.size);
  head.view.setUint16(SockFprog.length, program.length, true);
  head.setPointer(SockFprog.filter, instructions.address);
  succeed(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, head.address, SockFprog.size), 'SO_ATTACH_FILTER');
}
