/** A client that others can ask and end, with a connection of the test's in place of a real one. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { type Attendance, type Connect, connectAttended } from '../../src/client/attended.ts';
import type { ClientReport, ConnectResult } from '../../src/client/report.ts';
import { completeProfile } from '../../src/config/profile/draft.ts';
import type { Profile } from '../../src/config/profile/profile.ts';
import { YAML_WORDS } from '../../src/config/profile/yaml.ts';
import { Report } from '../../src/config/report.ts';
import { callClient, clientSocket } from '../../src/control/client.ts';

const profile: Profile = completeProfile(
  { gateways: ['192.0.2.1'], psk: Uint8Array.of(1) },
  'work.yaml',
  'yaml',
  YAML_WORDS,
  Report.ofText(''),
)!;

const asker = { ask: () => Promise.resolve('') };
const byUser: ConnectResult = { ending: 'user', reason: 'ended by the user', blocked: [] };

function attendance(test: TestContext, reports: ClientReport[] = []): Attendance & { readonly socket: string } {
  const stateFolder = mkdtempSync(join(tmpdir(), 'sallyport-attended-'));
  test.after(() => rmSync(stateFolder, { recursive: true }));
  return {
    profile,
    asker,
    report: (event) => reports.push(event),
    stateFolder,
    signal: new AbortController().signal,
    socket: clientSocket(stateFolder, 'work'),
  };
}

/** Connected until it is asked to end; then busy with leaving until `left`. */
function until(left: Promise<void> = Promise.resolve()): Connect {
  return async ({ signal, report }) => {
    report({ type: 'traffic', bytesIn: 1, bytesOut: 2, packetsIn: 3, packetsOut: 4 });
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await left;
    return byUser;
  };
}

async function answering(socket: string) {
  for (;;) {
    try {
      return await callClient(socket, 'status');
    } catch (error) {
      if ((error as { code?: string }).code !== 'NOT_RUNNING') throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

it('tells its status while it runs, and is gone after', async (test) => {
  const reports: ClientReport[] = [];
  const options = attendance(test, reports);
  const result = connectAttended(options, until());
  const status = await answering(options.socket);
  assert.deepEqual([status.profile, status.pid, status.bytesOut], ['work', process.pid, 2]);
  await callClient(options.socket, 'disconnect');
  assert.deepEqual(await result, byUser);
  assert.deepEqual(
    reports.map(({ type }) => type),
    ['traffic', 'down'],
  );
  assert.ok(!existsSync(options.socket));
});

it('is down, and answers who ended it, only when all is put back', async (test) => {
  const reports: ClientReport[] = [];
  const options = attendance(test, reports);
  const leaving = Promise.withResolvers<void>();
  const result = connectAttended(options, until(leaving.promise));
  await answering(options.socket);
  let isAnswered = false;
  const asked = callClient(options.socket, 'disconnect').then(() => (isAnswered = true));
  await answering(options.socket);
  assert.equal(isAnswered, false);
  assert.deepEqual(
    reports.map(({ type }) => type),
    ['traffic'],
  );
  leaving.resolve();
  await asked;
  await result;
  assert.deepEqual(reports.at(-1), { type: 'down', ...byUser });
});

it('ends by its own signal too', async (test) => {
  const ended = new AbortController();
  const options = { ...attendance(test), signal: ended.signal };
  const result = connectAttended(options, until());
  await answering(options.socket);
  ended.abort();
  assert.deepEqual(await result, byUser);
});

it('keeps a second one away, without a report', async (test) => {
  const reports: ClientReport[] = [];
  const options = attendance(test);
  const first = connectAttended(options, until());
  await answering(options.socket);
  const second = { ...options, report: (event: ClientReport) => reports.push(event) };
  await assert.rejects(connectAttended(second, until()), { code: 'ALREADY_RUNNING' });
  assert.deepEqual(reports, []);
  await callClient(options.socket, 'disconnect');
  await first;
});

it('reports the end of one that failed, once, and frees its place', async (test) => {
  const reports: ClientReport[] = [];
  const options = attendance(test, reports);
  const failing = () => Promise.reject(new Error('no TUN'));
  await assert.rejects(connectAttended(options, failing), /no TUN/);
  assert.deepEqual(reports, [{ type: 'down', ending: 'failed', reason: 'no TUN', blocked: [] }]);
  assert.ok(!existsSync(options.socket));
});
