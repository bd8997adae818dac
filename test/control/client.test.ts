/** The client's socket: its verbs, one client a profile, and which profiles run. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { callClient, clientSocket, parseClientRequest, profilesIn, serveClient } from '../../src/control/client.ts';
import type { ClientHandlers, ClientStatus } from '../../src/control/client-types.ts';

const status: ClientStatus = {
  profile: 'work',
  pid: 4711,
  version: '1.2.3',
  state: 'connecting',
  since: '2026-11-21T00:00:00.000Z',
  upSince: null,
  tunnel: null,
  blocked: [],
  reason: null,
  rekeys: 0,
  reconnects: 0,
  bytesIn: 0,
  bytesOut: 0,
  packetsIn: 0,
  packetsOut: 0,
};

const handlers: ClientHandlers = { status: () => status, disconnect: () => null };

function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-client-'));
  test.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe("the client's socket", () => {
  it('answers each verb', async (test) => {
    const path = clientSocket(temporaryFolder(test), 'work');
    let asked = 0;
    const disconnect = () => {
      asked++;
      return null;
    };
    const server = await serveClient(path, 'work', { ...handlers, disconnect });
    test.after(() => server.close());
    assert.deepEqual(await callClient(path, 'status'), status);
    assert.equal(await callClient(path, 'disconnect'), null);
    assert.equal(asked, 1);
  });

  it('lets one client run for a profile, and others for others', async (test) => {
    const folder = temporaryFolder(test);
    const work = await serveClient(clientSocket(folder, 'work'), 'work', handlers);
    const home = await serveClient(clientSocket(folder, 'home'), 'home', handlers);
    await assert.rejects(serveClient(clientSocket(folder, 'work'), 'work', handlers), {
      code: 'ALREADY_RUNNING',
      message: "work is connected already, or about to be (pid 4711); 'sallyport disconnect work' ends it",
    });
    assert.deepEqual(profilesIn(folder), ['home', 'work']);
    await work.close();
    assert.deepEqual(profilesIn(folder), ['home']);
    await home.close();
  });

  it('takes the place of one that a killed client left', async (test) => {
    const folder = temporaryFolder(test);
    const path = clientSocket(folder, 'work');
    writeFileSync(path, '');
    assert.deepEqual(profilesIn(folder), ['work']);
    await assert.rejects(callClient(path, 'status'), { code: 'NOT_RUNNING' });
    const server = await serveClient(path, 'work', handlers);
    assert.equal((await callClient(path, 'status')).pid, 4711);
    await server.close();
  });

  it('is in a folder that may be missing', (test) => {
    assert.deepEqual(profilesIn(join(temporaryFolder(test), 'none')), []);
  });

  it('knows no verb but its own', () => {
    assert.equal(parseClientRequest('{"verb":"status"}'), 'status');
    for (const line of ['', '[]', '{}', '{"verb":"stop"}', '{"verb":"toString"}', '{"verb":7}']) {
      assert.throws(() => parseClientRequest(line), { code: 'BAD_REQUEST' }, line);
    }
  });
});
