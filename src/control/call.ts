/** The caller's side of a control socket: one line asks, one line answers. */
import { createConnection } from 'node:net';
import { ControlError, socketReason } from './error.ts';
import { LineSplitter } from './lines.ts';

/** Bytes; ten thousand sessions take five million. */
const MAX_REPLY = 16 << 20;
/** A password waits for its hash at most so long, ms. */
const REPLY_TIMEOUT = 15_000;

/** Who is called: it stands in the messages. */
export type Callee = 'gateway' | 'client';

/** A line of the answer. */
export type ControlReply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string };

/**
 * The result of `request`, as whoever serves `path` gives it. Throws {@link ControlError}: `NOT_RUNNING` when nobody is
 * there, else as it says.
 */
export async function call(path: string, request: { readonly verb: string }, callee: Callee): Promise<unknown> {
  const reply = parseReply(await exchange(path, `${JSON.stringify(request)}\n`, callee), callee);
  if (!reply.ok) throw new ControlError(reply.code, reply.message);
  return reply.result;
}

function exchange(path: string, request: string, callee: Callee): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = new LineSplitter(MAX_REPLY);
    const socket = createConnection(path, () => socket.write(request));
    socket.setTimeout(REPLY_TIMEOUT, () =>
      socket.destroy(new ControlError('NO_ANSWER', `the ${callee} does not answer`)),
    );
    socket.on('data', (chunk: Buffer) => {
      const complete = lines.push(chunk);
      if (!complete) socket.destroy(new ControlError('TOO_LONG', `the ${callee}'s answer is too long`));
      else if (complete[0] !== undefined) {
        resolve(complete[0]);
        socket.destroy();
      }
    });
    socket.on('error', (error) => reject(error instanceof ControlError ? error : connectError(path, error, callee)));
    socket.on('close', () => reject(new ControlError('NO_ANSWER', `the ${callee} closed the connection`)));
  });
}

function connectError(path: string, error: NodeJS.ErrnoException, callee: Callee): ControlError {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTDIR') {
    const hint = callee === 'gateway' ? '; start it, or name its --config or --state' : '';
    return new ControlError('NOT_RUNNING', `no ${callee} is running (nobody answers at ${path})${hint}`);
  }
  if (error.code === 'EACCES') {
    return new ControlError(
      'FORBIDDEN',
      `the control socket ${path} is closed to you; run as the ${callee}'s user (root)`,
    );
  }
  return new ControlError('CONTROL_SOCKET', `can't reach the ${callee} at ${path}: ${socketReason(error)}`);
}

function parseReply(line: string, callee: Callee): ControlReply {
  try {
    return JSON.parse(line) as ControlReply;
  } catch {
    throw new ControlError('BAD_REPLY', `the ${callee}'s answer is not understood`);
  }
}
