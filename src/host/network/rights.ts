/** Whether this process may do what a client does: raw sockets, marks, a TUN device, routes. */
import { readFileSync } from 'node:fs';
import { HostError } from '../errors.ts';

/** capabilities(7) */
const CAP_NET_ADMIN = 12n;
const CAP_NET_RAW = 13n;

/** Throws {@link HostError} `RIGHTS`. */
export function expectClientRights(status = readFileSync('/proc/self/status', 'utf8')): void {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if ([CAP_NET_ADMIN, CAP_NET_RAW].every((one) => (effective >> one) & 1n)) return;
  throw new HostError(
    'RIGHTS',
    'connecting needs the rights of root, for its sockets, the TUN device and routes: run it with sudo; in a container give it NET_ADMIN and NET_RAW',
  );
}
