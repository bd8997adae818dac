/** The gateway's side of the control socket. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { callControl } from './client.ts';
import { ControlError, socketReason } from './error.ts';
import { LineSplitter } from './lines.ts';
import { parseRequest } from './request.ts';
import type { ControlHandlers, ControlReply, ControlRequest } from './types.ts';

/** Bytes of one request. */
export const MAX_REQUEST = 64 * 1024;
export const MAX_CONNECTIONS = 16;
/** A connection that says nothing for so long is closed, ms. */
export const IDLE_TIMEOUT = 30_000;

export interface ControlServer {
  close(): Promise<void>;
}

/** Serves `handlers` at `path` (0600 in a 0700 folder). Throws {@link ControlError} `ALREADY_RUNNING` or `CONTROL_SOCKET`. */
export async function serveControl(
  path: string,
  handlers: ControlHandlers,
  idleTimeout = IDLE_TIMEOUT,
): Promise<ControlServer> {
  await removeStale(path);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    serveConnection(socket, handlers, idleTimeout);
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

/** A crashed gateway leaves its socket behind; a living one answers at it. */
async function removeStale(path: string): Promise<void> {
  const status = await callControl(path, { verb: 'status' }).catch((error: unknown) => error as ControlError);
  if (status instanceof ControlError) {
    if (status.code === 'NOT_RUNNING') return rmSync(path, { force: true });
    throw status;
  }
  throw new ControlError('ALREADY_RUNNING', `a gateway is already running at ${path} (pid ${status.pid})`);
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
function serveConnection(socket: Socket, handlers: ControlHandlers, idleTimeout: number): void {
  const lines = new LineSplitter(MAX_REQUEST);
  socket.setTimeout(idleTimeout, () => socket.destroy());
  socket.on('error', () => {});
  socket.on('data', async (chunk: Buffer) => {
    socket.pause();
    const complete = lines.push(chunk);
    for (const line of complete ?? []) send(socket, await reply(line, handlers));
    if (complete) socket.resume();
    else socket.end(encodeReply(failure('TOO_LONG', `a request has at most ${MAX_REQUEST} bytes`)));
  });
}

function send(socket: Socket, answer: ControlReply): void {
  if (!socket.destroyed) socket.write(encodeReply(answer));
}

async function reply(line: string, handlers: ControlHandlers): Promise<ControlReply> {
  try {
    return { ok: true, result: await handle(parseRequest(line), handlers) };
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: string };
    return failure(typeof code === 'string' ? code : 'INTERNAL', message ?? String(error));
  }
}

function handle(request: ControlRequest, handlers: ControlHandlers): unknown {
  // Verb and handler match by construction; TypeScript can't follow a union through an index.
  return (handlers[request.verb] as (request: ControlRequest) => unknown)(request);
}

function failure(code: string, message: string): ControlReply {
  return { ok: false, code, message };
}

function encodeReply(answer: ControlReply): string {
  return `${JSON.stringify(answer)}\n`;
}
