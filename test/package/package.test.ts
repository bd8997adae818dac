/** The published package: what is in it, and that it works in an empty folder on the Nodes it is for, without root. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { missing } from '../lab/requirements.ts';
import { type Finished, must, run } from '../lab/run.ts';
import { scratch } from '../lab/scratch.ts';
import { install, packPackage, withNode } from './packed.ts';

const skip = missing('registry');

const CAPTURE = join(import.meta.dirname, '../scenarios/known/phase1-no-proposal-main-sallyport.pcapng.gz');

/** The current release beside the pinned one, as an npm package without scripts. */
const NODE_26 = `node-linux-${process.arch}@26.10.0`;

describe('the published package', { skip, timeout: 900_000 }, () => {
  let folder: string;
  let tarball: string;
  before(async () => {
    tarball = await packPackage();
    folder = scratch('installed');
    chmodSync(folder, 0o755);
  });

  it('holds what it runs from and its documents: no tests, no Node, nothing that is only for development', async () => {
    const names = (await must(['tar', '-tzf', tarball])).trim().split('\n');
    const tops = new Set(names.map((name) => name.split('/')[1]));
    const folders = ['bin', 'dist', 'docs', 'packaging'];
    const files = ['BENCHMARKS.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'];
    assert.deepEqual(tops, new Set([...files, ...folders]));
    const strange = names.filter((name) => /\/dist\//.test(name) && !name.endsWith('.js'));
    assert.deepEqual(strange, []);
    for (const name of [
      'bin/sallyport',
      'dist/cli/main.js',
      'dist/dataplane/worker.js',
      'packaging/sallyport.service',
    ]) {
      assert.ok(names.includes(`package/${name}`), name);
    }
    assert.ok(statSync(tarball).size < 2_000_000, 'the tarball stays small');
  });

  it('satisfies publint', async () => {
    const place = join(folder, 'publint');
    await install(place, process.execPath, 'publint@0.3.25');
    const publint = ['npx', '--no-install', 'publint', 'run', tarball, '--strict'];
    const { status, stdout, stderr } = await run(publint, { cwd: place });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /All good/);
  });

  it('works on the Node of the checkout', async () => {
    // a copy: nobody may look below /root, where a checkout may be
    const place = join(folder, 'node');
    mkdirSync(place);
    copyFileSync(process.execPath, join(place, 'node'));
    await works(join(place, 'node'));
  });

  it('works on Node 26', { skip: missing('libatomic1') }, async () => {
    const place = join(folder, 'node26');
    await install(place, process.execPath, NODE_26);
    const node = join(place, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
    assert.match(await must([node, '--version']), /^v26\./);
    await works(node);
  });

  /** Installed with `node` in an empty folder, each command that needs no root is run as nobody. */
  async function works(node: string): Promise<void> {
    const place = scratch('empty');
    chmodSync(place, 0o755);
    await install(place, node, tarball);
    assert.match(await succeeds(place, node, '--version'), /^sallyport \d+\.\d+\.\d+\n$/);
    const config = join(place, 'sallyport.yaml');
    writeFileSync(config, 'pool: 10.77.0.0/24\n');
    assert.match(await succeeds(place, node, 'check', config), /sallyport\.yaml: ok/);
    writeFileSync(config, 'pool: 10.77.0.0/33\n');
    assert.match((await sallyport(place, node, 'check', config)).stderr, /sallyport\.yaml:1:7: /);

    await withoutFfi(place, node);
    // the gateway is what needs it: so it was there before
    const serve = await sallyport(place, node, 'serve', '--state', join(place, 'state'));
    assert.notEqual(serve.status, 0);
    assert.match(serve.stderr, /Cannot find package 'koffi'/);
  }

  /** The doctor and `openings` run on any system: with the FFI taken away they do all that they do. */
  async function withoutFfi(place: string, node: string): Promise<void> {
    for (const name of ['koffi', '@koromix']) {
      const path = join(place, 'node_modules', name);
      assert.ok(statSync(path).isDirectory());
      rmSync(path, { recursive: true });
    }
    const openings = await succeeds(place, node, 'openings', '--side', 'gateway', '--for', 'nftables');
    assert.match(openings, /udp dport 4500 accept/);
    assert.match(await succeeds(place, node, 'doctor', '809'), /^No answer came from the gateway/);
    const capture = join(place, 'capture.pcapng.gz');
    copyFileSync(CAPTURE, capture);
    assert.match((await sallyport(place, node, 'doctor', '--json', capture)).stdout, /"phase1-no-proposal"/);
    const host = await sallyport(place, node, 'doctor', '127.0.0.1');
    assert.match(host.stdout, /^127\.0\.0\.1: /, host.stderr);
  }
});

/** As nobody, if we are root. */
function sallyport(place: string, node: string, ...args: readonly string[]): Promise<Finished> {
  const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  const rights = process.geteuid?.() === 0 ? asNobody : [];
  const npx = ['npx', '--no-install', 'sallyport', ...args];
  return run([...rights, ...npx], { cwd: place, env: { ...withNode(node), HOME: '/nonexistent' } });
}

async function succeeds(place: string, node: string, ...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await sallyport(place, node, ...args);
  assert.equal(status, 0, stderr);
  return stdout;
}
