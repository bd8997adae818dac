/** Small things that opening any socket takes: addresses in C's form, options, the port that it got. */
import { type IpAddress, parseIp } from '../core/net/address.ts';
import { Block } from '../ffi/block.ts';
import { SystemCallError, succeed } from '../ffi/errno.ts';
import { AF_INET, AF_INET6, getsockname, setsockopt } from '../ffi/libc.ts';
import { lastErrno } from '../ffi/library.ts';
import { Sockaddr } from '../ffi/structs.ts';

/** What listening on all addresses means: of both families. */
export const ALL_ADDRESSES: readonly IpAddress[] = [parseIp('0.0.0.0')!, parseIp('::')!];

export function sockaddr(address: IpAddress, port: number): Block {
  const v4 = address.bytes.length === 4;
  const block = new Block(v4 ? Sockaddr.v4Size : Sockaddr.v6Size);
  block.view.setUint16(Sockaddr.family, v4 ? AF_INET : AF_INET6, true);
  block.view.setUint16(Sockaddr.port, port);
  block.bytes.set(address.bytes, v4 ? Sockaddr.v4Address : Sockaddr.v6Address);
  return block;
}

/** Overwrites `name`, which is as long as the socket's addresses are. */
export function portOf(fd: number, name: Block): number {
  const length = new Block(8);
  length.view.setUint32(0, name.bytes.length, true);
  succeed(getsockname(fd, name.address, length.address), 'getsockname');
  return name.view.getUint16(Sockaddr.port);
}

export function setOption(fd: number, level: number, option: number, value: number): void {
  if (!tryOption(fd, level, option, value)) throw new SystemCallError(`setsockopt ${level}/${option}`, lastErrno());
}

export function tryOption(fd: number, level: number, option: number, value: number): boolean {
  const block = new Block(8);
  block.view.setInt32(0, value, true);
  return setsockopt(fd, level, option, block.address, 4) === 0;
}
