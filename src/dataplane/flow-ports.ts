/**
 * TCP ports that belong to cTCP. A raw socket sees their segments by a filter of its own; a listening socket that drops all
 * that comes holds each port, so that the kernel answers neither with its own SYN-ACK nor with an RST.
 */
import type { IpAddress } from '../core/net/address.ts';
import { Errno, SystemCallError, succeed } from '../ffi/errno.ts';
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  IPV6_V6ONLY,
  listen,
  SO_MARK,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IPV6,
  SOL_SOCKET,
  socket,
} from '../ffi/libc.ts';
import { lastErrno } from '../ffi/library.ts';
import { DataplaneError } from './errors.ts';
import {
  ALL,
  attachFilter,
  dropAll,
  type Instruction,
  JUMP_IF_EQUAL,
  LOAD_HALF,
  LOAD_HALF_INDIRECT,
  LOAD_IP_HEADER_LENGTH,
  RETURN,
} from './packet-filter.ts';
import { portOf, setOption, sockaddr } from './socket-options.ts';

const DESTINATION_PORT = 2;

/** The raw socket `fd` sees segments to these ports alone; to none: nothing. */
export function showPorts(fd: number, family: number, ports: readonly number[]): void {
  attachFilter(fd, portFilter(family, ports));
}

/** A raw IPv4 socket's filter begins at the IP header, a raw IPv6 socket's at the TCP header. */
function portFilter(family: number, ports: readonly number[]): Instruction[] {
  const load: Instruction[] =
    family === AF_INET
      ? [
          [LOAD_IP_HEADER_LENGTH, 0, 0, 0],
          [LOAD_HALF_INDIRECT, 0, 0, DESTINATION_PORT],
        ]
      : [[LOAD_HALF, 0, 0, DESTINATION_PORT]];
  // each jumps over the remaining comparisons and the refusal
  const tests = ports.map((port, i): Instruction => [JUMP_IF_EQUAL, ports.length - i, 0, port]);
  return [...load, ...tests, [RETURN, 0, 0, 0], [RETURN, 0, 0, ALL]];
}

export interface HeldPort {
  readonly fd: number;
  readonly port: number;
}

/** Holds a TCP port on `address`. @param wanted 0: any that is free */
export function holdPort(address: IpAddress, wanted: number, mark: number | undefined): HeldPort {
  const family = address.bytes.length === 4 ? AF_INET : AF_INET6;
  const fd = succeed(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket');
  try {
    if (family === AF_INET6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    if (mark !== undefined) setOption(fd, SOL_SOCKET, SO_MARK, mark);
    dropAll(fd);
    const name = sockaddr(address, wanted);
    if (bind(fd, name.address, name.bytes.length) < 0) throw new SystemCallError('bind', lastErrno());
    succeed(listen(fd, 1), 'listen');
    return { fd, port: portOf(fd, name) };
  } catch (error) {
    close(fd);
    if (!(error instanceof SystemCallError)) throw error;
    throw holdError(error, address, wanted);
  }
}

function holdError(error: SystemCallError, address: IpAddress, port: number): DataplaneError {
  const what = `TCP port ${port} on ${address.text} (cisco-tcp)`;
  if (error.errno === Errno.EADDRINUSE)
    return new DataplaneError('port-in-use', `${what} is taken: take another, or end what 'ss -lntp' names`, error);
  if (error.errno === Errno.EACCES)
    return new DataplaneError('not-permitted', `${what}: ports below 1024 need root or CAP_NET_BIND_SERVICE`, error);
  if (error.errno === Errno.EADDRNOTAVAIL)
    return new DataplaneError('address-not-here', `${what}: this host doesn't have the address`, error);
  return new DataplaneError('socket-failed', `${what}: ${error.message}`, error);
}
