/** What the main thread hands to the worker when it starts. */
import type { WorkerSocket } from './worker-socket.ts';

export interface WorkerData {
  readonly shared: SharedArrayBuffer;
  readonly doorbell: number;
  readonly tun: { readonly fd: number; readonly offload: boolean };
  readonly sockets: readonly WorkerSocket[];
  /** Where cTCP flows are accepted. */
  readonly flowPorts: readonly number[];
  readonly clientToClient: boolean;
  /** Sends the one-byte keepalive of RFC 3948 on idle NAT-T and Cisco UDP paths: for whoever sits behind the NAT. */
  readonly keepalive: boolean;
  /** SO_MARK of all sockets; undefined: none. */
  readonly mark: number | undefined;
  /** process.hrtime() at performance.now() = 0 of the main thread, milliseconds. */
  readonly clockOrigin: number;
}
