/** What the kernel dropped in the queues before us: a worker that is too slow loses packets where it doesn't see them. */
import { readFileSync } from 'node:fs';
import { Block } from '../ffi/block.ts';
import { getsockopt, SOL_SOCKET } from '../ffi/libc.ts';
import type { HeldPort } from './flow-ports.ts';
import type { WorkerSocket } from './worker-socket.ts';

/** linux/sock_diag.h: an array of 32-bit words, of which the ninth counts the packets that the socket had no room for. */
const SO_MEMINFO = 55;
const MEMINFO_SIZE = 36;
const MEMINFO_DROPS = 32;

export interface KernelDrops {
  /** Packets from outside that found a socket's buffer full. */
  readonly drop_socket_full: number;
  /** Frames for the tunnels that found the TUN's queue full. */
  readonly drop_tun_queue_full: number;
  /** What came to UDP 1701 outside of ESP. */
  readonly drop_l2tp_clear: number;
}

/** Zero where the kernel doesn't tell. @param clearL2tp the sockets that take L2TP in clear for nobody */
export function kernelDrops(
  sockets: readonly WorkerSocket[],
  tun: string,
  clearL2tp: readonly HeldPort[] = [],
): KernelDrops {
  return {
    drop_socket_full: sumOfDrops(sockets),
    drop_tun_queue_full: tunDrops(tun),
    drop_l2tp_clear: sumOfDrops(clearL2tp),
  };
}

function sumOfDrops(sockets: readonly { readonly fd: number }[]): number {
  return sockets.reduce((sum, { fd }) => sum + socketDrops(fd), 0);
}

function socketDrops(fd: number): number {
  const block = new Block(MEMINFO_SIZE + 8);
  const length = block.address + MEMINFO_SIZE;
  block.view.setUint32(MEMINFO_SIZE, MEMINFO_SIZE, true);
  const known = getsockopt(fd, SOL_SOCKET, SO_MEMINFO, block.address, length) === 0;
  return known ? block.view.getUint32(MEMINFO_DROPS, true) : 0;
}

function tunDrops(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/statistics/tx_dropped`, 'ascii')) || 0;
  } catch {
    return 0;
  }
}
