/** Opening the dataplane: descriptors first, so that what is missing is an error at once; then the worker that owns them. */
import { Worker } from 'node:worker_threads';
import { succeed } from '../ffi/errno.ts';
import { close, EFD_CLOEXEC, EFD_NONBLOCK, eventfd } from '../ffi/libc.ts';
import { holdClearL2tp } from './clear-l2tp.ts';
import type { Dataplane, DataplaneEvents, DataplaneOptions, LocalPorts } from './dataplane.ts';
import { DataplaneError } from './errors.ts';
import type { HeldPort } from './flow-ports.ts';
import { DataplaneHandle } from './handle.ts';
import { kernelDrops } from './kernel-drops.ts';
import { OwnFlows } from './own-flows.ts';
import { Shared } from './shared.ts';
import { holdFlowPorts, openSockets } from './sockets.ts';
import { openTun } from './tun.ts';
import type { WorkerData } from './worker-data.ts';
import type { SocketRole, WorkerSocket } from './worker-socket.ts';

export { DataplaneError, type DataplaneErrorCode } from './errors.ts';
export { DEFAULT_TUN_MTU, MAX_SESSIONS } from './limits.ts';

/** Throws {@link DataplaneError}; then nothing is left open. */
export function openDataplane(options: DataplaneOptions, events: DataplaneEvents): Promise<Dataplane> {
  // Sources run as .ts, the published package as .js.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return startDataplane(options, events, new URL(`./worker.${extension}`, import.meta.url));
}

/** As openDataplane, with another worker: for measuring. */
export async function startDataplane(
  options: DataplaneOptions,
  events: DataplaneEvents,
  workerUrl: URL,
): Promise<Dataplane> {
  const fds: number[] = [];
  const release = (): void => {
    for (const fd of fds.splice(0)) close(fd);
  };
  try {
    const doorbell = succeed(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd');
    fds.push(doorbell);
    const sockets = openSockets(options);
    fds.push(...sockets.map(({ fd }) => fd));
    fds.push(...holdFlowPorts(options, sockets).map(({ fd }) => fd));
    const clearL2tp = holdClearL2tp(options);
    fds.push(...clearL2tp.map(({ fd }) => fd));
    const tun = openTun(options.tun);
    fds.push(tun.fd);
    const shared = new Shared();
    const data: WorkerData = {
      shared: shared.memory,
      doorbell,
      tun,
      sockets,
      flowPorts: options.ciscoTcpPorts ?? [],
      clientToClient: options.clientToClient,
      keepalive: options.keepalive ?? false,
      mark: options.mark,
      clockOrigin: Number(process.hrtime.bigint()) / 1e6 - performance.now(),
    };
    const worker = new Worker(workerUrl, { workerData: data });
    await started(worker);
    const drops = () => kernelDrops(sockets, options.tun.name, clearL2tp);
    const flows = new OwnFlows(options.ciscoTcpPorts ?? [], options.mark);
    const ports = localPorts(sockets, clearL2tp);
    return new DataplaneHandle(shared, worker, sockets, ports, flows, doorbell, events, release, drops);
  } catch (error) {
    release();
    throw error;
  }
}

function localPorts(sockets: readonly WorkerSocket[], clearL2tp: readonly HeldPort[]): LocalPorts {
  const of = (role: SocketRole) => sockets.find((socket) => socket.role === role)?.port;
  return { ike: of('ike')!, natT: of('nat-t'), ciscoUdp: of('cisco-udp'), clearL2tp: clearL2tp[0]?.port };
}

function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown): void =>
      reject(new DataplaneError('worker-failed', `the dataplane's worker didn't start: ${cause ?? 'it ended'}`, cause));
    worker.once('error', fail);
    worker.once('exit', fail);
    worker.once('message', () => {
      worker.off('error', fail);
      worker.off('exit', fail);
      resolve();
    });
  });
}
