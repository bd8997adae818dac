/**
 * UDP 1701, where nobody is heard: L2TP outside of IPsec. The port is held by sockets whose filter drops all that comes, so
 * that no other program answers there, and the kernel counts it without waking anybody.
 */
import type { IpAddress } from '../core/net/address.ts';
import { Errno, SystemCallError, succeed } from '../ffi/errno.ts';
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  IPV6_V6ONLY,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_IPV6,
  socket,
} from '../ffi/libc.ts';
import { lastErrno } from '../ffi/library.ts';
import type { DataplaneOptions } from './dataplane.ts';
import { DataplaneError } from './errors.ts';
import type { HeldPort } from './flow-ports.ts';
import { dropAll } from './packet-filter.ts';
import { ALL_ADDRESSES, setOption, sockaddr } from './socket-options.ts';

/** Empty where another program has the port: its packets are no business of ours. */
export function holdClearL2tp({
  listen,
  clearL2tpPort,
}: Pick<DataplaneOptions, 'listen' | 'clearL2tpPort'>): HeldPort[] {
  if (clearL2tpPort === undefined) return [];
  const held: HeldPort[] = [];
  try {
    for (const address of listen ?? ALL_ADDRESSES) {
      const fd = hold(address, clearL2tpPort, listen === undefined);
      if (fd !== undefined) held.push({ fd, port: clearL2tpPort });
    }
    return held;
  } catch (error) {
    for (const { fd } of held) close(fd);
    if (!(error instanceof SystemCallError)) throw error;
    if (error.errno === Errno.EADDRINUSE) return [];
    throw new DataplaneError('socket-failed', `UDP port ${clearL2tpPort} (L2TP in clear): ${error.message}`, error);
  }
}

/** Undefined when the system has no IPv6 and nobody asked for it. */
function hold(address: IpAddress, port: number, all: boolean): number | undefined {
  const family = address.bytes.length === 4 ? AF_INET : AF_INET6;
  const spared = all && family === AF_INET6;
  const fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 && spared && lastErrno() === Errno.EAFNOSUPPORT) return undefined;
  succeed(fd, 'socket');
  try {
    if (family === AF_INET6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    dropAll(fd);
    const name = sockaddr(address, port);
    succeed(bind(fd, name.address, name.bytes.length), 'bind');
    return fd;
  } catch (error) {
    close(fd);
    if (spared && error instanceof SystemCallError && error.errno === Errno.EADDRNOTAVAIL) return undefined;
    throw error;
  }
}
