/** The cTCP flows that we have begun, as the main thread keeps them: each holds a local port of its own. */
import { type Endpoint, formatEndpoint, type IpAddress } from '../core/net/address.ts';
import { close } from '../ffi/libc.ts';
import type { IkePath } from './dataplane.ts';
import { DataplaneError } from './errors.ts';
import { type HeldPort, holdPort, showPorts } from './flow-ports.ts';
import { MAX_OWN_FLOWS } from './limits.ts';
import type { WorkerSocket } from './worker-socket.ts';

interface OwnFlow {
  readonly held: HeldPort;
  readonly socket: WorkerSocket;
  /** Nobody's any more, until the worker has said its last by it. */
  isLeaving: boolean;
}

export class OwnFlows {
  readonly #flows = new Map<string, OwnFlow>();
  /** Ports where flows are awaited, which the raw sockets show as well. */
  readonly #awaited: readonly number[];
  readonly #mark: number | undefined;

  constructor(awaited: readonly number[], mark: number | undefined) {
    this.#awaited = awaited;
    this.#mark = mark;
  }

  /** Takes a free port for a flow through `socket`. */
  open(socket: WorkerSocket, local: IpAddress, remote: Endpoint): IkePath {
    if (this.#flows.size === MAX_OWN_FLOWS)
      throw new DataplaneError('too-many-flows', `all ${MAX_OWN_FLOWS} flows are open already`);
    const held = holdPort(local, 0, this.#mark);
    const path: IkePath = { carrier: 'cisco-tcp', local: { address: local, port: held.port }, remote };
    this.#flows.set(keyOf(path), { held, socket, isLeaving: false });
    this.#show(socket);
    return path;
  }

  has(path: IkePath): boolean {
    return this.#flows.get(keyOf(path))?.isLeaving === false;
  }

  /**
   * Forgets the flow and holds its port until it is closed: from a port that is free the kernel would answer with an RST, and what we say
   * last would come to a flow that is over.
   */
  leave(path: IkePath): void {
    const flow = this.#flows.get(keyOf(path));
    if (flow) flow.isLeaving = true;
  }

  /** Gives the port back. */
  close(path: IkePath): void {
    const key = keyOf(path);
    const flow = this.#flows.get(key);
    if (!flow) return;
    this.#flows.delete(key);
    this.#show(flow.socket);
    close(flow.held.fd);
  }

  closeAll(): void {
    for (const { held } of this.#flows.values()) close(held.fd);
    this.#flows.clear();
  }

  #show(socket: WorkerSocket): void {
    const own = [...this.#flows.values()].filter((one) => one.socket === socket).map(({ held }) => held.port);
    showPorts(socket.fd, socket.family, [...this.#awaited, ...own]);
  }
}

function keyOf({ local, remote }: IkePath): string {
  return `${formatEndpoint(local)} ${formatEndpoint(remote)}`;
}
