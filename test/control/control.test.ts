/** The control socket: typed requests in, bounds, and who may have it. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ControlError } from '../../src/control/error.ts';
import { callControl, controlPath, parseRequest, serveControl } from '../../src/control/gateway.ts';
import type { ControlHandlers, SessionRow } from '../../src/control/gateway-types.ts';
import { LineSplitter } from '../../src/control/lines.ts';
import { MAX_CONNECTIONS, MAX_REQUEST } from '../../src/control/serve.ts';
import { sleep, until } from '../lab/poll.ts';

const row: SessionRow = {
  id: 7,
  user: 'alice',
  group: 'labgroup',
  peer: 'labgroup',
  remote: '192.0.2.7:4500',
  carrier: 'nat-t',
  protocol: 'ipsec',
  address: '10.77.0.2',
  phase1: 'aes256-sha256-modp2048',
  esp: 'aes256-sha1',
  since: '2026-11-21T00:00:00.000Z',
  lastSeen: null,
  packetsIn: 1,
  bytesIn: 2,
  packetsOut: 3,
  bytesOut: 4,
  keylog: false,
};

function handlers(seen: unknown[] = []): ControlHandlers {
  const note = (request: unknown) => {
    seen.push(request);
    return null;
  };
  return {
    status: () => ({ pid: 4711, version: '1.2.3', since: row.since, sessions: 1, clearL2tp: null }),
    sessions: () => [row],
    kick({ id }) {
      if (id !== 7) throw new ControlError('SESSION_NOT_FOUND', `there is no session ${id}`);
      return null;
    },
    failures: () => [],
    history: () => [],
    metrics: () => 'up 1\n',
    reload: () => ({ needsRestart: [], warnings: [] }),
    stop: note,
    'user-list': () => [],
    'user-check': () => null,
    'user-add': note,
    'user-passwd': async (request) => note(request),
    'user-totp': () => 'otpauth://totp/x',
    'user-remove'() {
      throw new Error('no code');
    },
  };
}

/** Milliseconds after which silence ends a connection: more than a busy machine lets pass between connecting and asking. */
const IDLE = 1000;

function socketPath(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-control-'));
  test.after(() => rmSync(folder, { recursive: true }));
  return controlPath(folder);
}

async function served(test: TestContext, seen?: unknown[], idleTimeout?: number): Promise<string> {
  const path = socketPath(test);
  const server = await serveControl(path, handlers(seen), idleTimeout);
  test.after(() => server.close());
  return path;
}

/** All that the server answers to `text`, until it closes. */
function raw(path: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = createConnection(path, () => socket.write(text));
    socket.on('data', (chunk) => (answer += chunk));
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

describe('the control socket', () => {
  it('answers each verb', async (test) => {
    const seen: unknown[] = [];
    const path = await served(test, seen);
    assert.equal((await callControl(path, { verb: 'status' })).pid, 4711);
    assert.deepEqual(await callControl(path, { verb: 'sessions' }), [row]);
    assert.equal(await callControl(path, { verb: 'kick', id: 7 }), null);
    assert.deepEqual(await callControl(path, { verb: 'user-list' }), []);
    const add = {
      verb: 'user-add',
      name: 'bob',
      password: 'hé\nllo',
      address: null,
      l2tp: false,
      chapMd5: true,
    } as const;
    const passwd = { verb: 'user-passwd', name: 'bob', password: 'x', l2tp: false, chapMd5: null } as const;
    await callControl(path, add);
    await callControl(path, passwd);
    await callControl(path, { verb: 'stop' });
    assert.deepEqual(seen, [add, passwd, { verb: 'stop' }]);
  });

  it('carries the code and the words of a failure', async (test) => {
    const path = await served(test);
    await assert.rejects(callControl(path, { verb: 'kick', id: 8 }), {
      code: 'SESSION_NOT_FOUND',
      message: 'there is no session 8',
    });
    await assert.rejects(callControl(path, { verb: 'user-remove', name: 'x' }), {
      code: 'INTERNAL',
      message: 'no code',
    });
  });

  it('is 0600 in a folder of 0700, and gone after the end', async (test) => {
    const path = socketPath(test);
    mkdirSync(dirname(path), { mode: 0o755 });
    const server = await serveControl(path, handlers());
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
    await server.close();
    assert.ok(!existsSync(path));
  });

  it('replaces the socket that a crashed gateway left, and respects a living one', async (test) => {
    const path = socketPath(test);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    const server = await serveControl(path, handlers());
    await assert.rejects(serveControl(path, handlers()), {
      code: 'ALREADY_RUNNING',
      message: `a gateway is already running at ${path} (pid 4711)`,
    });
    assert.equal((await callControl(path, { verb: 'status' })).pid, 4711, 'the first still answers');
    await server.close();
    await assert.rejects(callControl(path, { verb: 'status' }), { code: 'NOT_RUNNING' });
  });

  it('says so when its path is too long for a socket', async (test) => {
    const path = join(dirname(socketPath(test)), 'x'.repeat(120), 'control.sock');
    await assert.rejects(serveControl(path, handlers()), {
      code: 'CONTROL_SOCKET',
      message: /longer than a socket may have/,
    });
  });

  it('ends a connection that talks nonsense, too much, or not at all', async (test) => {
    const path = await served(test, [], IDLE);
    assert.match(await raw(path, 'nonsense\n'), /^\{"ok":false,"code":"BAD_REQUEST"/);
    assert.match(await raw(path, 'x'.repeat(MAX_REQUEST + 1)), /"code":"TOO_LONG"/);
    assert.equal(await raw(path, ''), '');
    assert.equal((await callControl(path, { verb: 'status' })).pid, 4711, 'and serves the others');
  });

  it('answers requests of one connection in order', async (test) => {
    const path = await served(test, [], IDLE);
    const answers = await raw(path, '{"verb":"user-list"}\n{"verb":"kick","id":9}\n{"verb":"user-list"}\n');
    assert.deepEqual(
      answers
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).ok),
      [true, false, true],
    );
  });

  it('answers nobody who asks on and on and reads nothing', async (test) => {
    const path = socketPath(test);
    let answered = 0;
    const rows = Array.from({ length: 2000 }, () => row);
    const sessions = () => {
      answered++;
      return rows;
    };
    const server = await serveControl(path, { ...handlers(), sessions }, IDLE);
    test.after(() => server.close());
    const socket = createConnection(path);
    socket.pause();
    const ended = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
    socket.write('{"verb":"sessions"}\n'.repeat(3000));
    await until(() => answered > 0);
    // By then silence has ended it: what is read now asks for no more.
    await sleep(3 * IDLE);
    assert.ok(answered < 20, `${answered} answers of half a megabyte`);
    socket.resume();
    await ended;
  });

  it('has a bounded number of connections', async (test) => {
    const path = await served(test);
    const sockets: Socket[] = [];
    for (let i = 0; i < MAX_CONNECTIONS; i++) {
      sockets.push(
        await new Promise<Socket>((resolve) => {
          const socket: Socket = createConnection(path, () => resolve(socket));
        }),
      );
    }
    await assert.rejects(callControl(path, { verb: 'status' }), { code: /NO_ANSWER|CONTROL_SOCKET/ });
    for (const socket of sockets) socket.destroy();
    const isTaken = () =>
      callControl(path, { verb: 'status' }).then(
        () => true,
        () => false,
      );
    await until(isTaken);
  });
});

describe('the caller', () => {
  it('tells a missing gateway from one that is closed to it', async (test) => {
    const path = socketPath(test);
    await assert.rejects(callControl(path, { verb: 'status' }), {
      code: 'NOT_RUNNING',
      message: `no gateway is running (nobody answers at ${path}); start it, or name its --config or --state`,
    });
  });

  it('does not wait for, or believe, somebody else', async (test) => {
    const path = socketPath(test);
    mkdirSync(dirname(path), { recursive: true });
    const server = createServer((socket) => socket.on('data', () => socket.end('hello\n'))).listen(path);
    test.after(() => server.close());
    chmodSync(path, 0o600);
    await assert.rejects(callControl(path, { verb: 'status' }), { code: 'BAD_REPLY' });
  });
});

describe('a request', () => {
  it('is checked field by field', () => {
    const wrong = [
      '',
      'null',
      '[]',
      '"status"',
      '{}',
      '{"verb":"toString"}',
      '{"verb":"kick"}',
      '{"verb":"kick","id":"7"}',
      '{"verb":"kick","id":1.5}',
      '{"verb":"user-add","name":"x"}',
      '{"verb":"user-add","name":"x","password":1}',
      '{"verb":"user-add","name":"x","password":"y","address":4,"l2tp":false,"chapMd5":false}',
      '{"verb":"user-add","name":"x","password":"y"}',
      '{"verb":"user-remove"}',
    ];
    for (const line of wrong) assert.throws(() => parseRequest(line), { code: 'BAD_REQUEST' }, line);
    assert.deepEqual(
      parseRequest('{"verb":"user-add","name":"x","password":"y","l2tp":true,"chapMd5":false,"more":1}'),
      {
        verb: 'user-add',
        name: 'x',
        password: 'y',
        address: null,
        l2tp: true,
        chapMd5: false,
      },
    );
  });
});

describe('lines', () => {
  it('come out whole however the bytes come in', () => {
    const text = Buffer.from('{"a":"é"}\n\n{"b":1}\nrest');
    for (let size = 1; size <= text.length; size++) {
      const splitter = new LineSplitter(100);
      const lines: string[] = [];
      for (let at = 0; at < text.length; at += size) lines.push(...splitter.push(text.subarray(at, at + size))!);
      assert.deepEqual(lines, ['{"a":"é"}', '', '{"b":1}']);
    }
  });

  it('are bounded, also when they never end', () => {
    const splitter = new LineSplitter(10);
    assert.deepEqual(splitter.push(Buffer.from('0123456789\n')), ['0123456789']);
    assert.deepEqual(splitter.push(Buffer.from('01234')), []);
    assert.equal(splitter.push(Buffer.from('567890')), undefined);
  });
});
