/**
 * A bare machine: makes a Debian root directory with git, Node and npm and nothing else of ours, clones the project into
 * it, and does what README.md says, as root and as it is written there: `npm start`, until ike-scan has its answer from
 * outside, and `npm test`, where nothing may be skipped but what README.md names.
 *
 *   test/bare-machine/run                 Debian 12 with Node 20 and its npm, both from npm's registry
 *   test/bare-machine/run --node debian   with the packages of README.md's `apt install`: Debian's own Node and npm
 *
 * The clone is of the files as they lie here. Packages come from Debian's archive and npm's registry. The machine's network
 * is the host's, since `npm start` fetches what it needs: UDP 500 and 4500 have to be free. All processes are in a process
 * namespace that dies with this program, all mounts in a mount namespace that nobody else sees.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { persist } from '../lab/persist.ts';
import { missing } from '../lab/requirements.ts';
import { must, type Program, run } from '../lab/run.ts';
import { discard, scratch } from '../lab/scratch.ts';
import { Machine } from './machine.ts';
import { readInstructions } from './readme.ts';
import { complaints, reasonsOf, totalsOf } from './verdict.ts';

const DEBIAN = 'bookworm';
/** Packages of the registry: a node binary, and npm as its tarball bundles it. */
const NODE = '20.20.2';
const NPM = '10.9.9';
/** What Debian's npm brings along and a machine with Node has: the library of its binary; certificates, and openssl with them. */
const WITH_NPM = ['libstdc++6', 'ca-certificates'];
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x64', arm64: 'arm64' };
/** Milliseconds: with the download of the dependencies, and of all tests, on a machine that has much else to do. */
const START_PATIENCE = 900_000;
const TEST_PATIENCE = 7_200_000;
/** Of `npm start` when the dependencies could not be fetched. */
const NOT_FETCHED = 69;
/** AES-128, SHA-1, a group secret and a login, modp2048: what the first start's group takes. */
const TRANSFORM = '(1=7,14=128,2=2,3=65001,4=14)';

const project = join(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { node: { type: 'string', default: '20' } } });
if (values.node !== '20' && values.node !== 'debian') fail('--node takes 20 or debian');
const lacks = missing('root', 'tun', 'mmdebstrap', 'unshare', 'setpriv', 'ike-scan', 'git', 'npm');
if (lacks !== undefined) fail(lacks, 77);

const readme = readInstructions(readFileSync(join(project, 'README.md'), 'utf8'));
const root = scratch('bare');
const machine = new Machine(root);
// Before the directory is removed: what runs in there has to end first.
process.prependListener('exit', () => machine.end());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => fail(`ended by ${signal}`));

say(`a Debian root with ${values.node === '20' ? `git, Node ${NODE} and npm ${NPM}` : readme.packages.join(', ')}`);
await makeRoot();
await makeRepository();
say('what README.md says under Start');
await start();
say('what README.md says under Tests');
await test();
say('a bare machine: all as README.md says');
discard(root);

async function makeRoot(): Promise<void> {
  const own =
    values.node === '20' ? readme.packages.flatMap((name) => (name === 'npm' ? WITH_NPM : [name])) : readme.packages;
  const options = ['--quiet', '--variant=essential', '--mode=root', `--include=${own.join()}`];
  const apt = ['Apt::Install-Recommends "false"', 'Acquire::Retries "3"'].map((line) => `--aptopt=${line}`);
  const dpkg = ['force-unsafe-io', 'path-exclude=/usr/share/man/*', 'path-exclude=/usr/share/doc/*'];
  const argv = ['mmdebstrap', ...options, ...apt, ...dpkg.map((line) => `--dpkgopt=${line}`), DEBIAN, root];
  await persist(async () => {
    for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true });
    await machine.make(argv);
  });
  if (values.node === '20') await installNode();
  console.log((await must(machine.inside('node --version && npm --version && git --version'))).trim());
}

/** As nodejs.org lays it out, below /usr/local. */
async function installNode(): Promise<void> {
  const binary = `node-linux-${ARCHITECTURES[process.arch] ?? fail(`no Node for ${process.arch} in the registry`)}`;
  const folder = join(root, 'usr/local/lib/node_modules');
  mkdirSync(folder, { recursive: true });
  for (const [name, version] of [
    [binary, NODE],
    ['npm', NPM],
  ] as const) {
    const pack = ['npm', 'pack', '--silent', `${name}@${version}`];
    await persist(() => must(pack, { cwd: folder, timeout: 300_000 }));
    mkdirSync(join(folder, name));
    const tarball = join(folder, `${name}-${version}.tgz`);
    await must(['tar', '-xzf', tarball, '--strip-components=1', '--no-same-owner', '-C', join(folder, name)]);
    rmSync(tarball);
  }
  symlinkSync(`../lib/node_modules/${binary}/bin/node`, join(root, 'usr/local/bin/node'));
  for (const name of ['npm', 'npx']) {
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name));
  }
}

/** A commit of the files as they are: of what a checkout knows about itself, nothing is needed. */
async function makeRepository(): Promise<void> {
  const folder = join(root, 'repository');
  await must(['git', 'init', '-q', '--bare', folder]);
  writeFileSync(join(folder, 'info/exclude'), 'node_modules\n');
  const git = ['git', `--git-dir=${folder}`, `--work-tree=${project}`];
  await must([...git, 'add', '-A']);
  await must([...git, '-c', 'user.name=test', '-c', 'user.email=test@example.org', 'commit', '-q', '-m', 'as it is']);
}

/** In the home directory of root, where a login leads. */
async function start(): Promise<void> {
  const before = tunnels();
  const commands = readme.start.map((line) => line.replace('REPOSITORY', '/repository'));
  let gateway = machine.start(['set -e', 'cd', ...commands].join('\n'));
  const isUp = () => gateway.prints(/gateway is up/, START_PATIENCE);
  await isUp().catch(async (error) => {
    if ((await gateway.left()) !== NOT_FETCHED) throw error;
    // As it asks for.
    gateway = machine.start(`cd ~/sallyport && sleep 30 && ${commands.at(-1)}`);
    await isUp();
  });
  await answersIkeScan(gateway);
  machine.interrupt();
  await gateway.prints(/the gateway has stopped/);
  await gateway.ended;
  console.log(gateway.output.trim());
  const left = tunnels().filter((name) => !before.includes(name));
  if (left.length > 0) fail(`the gateway left interfaces behind: ${left.join(', ')}`);
}

/** TUN devices: others of this machine's interfaces may come and go meanwhile. */
function tunnels(): string[] {
  return readdirSync('/sys/class/net').filter((name) => existsSync(join('/sys/class/net', name, 'tun_flags')));
}

async function answersIkeScan(gateway: Program): Promise<void> {
  const scan = ['ike-scan', '--sport=0', '--timeout=2000', '--retry=6', '-M', `--trans=${TRANSFORM}`, '127.0.0.1'];
  const { stdout, stderr } = await run(scan);
  if (!stdout.includes('Handshake returned')) fail(`ike-scan had no handshake:\n${stdout}${stderr}\n${gateway.output}`);
  console.log(stdout.trim());
}

async function test(): Promise<void> {
  const tests = machine.start(`cd ~/sallyport && ${readme.test}`);
  const status = await tests.left(TEST_PATIENCE);
  const reasons = reasonsOf(tests.stdout);
  const totals = totalsOf(tests.stdout);
  const wrong = complaints(reasons, readme.aboutTests, (program) => machine.has(program));
  if (totals === undefined) wrong.push('the tests give no sums');
  else if (totals.fail > 0 || totals.pass === 0) wrong.push(`${totals.fail} failed, ${totals.pass} passed`);
  else if (totals.skipped > reasons.length) wrong.push(`${totals.skipped} skipped, ${reasons.length} listed`);
  if (status === undefined) wrong.push(`${readme.test} was killed: ${TEST_PATIENCE / 60_000} minutes are the most`);
  else if (status !== 0) wrong.push(`${readme.test} ended with status ${status}`);
  if (wrong.length > 0) {
    const sums = Math.max(0, tests.output.lastIndexOf('\nℹ tests '));
    fail(`${tests.output.slice(sums)}\n${wrong.join('\n')}`);
  }
  console.log(`${totals?.pass} passed, ${reasons.length} tests or groups skipped, each for what README.md names`);
}

function say(step: string): void {
  console.log(`\n-- ${step}`);
}

function fail(words: string, status = 1): never {
  console.error(`test/bare-machine: ${words}`);
  process.exit(status);
}
