/** The caller's side of the control socket. */
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { ControlError, socketReason } from './error.ts';
import { LineSplitter } from './lines.ts';
import type { ControlReply, ControlResults, RequestOf, Verb } from './types.ts';

/** Bytes; ten thousand sessions take five million. */
export const MAX_REPLY = 16 << 20;
/** A password waits for its hash at most so long, ms. */
export const REPLY_TIMEOUT = 15_000;

export function controlPath(stateFolder: string): string {
  return join(stateFolder, 'control', 'control.sock');
}

/** Asks the gateway at `path`. Throws {@link ControlError}: `NOT_RUNNING` when none is there, else as the gateway says. */
export async function callControl<V extends Verb>(path: string, request: RequestOf<V>): Promise<ControlResults[V]> {
  const reply = parseReply(await exchange(path, `${JSON.stringify(request)}\n`));
  if (!reply.ok) throw new ControlError(reply.code, reply.message);
  return reply.result as ControlResults[V];
}

function exchange(path: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = new LineSplitter(MAX_REPLY);
    const socket = createConnection(path, () => socket.write(request));
    socket.setTimeout(REPLY_TIMEOUT, () =>
      socket.destroy(new ControlError('NO_ANSWER', 'the gateway does not answer')),
    );
    socket.on('data', (chunk: Buffer) => {
      const complete = lines.push(chunk);
      if (!complete) socket.destroy(new ControlError('TOO_LONG', "the gateway's answer is too long"));
      else if (complete[0] !== undefined) {
        resolve(complete[0]);
        socket.destroy();
      }
    });
    socket.on('error', (error) => reject(error instanceof ControlError ? error : connectError(path, error)));
    socket.on('close', () => reject(new ControlError('NO_ANSWER', 'the gateway closed the connection')));
  });
}

function connectError(path: string, error: NodeJS.ErrnoException): ControlError {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTDIR') {
    return new ControlError('NOT_RUNNING', `no gateway is running (nobody answers at ${path})`);
  }
  if (error.code === 'EACCES') {
    return new ControlError(
      'FORBIDDEN',
      `the control socket ${path} is closed to you; run as the gateway's user (root)`,
    );
  }
  return new ControlError('CONTROL_SOCKET', `can't reach the gateway at ${path}: ${socketReason(error)}`);
}

function parseReply(line: string): ControlReply {
  try {
    return JSON.parse(line) as ControlReply;
  } catch {
    throw new ControlError('BAD_REPLY', "the gateway's answer is not understood");
  }
}
