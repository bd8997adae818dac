/** The program around the gateway: first login, order of start and stop, what the control socket does. The gateway is a stand-in. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { GatewayConfig } from '../../src/config/config.ts';
import { callControl, controlPath } from '../../src/control/gateway.ts';
import type { SessionRow } from '../../src/control/gateway-types.ts';
import { fromUtf8 } from '../../src/core/bytes/text.ts';
import type { GatewayPolicy } from '../../src/core/session/policy.ts';
import { FIRST_GROUP, FIRST_USER } from '../../src/gateway/first-login.ts';
import { type Program, startProgram } from '../../src/gateway/program.ts';
import type { RunningGateway, StartGateway } from '../../src/gateway/running-gateway.ts';
import { LoginSecrets } from '../../src/host/login-secrets.ts';
import { Passcodes } from '../../src/host/passcodes.ts';
import { PasswordVerifier } from '../../src/host/passwords.ts';
import { openStore } from '../../src/host/store/store.ts';
import { freePort } from './free-port.ts';

interface Stand {
  readonly state: string;
  /** What happened, in order. */
  readonly events: string[];
  readonly failure: PromiseWithResolvers<Error>;
  readonly shown: string[];
  config: GatewayConfig | undefined;
  start(more?: string): Promise<Program>;
}

/** A program with a stand-in for the gateway; NAT stays off, so that the machine is left as it is. */
function stand(test: TestContext, start?: StartGateway): Stand {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-program-'));
  test.after(() => rmSync(folder, { recursive: true }));
  const stage: Stand = {
    state: join(folder, 'state'),
    events: [],
    failure: Promise.withResolvers<Error>(),
    shown: [],
    config: undefined,
    async start(more = '') {
      const file = join(folder, 'gateway.yaml');
      writeFileSync(file, `log: { level: error }\n${more}`, { mode: 0o600 });
      const terminal = { write: (text: string) => stage.shown.push(text) };
      const program = await startProgram({ config: file, state: stage.state }, start ?? fakeGateway(stage), terminal);
      test.after(() => program.stop());
      return program;
    },
  };
  return stage;
}

function fakeGateway(stage: Stand): StartGateway {
  return async (config) => {
    stage.config = config;
    const gateway: RunningGateway = {
      sessions: () => [{ id: 1, user: 'alice' } as SessionRow, { id: 2, user: 'bob' } as SessionRow],
      kick: (id) => stage.events.push(`kick ${id}`) > 0 && id < 3,
      endUser: (user) => void stage.events.push(`end ${user}`),
      stop: async () =>
        void stage.events.push(`stop, socket ${existsSync(controlPath(stage.state)) ? 'open' : 'closed'}`),
      clearL2tp: () => undefined,
      metrics: () => `metrics ${stage.state}\n`,
      reload: (settings) =>
        void stage.events.push(
          `reload ${settings.policy.groups.map(({ name }) => name).join()} ${settings.phase1Lifetime}`,
        ),
      failed: stage.failure.promise,
    };
    return gateway;
  };
}

const field = (text: string, name: string) => new RegExp(`${name} +(\\S+)`).exec(text)?.[1] ?? '';

describe('the first login', () => {
  it('is made once, shown once, and works', async (test) => {
    const stage = stand(test);
    await (await stage.start()).stop();
    assert.equal(stage.shown.length, 1);
    const text = stage.shown[0]!;
    const secret = field(text, 'IPSec secret');
    assert.match(secret, /^[a-z2-9]{28}$/);
    assert.equal(field(text, 'Shared secret'), secret);
    assert.deepEqual([field(text, 'IPSec ID'), field(text, 'Account')], [FIRST_GROUP, FIRST_USER]);
    assert.match(field(text, 'IPSec gateway'), /./);
    const [group] = stage.config!.policy.groups;
    assert.deepEqual([group!.name, fromUtf8(group!.psk!)], [FIRST_GROUP, secret]);
    assert.equal(statSync(join(stage.state, 'group-secret')).mode & 0o777, 0o600);

    const store = openStore(stage.state);
    const attempt = { user: FIRST_USER, source: '192.0.2.7', password: field(text, 'Xauth password') };
    assert.equal(
      (await new PasswordVerifier(store.users, new Passcodes(store), new LoginSecrets(store)).verify(attempt)).ok,
      true,
    );
    store.close();

    await (await stage.start()).stop();
    assert.equal(stage.shown.length, 1, 'the second start shows nothing');
    assert.equal(fromUtf8(stage.config!.policy.groups[0]!.psk!), secret, 'and has the same secret');
  });

  it('leaves users alone that are there', async (test) => {
    const stage = stand(test);
    const store = openStore(stage.state);
    store.users.add('alice', 'hash');
    store.close();
    await (await stage.start()).stop();
    assert.match(stage.shown[0]!, /as it was/);
    const again = openStore(stage.state);
    assert.deepEqual(
      again.users.list().map(({ name }) => name),
      ['alice'],
    );
    again.close();
  });

  it('is not made when the configuration says who may come in', async (test) => {
    const stage = stand(test);
    await (await stage.start('groups: { mine: { psk: a-long-secret } }')).stop();
    assert.deepEqual(stage.shown, []);
    assert.ok(!existsSync(join(stage.state, 'group-secret')));
  });

  it('goes into a private file when nobody watches', async (test) => {
    const stage = stand(test);
    const file = join(stage.state, '../gateway.yaml');
    writeFileSync(file, 'log: { level: error }\n');
    const program = await startProgram({ config: file, state: stage.state }, fakeGateway(stage), undefined);
    await program.stop();
    const path = join(stage.state, 'first-login.txt');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.match(readFileSync(path, 'utf8'), /^Sallyport made/);
  });
});

describe('the program', () => {
  it('ends when asked over the control socket, and stops in order', async (test) => {
    const stage = stand(test);
    const program = await stage.start();
    await callControl(controlPath(stage.state), { verb: 'stop' });
    assert.equal(await program.ended, undefined);
    await program.stop();
    assert.deepEqual(stage.events, ['stop, socket closed']);
  });

  it("ends with the gateway's failure", async (test) => {
    const stage = stand(test);
    const program = await stage.start();
    stage.failure.resolve(new Error('the worker is gone'));
    assert.match(String(await program.ended), /the worker is gone/);
  });

  it('kicks, and a removed user has no session left', async (test) => {
    const stage = stand(test);
    await stage.start();
    const path = controlPath(stage.state);
    await callControl(path, { verb: 'kick', id: 2 });
    await assert.rejects(callControl(path, { verb: 'kick', id: 3 }), { code: 'SESSION_NOT_FOUND' });
    await callControl(path, {
      verb: 'user-add',
      name: 'alice',
      password: 'x',
      address: '10.77.0.9',
      l2tp: false,
      chapMd5: false,
    });
    assert.deepEqual(
      (await callControl(path, { verb: 'user-list' })).map(({ name }) => name),
      ['alice', FIRST_USER],
    );
    const check = (name: string, isNew: boolean, address: string | null) =>
      callControl(path, { verb: 'user-check', name, isNew, address });
    await assert.rejects(check('alice', true, null), { code: 'USER_EXISTS' });
    await assert.rejects(check('bob', true, '10.77.0.9'), { code: 'ADDRESS_TAKEN' });
    await assert.rejects(check('bob', false, null), { code: 'USER_NOT_FOUND' });
    await check('bob', true, '10.77.0.8');
    await check('alice', false, null);
    await callControl(path, { verb: 'user-remove', name: 'alice' });
    assert.deepEqual(stage.events, ['kick 2', 'kick 3', 'end alice']);
    assert.equal((await callControl(path, { verb: 'status' })).pid, process.pid);
  });

  it('leaves nothing behind when the gateway cannot start', async (test) => {
    const refusing: StartGateway = async () => {
      throw new Error('port 500 is taken');
    };
    const stage = stand(test, refusing);
    await assert.rejects(stage.start(), /port 500 is taken/);
    assert.ok(!existsSync(controlPath(stage.state)));
    assert.deepEqual(stage.shown, [], 'no login is shown to a gateway that is not there');
    assert.ok(!existsSync(join(stage.state, 'group-secret')));
    const store = openStore(stage.state);
    assert.deepEqual(store.users.list(), []);
    store.close();
    const other = stand(test);
    await (await other.start()).stop();
    await assert.rejects(stage.start(), /port 500 is taken/, 'and the state folder is free again');
  });

  it('makes and shows the first login last of all: not where something before it fails', async (test) => {
    const stage = stand(test);
    const folder = dirname(controlPath(stage.state));
    mkdirSync(stage.state, { mode: 0o700 });
    writeFileSync(folder, 'in the way');
    await assert.rejects(stage.start(), /control/);
    assert.deepEqual(stage.shown, []);
    rmSync(folder);
    await stage.start();
    assert.equal(stage.shown.length, 1);
    const users = await callControl(controlPath(stage.state), { verb: 'user-list' });
    assert.deepEqual(
      users.map(({ name }) => name),
      [FIRST_USER],
    );
  });

  it('makes no first login by a reload that fails', async (test) => {
    const stage = stand(test);
    const program = await stage.start('groups: { staff: { psk: a-long-secret } }');
    const file = join(stage.state, '../gateway.yaml');
    writeFileSync(file, 'log: { level: error }\ncertificate: { file: none, key: none }\n', { mode: 0o600 });
    await assert.rejects(program.reload(), { code: 'CERTIFICATE' });
    assert.deepEqual(stage.shown, []);
    writeFileSync(file, 'log: { level: error }\n', { mode: 0o600 });
    await program.reload();
    assert.equal(stage.shown.length, 1);
  });

  it('does not run twice on one state folder', async (test) => {
    const stage = stand(test);
    await stage.start();
    await assert.rejects(stage.start(), { code: 'ALREADY_RUNNING' });
    assert.deepEqual(stage.events, [], 'the first goes on');
  });

  it('takes no other file of the state folder for a configuration', async (test) => {
    const stage = stand(test);
    await stage.start();
    for (const files of ['sallyport.db', '../gateway.yaml', 'reload-/../sallyport.db', 'gateway.pid', '']) {
      const reload = callControl(controlPath(stage.state), { verb: 'reload', files });
      await assert.rejects(reload, { code: 'CONFIG_FILES' }, files);
    }
    assert.ok(existsSync(join(stage.state, 'sallyport.db')));
    assert.ok(existsSync(join(stage.state, 'gateway.pid')));
  });

  it('reloads over the control socket: right, wrong, and right again', async (test) => {
    const stage = stand(test);
    await stage.start('groups: { staff: { psk: a-long-secret } }');
    const file = join(stage.state, '../gateway.yaml');
    const reload = (text: string) => {
      writeFileSync(file, text, { mode: 0o600 });
      return callControl(controlPath(stage.state), { verb: 'reload', files: null });
    };
    const lifetimes = 'lifetimes: { phase1: 1h }\nlog: { level: error }\n';
    const taken = await reload(`${lifetimes}groups: { other: { psk: short } }\nmtu: 1300`);
    assert.deepEqual(taken.needsRestart, ['mtu']);
    assert.match(taken.warnings[0]!, /shorter than 12/);
    const wrong = 'groups: { other: { psk: a-long-secret } }\ncertificate: { file: none, key: none }';
    await assert.rejects(reload(wrong), { code: 'CERTIFICATE', message: /can't read .*none/ });
    await assert.rejects(reload('groups: 1'), { code: 'CONFIG' });
    await reload('groups: { third: { psk: a-long-secret } }\nlog: { level: error }');
    assert.deepEqual(stage.events, ['reload other 3600', 'reload third 86400']);
    const { warnings } = await reload('groups: { third: { psk: a-long-secret } }\nlog: { level: error }');
    assert.deepEqual(warnings, []);
  });

  it('keeps its own group secret when a reload names another state folder', async (test) => {
    const stage = stand(test);
    const file = join(stage.state, '../gateway.yaml');
    const elsewhere = join(stage.state, '../elsewhere');
    mkdirSync(elsewhere, { mode: 0o700 });
    const text = (folder: string) => `log: { level: error }\nstate: ${folder}\n`;
    writeFileSync(file, text(stage.state), { mode: 0o600 });
    const secrets: (string | undefined)[] = [];
    const note = ({ policy }: { readonly policy: GatewayPolicy }) => secrets.push(fromUtf8(policy.groups[0]!.psk!));
    const start: StartGateway = async (config, ...rest) => {
      note(config);
      return { ...(await fakeGateway(stage)(config, ...rest)), reload: note };
    };
    const program = await startProgram({ config: file }, start, { write: () => undefined });
    test.after(() => program.stop());
    writeFileSync(file, text(elsewhere), { mode: 0o600 });
    assert.deepEqual((await program.reload()).needsRestart, ['state']);
    assert.equal(secrets.length, 2);
    assert.equal(secrets[1], secrets[0]);
    assert.deepEqual(readdirSync(elsewhere), []);
  });

  it('shows metrics where the configuration says', async (test) => {
    const stage = stand(test);
    const at = `127.0.0.1:${await freePort()}`;
    const program = await stage.start(`metrics: ${at}`);
    const read = async () => (await fetch(`http://${at}/metrics`)).text();
    assert.equal(await read(), `metrics ${stage.state}\n`);
    assert.equal(await callControl(controlPath(stage.state), { verb: 'metrics' }), `metrics ${stage.state}\n`);
    await program.stop();
    await assert.rejects(read());
  });
});
