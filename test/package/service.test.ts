/**
 * packaging/sallyport.service: how far it is closed, by systemd's own measure, and that the gateway works within it: run under
 * the rights, the file system and the system calls that the unit's lines allow, and no others.
 */
import assert from 'node:assert/strict';
import {
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import * as lab from '../lab/gateway.ts';
import { lacking, missing } from '../lab/requirements.ts';
import { type Program, run } from '../lab/run.ts';
import { scratch } from '../lab/scratch.ts';
import { Topology } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';
import { Cell } from './cell.ts';
import { numberOf, numbersOf } from './system-call-numbers.ts';
import type { Filter } from './system-calls.ts';
import { UNIT, Unit } from './unit.ts';

const skip = lacking('vpnc', 'setpriv', 'unshare', 'systemd-analyze');

const HOUSE = '/usr/local/lib/sallyport';
const CONFIG = '/etc/sallyport/sallyport.yaml';
const STATE = '/var/lib/sallyport';
const UID = 61180;

const FAMILIES: Readonly<Record<string, number>> = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
};

describe('the unit by itself', { skip: missing('systemd-analyze') }, () => {
  it('is closed as far as a program can be that makes interfaces and compiles', async () => {
    const { status, stdout, stderr } = await run([
      'systemd-analyze',
      'security',
      '--offline=true',
      '--threshold=22',
      UNIT,
    ]);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /Overall exposure level for sallyport\.service: [12]\.\d OK/);
  });

  it('has no line that systemd does not know', async () => {
    const { stdout, stderr } = await run(['systemd-analyze', 'verify', '--man=no', UNIT]);
    const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('sallyport.service'));
    // it isn't installed here
    assert.deepEqual(
      complaints.filter((line) => !/Command sallyport is not executable/.test(line)),
      [],
    );
  });
});

describe('the gateway within the unit', { skip, timeout: 600_000 }, () => {
  const unit = new Unit();
  let net: Topology;
  let cell: Cell;
  let gateway: Program;

  before(async () => {
    net = await Topology.create();
    cell = new Cell(net.gw, {
      ...hostWithoutState(),
      uid: UID,
      capabilities: unit.words('AmbientCapabilities').map((name) => name.toLowerCase().replace('cap_', '')),
      launcher: [`${HOUSE}/tools/node`, `${HOUSE}/test/package/system-calls.ts`, JSON.stringify(await filter())],
    });
    gateway = cell.start(unit.words('ExecStart'));
    await gateway.prints(/gateway is up/, 60_000);
    const added = await cell.runAsRoot(['sallyport', 'user', 'add', lab.user, '--config', CONFIG], {
      input: `${lab.password}\n`,
    });
    assert.equal(added.status, 0, added.stderr);
  });
  after(async () => {
    await gateway?.stop();
    net?.remove();
  });

  /** This machine's programs, and beside them nothing but the checkout, the configuration and an empty state folder. */
  function hostWithoutState() {
    const root = join(scratch('unit'), 'root');
    const local = join(root, '..', 'local');
    const folders = ['etc/sallyport', 'usr', 'dev', 'proc', 'sys', 'tmp', 'run', 'var/lib/sallyport'];
    for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
    for (const name of ['group', 'ld.so.cache', 'nsswitch.conf']) cpSync(`/etc/${name}`, join(root, 'etc', name));
    const users = readFileSync('/etc/passwd', 'utf8');
    writeFileSync(join(root, 'etc/passwd'), `${users}sallyport:x:${UID}:${UID}::${STATE}:/usr/sbin/nologin\n`);
    // every kind of socket that it opens
    const carriers = { 'nat-t': true, esp: true, 'cisco-udp': 10000, 'cisco-tcp': [10000] };
    const config = { ...lab.labConfig(STATE), carriers, nat: true };
    writeFileSync(join(root, CONFIG), stringify(config), { mode: 0o640 });
    chownSync(join(root, CONFIG), 0, UID);
    chownSync(join(root, STATE), UID, UID);
    const checkout = join(import.meta.dirname, '../..');
    const names = ['bin', 'node_modules', 'package.json', 'src', 'test', 'tools'];
    for (const name of names) {
      const place = join(local, 'lib/sallyport', name);
      if (name === 'package.json') cpSync(join(checkout, name), place);
      else mkdirSync(place, { recursive: true });
    }
    mkdirSync(join(local, 'bin'));
    symlinkSync('../lib/sallyport/bin/sallyport', join(local, 'bin/sallyport'));
    const seen = names.map((name) => [realpathSync(join(checkout, name)), `${HOUSE}/${name}`] as const);
    const binds = [['/usr', '/usr'], [local, '/usr/local'], ...seen] as const;
    return { root, state: [join(root, STATE), STATE] as const, binds };
  }

  async function filter(): Promise<Filter> {
    assert.equal(unit.words('SystemCallErrorNumber')[0], 'EPERM');
    return {
      allowed: numbersOf(await unit.systemCalls()),
      families: unit.words('RestrictAddressFamilies').map((name) => FAMILIES[name]!),
      socket: numberOf('socket'),
      clone: numberOf('clone'),
      clone3: numberOf('clone3'),
      namespaces: numbersOf(['unshare', 'setns']),
    };
  }

  it('keeps to what the unit gives, in every thread', async () => {
    assert.doesNotMatch(gateway.output, /keeps the rights of root/);
    const tasks = readdirSync(`/proc/${cell.pid}/task`);
    assert.ok(tasks.length > 2, 'the worker is there');
    for (const task of tasks) {
      const status = readFileSync(`/proc/${cell.pid}/task/${task}/status`, 'utf8');
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        assert.match(status, new RegExp(`^${set}:\\s${cell.capabilityMask}$`, 'm'));
      }
      assert.match(status, /^NoNewPrivs:\s1$/m);
      assert.match(status, /^Seccomp:\s2$/m);
      assert.match(status, new RegExp(`^Uid:\\s${UID}\\s${UID}\\s`, 'm'));
    }
  });

  it('refuses what the unit refuses, here as there', async () => {
    for (const path of [
      '/etc/x',
      '/usr/x',
      '/usr/local/lib/sallyport/x',
      '/var/x',
      '/dev/x',
      '/proc/sys/net/ipv4/ip_forward',
    ]) {
      const { status, stderr } = await cell.run(['sh', '-c', `: >"$1"`, 'sh', path]);
      assert.notEqual(status, 0, path);
      assert.match(stderr, /Read-only file system|Permission denied/, path);
    }
    // anybody else may do these two
    assert.match((await cell.run(['nice', '-n', '5', 'true'])).stderr, /cannot set niceness: Operation not permitted/);
    assert.match((await cell.run(['unshare', '--user', 'true'])).stderr, /Operation not permitted/);
  });

  it('lets a client in, and its packets through', async () => {
    const client = await Vpnc.connect(net.cl);
    assert.ok(await reaches(net.cl));
    assert.match(await net.gw.must(['nft', 'list', 'tables']), /sallyport_sp0/);
    const { stdout } = await cell.runAsRoot(['sallyport', 'sessions', '--config', CONFIG]);
    assert.match(stdout, /alice/);
    await client.stop();
  });

  it('takes a changed configuration by ExecReload', async () => {
    const { status, stdout, stderr } = await cell.run(unit.words('ExecReload'));
    assert.equal(status, 0, stderr);
    assert.match(stdout, /the configuration is taken/);
  });

  it('ends cleanly, and begins again on a machine that forwards only', async () => {
    assert.equal(await gateway.stop('SIGTERM'), 0, gateway.output);
    assert.equal(await net.gw.hasLink('sp0'), false);
    assert.doesNotMatch(await net.gw.must(['nft', 'list', 'tables']), /sallyport/);

    await net.gw.sysctl('net.ipv4.ip_forward=0');
    gateway = cell.start(unit.words('ExecStart'));
    await gateway.prints(/can't turn forwarding on \(.*\); do it yourself: sysctl net\.ipv4\.ip_forward=1/);
    assert.equal(await gateway.ended, 1);
  });
});
