/**
 * packaging/Containerfile, without an engine: its commands are run, the program's in a copy of the checkout and those of the last stage
 * by test/package/image in a Debian root. The gateway runs in what they made with what docs/deployment.md gives to `podman run`.
 */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import * as lab from '../lab/gateway.ts';
import { persist } from '../lab/persist.ts';
import { lacking } from '../lab/requirements.ts';
import { must, type Program } from '../lab/run.ts';
import { scratch } from '../lab/scratch.ts';
import { Topology } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';
import { vmDirectory } from '../lab/vm/vm.ts';
import { Vpnc } from '../lab/vpnc.ts';
import { Cell } from './cell.ts';
import { copyCheckout, PATIENCE } from './packed.ts';

const skip = lacking('vpnc', 'setpriv', 'unshare', 'image', 'registry');

const ROOT = join(import.meta.dirname, '../..');
const STATE = '/var/lib/sallyport';

const instructions = readFileSync(join(ROOT, 'packaging/Containerfile'), 'utf8')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, '')
  .split('\n')
  .filter((line) => line !== '');

const podmanRun = /^podman run [\s\S]*?[^\\]\n/m.exec(readFileSync(join(ROOT, 'docs/deployment.md'), 'utf8'))![0];

describe('the container', { skip, timeout: 900_000 }, () => {
  let net: Topology;
  let cell: Cell;
  let gateway: Program;

  before(async () => {
    const image = await persist(buildProgram);
    const folder = scratch('container');
    const uid = Number(/ --uid (\d+) /.exec(instructions.join('\n'))![1]);
    for (const name of ['state', 'etc']) mkdirSync(join(folder, name));
    chownSync(join(folder, 'state'), uid, uid);
    const config = join(folder, 'etc/sallyport.yaml');
    writeFileSync(config, stringify({ ...lab.labConfig(STATE), nat: true }), { mode: 0o640 });
    chownSync(config, 0, uid);
    net = await Topology.create();
    cell = new Cell(net.gw, {
      root: join(vmDirectory, 'image'),
      state: [join(folder, 'state'), STATE],
      binds: [
        [image, '/usr/local'],
        [join(folder, 'etc'), '/etc/sallyport'],
      ],
      uid,
      capabilities: [...podmanRun.matchAll(/--cap-add (\w+)/g)].map(([, name]) => name!.toLowerCase()),
    });
    gateway = cell.start([...words('ENTRYPOINT'), ...words('CMD')]);
    await gateway.prints(/gateway is up/, 60_000);
  });
  after(async () => {
    await gateway?.stop();
    net?.remove();
  });

  /** What the first stage leaves in /image, made by its own commands; npm is there already. */
  async function buildProgram(): Promise<string> {
    const image = join(scratch('image'), 'image');
    const first = instructions.slice(
      1,
      instructions.findIndex((line, i) => i > 0 && line.startsWith('FROM ')),
    );
    const commands = first.filter((line) => line.startsWith('RUN ') && !line.includes('apt-get'));
    assert.ok(commands.length > 0);
    const cwd = copyCheckout();
    for (const command of commands) {
      await must(['sh', '-c', command.slice(4).replaceAll('/image', image)], { cwd, timeout: PATIENCE });
    }
    return image;
  }

  function words(instruction: string): string[] {
    return JSON.parse(instructions.findLast((line) => line.startsWith(`${instruction} [`))!.slice(instruction.length));
  }

  it('holds the program and its Node, and nothing that is for development', async () => {
    const listed = await cell.run(['ls', '/usr/local/lib/sallyport', '/usr/local/lib/sallyport/node_modules']);
    assert.match(listed.stdout, /^koffi$/m);
    assert.doesNotMatch(listed.stdout, /typescript|biome|playwright|@types|node-linux|^(src|test)$/m);
    assert.match((await cell.run(['node', '--version'])).stdout, /^v24\./);
    assert.equal((await cell.run(['id', '-un'])).stdout, 'sallyport\n');
  });

  it('has the rights that the documented line gives, and a root that nobody writes to', async () => {
    const status = readFileSync(`/proc/${cell.pid}/status`, 'utf8');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
      assert.match(status, new RegExp(`^${set}:\\s${cell.capabilityMask}$`, 'm'));
    }
    for (const option of [
      '--cap-drop ALL',
      '--read-only',
      '--security-opt no-new-privileges',
      '--device /dev/net/tun',
    ]) {
      assert.ok(podmanRun.includes(option), option);
    }
    assert.match((await cell.run(['sh', '-c', ': >/usr/x'])).stderr, /Permission denied|Read-only/);
    assert.match((await cell.runAsRoot(['sh', '-c', ': >/etc/x'])).stderr, /Read-only file system/);
  });

  it('lets a client in, and its packets through', async () => {
    const argv = ['sallyport', 'user', 'add', lab.user, '--config', '/etc/sallyport/sallyport.yaml'];
    const added = await cell.run(argv, { input: `${lab.password}\n` });
    assert.equal(added.status, 0, added.stderr);
    const client = await Vpnc.connect(net.cl);
    assert.ok(await reaches(net.cl));
    await client.stop();
  });

  it('ends cleanly', async () => {
    assert.equal(await gateway.stop('SIGTERM'), 0, gateway.output);
    assert.equal(await net.gw.hasLink('sp0'), false);
  });
});
