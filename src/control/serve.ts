/** The side of a control socket that answers. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { type Callee, type ControlReply, call } from './call.ts';
import { ControlError, socketReason } from './error.ts';
import { LineSplitter } from './lines.ts';

/** Bytes of one request. */
export const MAX_REQUEST = 64 * 1024;
export const MAX_CONNECTIONS = 16;
/** A connection that says nothing for so long is closed, ms. */
const IDLE_TIMEOUT = 30_000;

export interface ControlServer {
  close(): Promise<void>;
}

/** Who answers, and how. Every service knows the verb `status`, whose result has the process's number in `pid`. */
export interface Service {
  readonly callee: Callee;
  /** The result of a request, a line of JSON. What it throws with a `code` goes to the caller as it is. */
  answer(line: string): unknown;
  /** Words for whoever starts while `pid` serves `path` already. */
  alreadyRunning(path: string, pid: number): string;
}

/** Serves at `path` (0600 in a 0700 folder). Throws {@link ControlError} `ALREADY_RUNNING` or `CONTROL_SOCKET`. */
export async function serve(path: string, service: Service, idleTimeout = IDLE_TIMEOUT): Promise<ControlServer> {
  await removeStale(path, service);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    serveConnection(socket, service, idleTimeout);
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    chmodSync(dirname(path), 0o700);
    await listen(server, path);
    chmodSync(path, 0o600);
  } catch (error) {
    throw new ControlError('CONTROL_SOCKET', `can't open the control socket ${path}: ${socketReason(error)}`);
  }
  return { close: () => close(server, sockets) };
}

/** Who crashed left its socket behind; who lives answers at it. */
async function removeStale(path: string, { callee, alreadyRunning }: Service): Promise<void> {
  try {
    const { pid } = (await call(path, { verb: 'status' }, callee)) as { pid: number };
    throw new ControlError('ALREADY_RUNNING', alreadyRunning(path, pid));
  } catch (error) {
    if ((error as ControlError).code !== 'NOT_RUNNING') throw error;
    rmSync(path, { force: true });
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      // What fails later fails one connection.
      server.on('error', () => {});
      resolve();
    });
  });
}

function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // What was answered already is sent; who only listens is cut off.
    for (const socket of sockets) socket.destroySoon();
  });
}

/** Requests of one connection are answered one after the other. */
function serveConnection(socket: Socket, service: Service, idleTimeout: number): void {
  const lines = new LineSplitter(MAX_REQUEST);
  socket.setTimeout(idleTimeout, () => socket.destroy());
  socket.on('error', () => {});
  socket.on('data', async (chunk: Buffer) => {
    socket.pause();
    const complete = lines.push(chunk);
    for (const line of complete ?? []) {
      if (socket.destroyed) return;
      await send(socket, await reply(line, service));
    }
    if (complete) socket.resume();
    else socket.end(encodeReply(failure('TOO_LONG', `a request has at most ${MAX_REQUEST} bytes`)));
  });
}

/** Waits until it is taken: who asks and doesn't read makes nothing grow. Silence ends that by the idle timeout. */
async function send(socket: Socket, answer: ControlReply): Promise<void> {
  if (socket.destroyed || socket.write(encodeReply(answer))) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

async function reply(line: string, service: Service): Promise<ControlReply> {
  try {
    return { ok: true, result: await service.answer(line) };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: string };
    return failure(typeof code === 'string' ? code : 'INTERNAL', message ?? String(error));
  }
}

function failure(code: string, message: string): ControlReply {
  return { ok: false, code, message };
}

function encodeReply(answer: ControlReply): string {
  return `${JSON.stringify(answer)}\n`;
}
