/** The store: what it keeps over a restart, its bounds, and who may read it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { Batch } from '../../../src/host/store/batch.ts';
import { FailureTable } from '../../../src/host/store/failures.ts';
import { lockStateFolder, prepareStateFolder } from '../../../src/host/store/folder.ts';
import { HistoryTable } from '../../../src/host/store/history.ts';
import { LeaseTable } from '../../../src/host/store/leases.ts';
import { migrate, SCHEMA_VERSION } from '../../../src/host/store/migrations.ts';
import { openStore, type Store, storeExists } from '../../../src/host/store/store.ts';
import { temporaryFolder } from '../temporary.ts';

function fresh(test: TestContext): { folder: string; store: Store } {
  const folder = join(temporaryFolder(test), 'state');
  const store = openStore(folder);
  test.after(() => closeQuietly(store));
  return { folder, store };
}

/** A test may have closed it. */
function closeQuietly(store: Store): void {
  try {
    store.close();
  } catch {}
}

/** An empty database, for tables with small bounds. */
function memory(test: TestContext): [DatabaseSync, Batch] {
  const database = new DatabaseSync(':memory:');
  migrate(database, ':memory:');
  const batch = new Batch(database, assert.ifError);
  test.after(() => {
    batch.commit();
    database.close();
  });
  return [database, batch];
}

describe('the state folder', () => {
  it('is made, with all above it, and nobody else may look in', (test) => {
    const folder = join(temporaryFolder(test), 'a/b/state');
    assert.equal(storeExists(folder), false);
    openStore(folder).users.list();
    assert.equal(storeExists(folder), true);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  });

  it('is closed when it was open', (test) => {
    const folder = temporaryFolder(test);
    chmodSync(folder, 0o755);
    prepareStateFolder(folder);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  it('shared with everybody is refused, not closed to them', (test) => {
    const folder = temporaryFolder(test);
    chmodSync(folder, 0o1777);
    assert.throws(() => prepareStateFolder(folder), { code: 'STATE_FOLDER', message: /shared with other users/ });
    assert.equal(statSync(folder).mode & 0o7777, 0o1777);
  });

  it('that is a file, or below one, or where nothing can be made, is refused in words', (test) => {
    const file = join(temporaryFolder(test), 'file');
    writeFileSync(file, '');
    for (const path of [file, join(file, 'below'), '/proc/nowhere']) {
      assert.throws(() => openStore(path), {
        code: 'STATE_FOLDER',
        message: new RegExp(`can't use the state folder ${path}`),
      });
    }
  });

  it('with a database that leads elsewhere is refused', (test) => {
    const folder = temporaryFolder(test);
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'sallyport.db'));
    assert.throws(() => openStore(folder), { code: 'STATE_FOLDER', message: /symbolic link/ });
  });

  it('with a database that is none is refused', (test) => {
    const folder = temporaryFolder(test);
    writeFileSync(
      join(folder, 'sallyport.db'),
      'not a database, but long enough to look like one at first sight'.repeat(20),
    );
    assert.throws(() => openStore(folder), { code: 'STATE_FOLDER' });
  });

  it('is held by one gateway at a time, and free when it ends', (test) => {
    const folder = temporaryFolder(test);
    const lock = lockStateFolder(folder);
    const other = `import { lockStateFolder } from ${JSON.stringify(join(import.meta.dirname, '../../../src/host/store/folder.ts'))};
      try { lockStateFolder(process.argv[1]); console.log('locked'); } catch (error) { console.log(error.code, error.message); }`;
    const attempt = () =>
      spawnSync(process.execPath, ['--input-type=module', '-e', other, folder], { encoding: 'utf8' }).stdout;
    assert.equal(attempt(), `ALREADY_RUNNING a gateway is already running on ${folder} (pid ${process.pid})\n`);
    lock.release();
    assert.equal(attempt(), 'locked\n');
    lockStateFolder(folder).release();
  });
});

describe('the schema', () => {
  it('has its version, and a newer one is not touched', (test) => {
    const folder = temporaryFolder(test);
    openStore(folder).close();
    const database = new DatabaseSync(join(folder, 'sallyport.db'));
    assert.equal(database.prepare('PRAGMA user_version').get()?.user_version, SCHEMA_VERSION);
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    database.close();
    assert.throws(() => openStore(folder), { code: 'STORE_NEWER' });
  });
});

describe('users', () => {
  it('are kept over a restart', (test) => {
    const { folder, store } = fresh(test);
    const before = Date.now();
    store.users.add('alice', 'hash of alice', '10.77.0.9');
    store.users.add('Bob', 'hash of bob');
    const again = openStore(folder);
    const alice = again.users.find('alice');
    assert.deepEqual(
      { ...alice, created: 0 },
      {
        name: 'alice',
        passwordHash: 'hash of alice',
        address: '10.77.0.9',
        created: 0,
        totp: undefined,
        ntHash: undefined,
        chapPassword: undefined,
        totpStep: 0,
      },
    );
    assert.ok(alice!.created >= before && alice!.created <= Date.now());
    assert.equal(again.users.find('Alice'), undefined, 'names are exact');
    assert.equal(again.users.withAddress('10.77.0.9')?.name, 'alice');
    assert.deepEqual(
      again.users.list().map(({ name }) => name),
      ['Bob', 'alice'],
    );
    again.close();
  });

  it('change and go', (test) => {
    const { store } = fresh(test);
    store.users.add('alice', 'old', '10.77.0.9');
    store.users.setPassword('alice', 'new');
    assert.equal(store.users.find('alice')?.passwordHash, 'new');
    store.users.remove('alice');
    assert.equal(store.users.find('alice'), undefined);
    store.users.add('bob', 'hash', '10.77.0.9');
  });

  it('exist once, with an address of their own; missing ones are named', (test) => {
    const { users } = fresh(test).store;
    users.add('alice', 'hash', '10.77.0.9');
    assert.throws(() => users.add('alice', 'hash'), { code: 'USER_EXISTS', message: /user alice exists already/ });
    assert.throws(() => users.add('bob', 'hash', '10.77.0.9'), {
      code: 'ADDRESS_TAKEN',
      message: /static address of alice/,
    });
    assert.throws(() => users.remove('bob'), { code: 'USER_NOT_FOUND', message: /no user bob/ });
    assert.throws(() => users.setPassword('bob', 'hash'), { code: 'USER_NOT_FOUND' });
    users.add("'; DROP TABLE users; --", 'hash');
    assert.equal(users.list().length, 2);
  });
});

describe('leases', () => {
  it('are remembered per group and user, the latest first', async (test) => {
    const { leases } = fresh(test).store;
    leases.remember({ group: 'a', user: 'alice', address: '10.77.0.2' });
    leases.remember({ group: 'b', user: 'alice', address: '10.78.0.2' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    leases.remember({ group: 'a', user: 'alice', address: '10.77.0.3' });
    assert.equal(leases.last('a', 'alice'), '10.77.0.3');
    assert.equal(leases.last('a', 'bob'), undefined);
    assert.deepEqual(
      leases.all().map(({ group, address }) => [group, address]),
      [
        ['a', '10.77.0.3'],
        ['b', '10.78.0.2'],
      ],
    );
  });

  it('are bounded', (test) => {
    const leases = new LeaseTable(...memory(test), 3);
    for (let i = 0; i < 10; i++) leases.remember({ group: '', user: `u${i}`, address: `10.0.0.${i}` });
    assert.equal(leases.all().length, 3);
  });
});

describe('the history', () => {
  const start = { user: 'alice', group: undefined, remote: '192.0.2.7:4500', address: '10.77.0.2' };

  it('says who was on and why it ended', (test) => {
    const { history } = fresh(test).store;
    const id = history.begin(start);
    const open = history.begin({ ...start, user: undefined, address: undefined });
    history.end(id, { bytesIn: 2 ** 40, bytesOut: 7, reason: 'dead peer' });
    const [second, first] = history.recent(10);
    assert.deepEqual(
      { ...first, started: 0, ended: 0 },
      { ...start, id, started: 0, ended: 0, bytesIn: 2 ** 40, bytesOut: 7, reason: 'dead peer' },
    );
    assert.deepEqual([second!.id, second!.ended, second!.user], [open, undefined, undefined]);
    history.endLeftovers();
    assert.equal(history.recent(1)[0]!.reason, 'the gateway ended without notice');
    assert.equal(history.recent(10)[1]!.reason, 'dead peer');
  });

  it('is bounded', (test) => {
    const history = new HistoryTable(...memory(test), 3);
    for (let i = 0; i < 10; i++) history.begin(start);
    assert.ok(history.recent(100).length <= 4);
  });
});

describe('failures', () => {
  it('say who and why, the latest first, and are bounded', (test) => {
    const failures = new FailureTable(...memory(test), 3);
    const before = Date.now();
    for (let i = 0; i < 10; i++)
      failures.record({ user: `u${i}`, group: undefined, remote: '192.0.2.7', reason: 'wrong password' });
    const rows = failures.recent(100);
    assert.deepEqual(
      rows.map(({ user }) => user),
      ['u9', 'u8', 'u7'],
    );
    assert.equal(rows[0]!.reason, 'wrong password');
    assert.ok(rows[0]!.at >= before && rows[0]!.at <= Date.now());
  });
});

describe('writes that may wait', () => {
  const failure = { user: 'alice', group: undefined, remote: '192.0.2.7', reason: 'wrong password' };
  const seenBy = (folder: string) => {
    const other = new DatabaseSync(join(folder, 'sallyport.db'), { readOnly: true });
    const rows = other.prepare('SELECT * FROM failures').all().length;
    other.close();
    return rows;
  };

  it('are seen here at once, and by others a moment later', async (test) => {
    const { folder, store } = fresh(test);
    store.failures.record(failure);
    assert.equal(store.failures.recent(10).length, 1);
    assert.equal(seenBy(folder), 0);
    for (let i = 0; i < 100 && seenBy(folder) === 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(seenBy(folder), 1);
  });

  it('are kept by the end, and by a write that may not wait', (test) => {
    const { folder, store } = fresh(test);
    store.failures.record(failure);
    store.users.add('alice', 'hash');
    assert.equal(seenBy(folder), 1);
    store.failures.record(failure);
    store.close();
    assert.equal(seenBy(folder), 2);
  });

  it('that cannot be kept are told of, and the next ones are', (test) => {
    const [database] = memory(test);
    const errors: unknown[] = [];
    const batch = new Batch(database, (error) => errors.push(error));
    const failures = new FailureTable(database, batch);
    database.exec('CREATE TABLE one (id INTEGER PRIMARY KEY); PRAGMA foreign_keys = ON');
    database.exec('CREATE TABLE two (one INTEGER REFERENCES one (id) DEFERRABLE INITIALLY DEFERRED)');
    failures.record(failure);
    database.exec('INSERT INTO two VALUES (7)');
    batch.commit();
    assert.match(String(errors), /FOREIGN KEY/);
    assert.equal(failures.recent(10).length, 0);
    failures.record(failure);
    batch.commit();
    assert.equal(errors.length, 1);
    assert.equal(failures.recent(10).length, 1);
  });
});

it('two processes on one store wait for each other', (test) => {
  const { folder, store } = fresh(test);
  mkdirSync(join(folder, 'control'));
  const other = openStore(folder);
  test.after(() => other.close());
  for (let i = 0; i < 20; i++) {
    store.users.add(`a${i}`, 'hash');
    other.users.add(`b${i}`, 'hash');
  }
  assert.equal(store.users.list().length, 40);
});
