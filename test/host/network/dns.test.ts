/** Name servers: through whatever manages them on a host, and put back. The real programs judge, in a namespace. */
import assert from 'node:assert/strict';
import {
  chownSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { until } from '../../lab/poll.ts';
import { lacking, resolversDirectory } from '../../lab/requirements.ts';
import { LabHost, RESOLV_CONF } from './lab-host.ts';

const skip = lacking('unshare') ?? false;
const skipReal = lacking('unshare', 'resolvers', 'dbus-daemon', 'run-parts') ?? false;

const LOOK = `
  import { readFileSync } from 'node:fs';
  import { execFileSync } from 'node:child_process';
  const file = () => console.log(JSON.stringify(readFileSync('/etc/resolv.conf', 'utf8').split('\\n').filter((line) => /^(nameserver|search)/.test(line))));
`;

/** Applies, looks, restores: what resolv.conf said in between. */
async function inBetween(host: LabHost, dns = 'dns()'): Promise<{ applied: unknown; file: string[] }> {
  const [applied, file] = await host.lines(`${LOOK}
    const network = await openClientNetwork('work', folder);
    console.log(JSON.stringify(await network.apply(plan({ dns: ${dns} }))));
    file();
    await network.restore();
  `);
  return { applied: JSON.parse(applied!), file: JSON.parse(file!) };
}

const OURS = ['nameserver 10.1.0.53', 'search corp.example'];
const NO_SPLIT =
  'split DNS needs systemd-resolved, which this host does not use: all names are asked inside the tunnel';

describe('resolv.conf itself', { skip }, () => {
  it('is put back as it was: a file, a link, a link to nowhere, none, one with something mounted over it', async (test) => {
    for (const options of [
      {},
      { resolvConf: { link: '../run/resolv.conf' } },
      { resolvConf: { link: '/nowhere/resolv.conf' } },
      { resolvConf: null },
      { resolvConf: '' },
      { mounted: true },
    ]) {
      const host = await LabHost.create(test, options);
      host.write('run/resolv.conf', RESOLV_CONF);
      const before = host.resolvConf();
      const words = JSON.stringify(options);
      assert.deepEqual(await inBetween(host), { applied: { dns: 'file', notes: [] }, file: OURS }, words);
      assert.equal(host.resolvConf(), before, words);
      assert.deepEqual(host.etcNames(), [], words);
      assert.equal(readFileSync(join(host.runtime, 'resolv.conf'), 'utf8'), RESOLV_CONF);
    }
  });

  it('is put back after a kill where something is mounted over it', async (test) => {
    const host = await LabHost.create(test, { mounted: true });
    const client = host.start(`
      const network = await openClientNetwork('work', folder);
      for (const server of ['10.1.0.53', '10.1.0.54']) await network.apply(plan({ dns: dns({ servers: [parseIp(server)] }) }));
      console.log('applied');
      setInterval(() => {}, 1000);
    `);
    await client.prints(/applied/);
    await client.stop('SIGKILL');
    assert.match(host.resolvConf(), /nameserver 10\.1\.0\.54/);
    assert.equal((await host.sallyport('cleanup')).status, 0);
    assert.ok(host.resolvConf().endsWith(RESOLV_CONF));
  });

  it('asks everything inside where only some domains were meant, and says so', async (test) => {
    const host = await LabHost.create(test);
    const { applied, file } = await inBetween(host, "dns({ domain: undefined, split: ['a.example', 'b.example'] })");
    assert.deepEqual(applied, { dns: 'file', notes: [NO_SPLIT] });
    assert.deepEqual(file, ['nameserver 10.1.0.53', 'search a.example']);
  });

  it('names as many servers as a resolver reads', async (test) => {
    const host = await LabHost.create(test);
    const { file } = await inBetween(
      host,
      "dns({ servers: ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'].map(parseIp) })",
    );
    assert.deepEqual(file, [
      'nameserver 10.1.0.1',
      'nameserver 10.1.0.2',
      'nameserver 10.1.0.3',
      'search corp.example',
    ]);
  });

  it('stays what somebody else has made of it meanwhile', async (test) => {
    const host = await LabHost.create(test);
    await host.lines(`
      import { renameSync, writeFileSync } from 'node:fs';
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ dns: dns() }));
      writeFileSync('/etc/resolv.conf.dhcp', 'nameserver 198.51.100.53\\n');
      renameSync('/etc/resolv.conf.dhcp', '/etc/resolv.conf');
      await network.restore();
    `);
    assert.match(host.resolvConf(), / nameserver 198\.51\.100\.53\n$/);
    assert.deepEqual(host.etcNames(), []);
  });

  it('is taken again when the next plan is applied, and then the newer one is put back', async (test) => {
    const host = await LabHost.create(test);
    const lines = await host.lines(`${LOOK}
      import { renameSync, writeFileSync } from 'node:fs';
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ dns: dns() }));
      writeFileSync('/etc/resolv.conf.dhcp', 'nameserver 198.51.100.53\\n');
      renameSync('/etc/resolv.conf.dhcp', '/etc/resolv.conf');
      await network.apply(plan({ dns: dns() }));
      file();
      await network.restore();
    `);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [OURS],
    );
    assert.match(host.resolvConf(), / nameserver 198\.51\.100\.53\n$/);
    assert.deepEqual(host.etcNames(), []);
  });

  it('belongs to one profile at a time', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    const lines = await host.lines(`
      const [work, home] = [await openClientNetwork('work', folder), await openClientNetwork('home', folder)];
      await work.apply(plan({ dns: dns() }));
      await home.apply(plan({ dns: dns() })).catch((error) => console.log(error.code, error.message));
      await home.apply(plan({ routes: [parsePrefix('10.2.0.0/16')] }));
      await home.restore();
      await work.restore();
    `);
    assert.deepEqual(lines, [
      `DNS the profile "work" has /etc/resolv.conf already; set 'dns: false' in one of the two, or run 'sallyport cleanup' if it isn't connected`,
    ]);
    assert.equal(await host.snapshot(), before);
  });

  it('is put back when the machine went down and the journal is lost', async (test) => {
    const host = await LabHost.create(test);
    const before = host.resolvConf();
    const held = `
      import { rmSync } from 'node:fs';
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ dns: dns() }));
      rmSync(folder, { recursive: true });
      process.exit();
    `;
    await host.lines(held);
    assert.equal((await host.sallyport('cleanup')).stdout, 'work: put back: /etc/resolv.conf\n');
    assert.equal(host.resolvConf(), before);
    await host.lines(held);
    await host.lines(`const network = await openClientNetwork('work', folder); await network.restore();`);
    assert.equal(host.resolvConf(), before);
    assert.deepEqual(host.etcNames(), []);
  });

  it('that can not be written fails the plan, with what helps', async (test) => {
    const host = await LabHost.create(test, { mounted: true });
    const before = await host.snapshot();
    const lines = await host.lines(`
      const { execFileSync } = await import('node:child_process');
      execFileSync('mount', ['-o', 'remount,bind,ro', '/etc/resolv.conf']);
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ dns: dns() })).catch((error) => console.log(error.code, error.message));
    `);
    assert.deepEqual(lines, [
      "DNS can't write /etc/resolv.conf: the file system is read-only; 'dns: false' in the profile leaves DNS alone",
    ]);
    assert.equal(await host.snapshot(), before);
  });
});

describe('systemd-resolved', { skip: skipReal }, () => {
  /** The daemon on a bus of its own, and its client on the PATH. */
  async function withResolved(test: TestContext): Promise<LabHost> {
    const host = await LabHost.create(test, { resolvConf: { link: '/run/systemd/resolve/stub-resolv.conf' } });
    const bus = 'unix:path=/run/dbus/system_bus_socket';
    host.write(
      'etc/bus.conf',
      `<busconfig><type>system</type><listen>${bus}</listen><auth>EXTERNAL</auth><policy context="default">
        <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`,
    );
    host.write('etc/passwd', 'root:x:0:0::/root:/bin/sh\nsystemd-resolve:x:990:990::/:/bin/false\n');
    host.write('etc/group', 'root:x:0:\nsystemd-resolve:x:990:\n');
    for (const folder of ['dbus', 'systemd/resolve']) mkdirSync(join(host.runtime, folder), { recursive: true });
    chownSync(join(host.runtime, 'systemd/resolve'), 990, 990);
    const files = join(resolversDirectory, 'systemd-resolved');
    host.addProgram('resolvectl', `exec ${files}/usr/bin/resolvectl "$@"`);
    host.daemon('dbus-daemon', '--config-file=/etc/bus.conf', '--nofork');
    await until(() => statSync(join(host.runtime, 'dbus/system_bus_socket'), { throwIfNoEntry: false }));
    const daemon = host.daemon(`${files}/lib/systemd/systemd-resolved`);
    await until(
      async () => (await host.run(['resolvectl', 'status'])).status === 0,
      30_000,
      () => daemon.output,
    );
    return host;
  }

  const status = async (host: LabHost) => {
    const { stdout } = await host.run(['resolvectl', 'status', 'sp0', '--no-pager']);
    const value = (name: string) => new RegExp(`${name}: (.*)`).exec(stdout)?.[1]?.trim();
    return [value('DNS Servers'), value('DNS Domain'), /[+-]DefaultRoute/.exec(stdout)?.[0]];
  };

  it('asks everything inside, or only the domains that are split off', async (test) => {
    const host = await withResolved(test);
    const before = await status(host);
    const client = host.start(`
      const network = await openClientNetwork('work', folder);
      console.log(JSON.stringify(await network.apply(plan({ dns: dns({ servers: ['10.1.0.53', '10.1.0.54'].map(parseIp) }) }))));
      process.once('SIGUSR1', async () => {
        await network.apply(plan({ dns: dns({ split: ['corp.example', 'lab.example'] }) }));
        console.log('split');
      });
      process.once('SIGUSR2', async () => {
        await network.restore();
        console.log('restored');
      });
      setInterval(() => {}, 1000);
    `);
    await client.prints(/"resolved","notes":\[\]/);
    assert.deepEqual(await status(host), ['10.1.0.53 10.1.0.54', 'corp.example ~.', '+DefaultRoute']);
    client.kill('SIGUSR1');
    await client.prints(/split/);
    assert.deepEqual(await status(host), ['10.1.0.53', 'corp.example ~lab.example', '-DefaultRoute']);
    client.kill('SIGUSR2');
    await client.prints(/restored/);
    assert.deepEqual(await status(host), before);
    await client.stop('SIGKILL');
  });

  it('forgets with the interface: cleanup after a kill has nothing to fail at', async (test) => {
    const host = await withResolved(test);
    const client = host.start(`
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ dns: dns() }));
      console.log('applied');
      setInterval(() => {}, 1000);
    `);
    await client.prints(/applied/);
    await client.stop('SIGKILL');
    await host.removeTun();
    const { status: exit, stdout, stderr } = await host.sallyport('cleanup');
    assert.deepEqual([exit, stderr], [0, '']);
    assert.match(stdout, /systemd-resolved's servers/);
  });

  it('is passed over where no program asks it', async (test) => {
    const host = await withResolved(test);
    const path = join(host.etc, 'resolv.conf');
    rmSync(path);
    writeFileSync(path, RESOLV_CONF);
    assert.deepEqual(await inBetween(host), { applied: { dns: 'file', notes: [] }, file: OURS });
    host.write('etc/nsswitch.conf', 'hosts: files resolve [!UNAVAIL=return] dns\n');
    assert.deepEqual((await inBetween(host)).applied, { dns: 'resolved', notes: [] });
  });
});

describe('resolvconf', { skip: skipReal }, () => {
  /** The package's files at paths of the test's, since nothing may be added to the machine's /lib. */
  function install(host: LabHost, name: 'openresolv' | 'resolvconf'): void {
    const files = join(host.etc, '..', name);
    cpSync(join(resolversDirectory, name), files, { recursive: true, verbatimSymlinks: true });
    for (const path of globSync(['{s,}bin/*', 'lib/resolvconf/**', 'etc/resolvconf/**'], { cwd: files })) {
      const file = join(files, path);
      if (!statSync(file).isFile()) continue;
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll('/lib/resolvconf', `${files}/lib/resolvconf`));
    }
    cpSync(join(files, 'etc'), host.etc, { recursive: true });
    host.addProgram('resolvconf', `exec ${files}/sbin/resolvconf "$@"`);
  }

  it('of openresolv lists ours alone', async (test) => {
    const host = await LabHost.create(test);
    install(host, 'openresolv');
    await host.run(['resolvconf', '-a', 'eth0'], 'nameserver 192.0.2.53\nsearch home.example\n');
    const before = host.resolvConf().replace(/ \d+ /, ' ');
    assert.match(before, /nameserver 192\.0\.2\.53/);
    assert.deepEqual(await inBetween(host), { applied: { dns: 'resolvconf', notes: [] }, file: [OURS[1], OURS[0]] });
    assert.equal(host.resolvConf().replace(/ \d+ /, ' '), before);
    assert.equal((await host.run(['resolvconf', '-i'])).stdout.trim(), 'eth0');
  });

  it('of Debian lists ours before the others', async (test) => {
    const host = await LabHost.create(test, { resolvConf: { link: '../run/resolvconf/resolv.conf' } });
    install(host, 'resolvconf');
    mkdirSync(join(host.runtime, 'resolvconf/interface'), { recursive: true });
    writeFileSync(join(host.runtime, 'resolvconf/enable-updates'), '');
    await host.run(['resolvconf', '-a', 'eth0.dhclient'], 'nameserver 192.0.2.53\nsearch home.example\n');
    const before = readFileSync(join(host.runtime, 'resolvconf/resolv.conf'), 'utf8');
    assert.match(before, /nameserver 192\.0\.2\.53/);
    assert.deepEqual(await inBetween(host), {
      applied: { dns: 'resolvconf', notes: [] },
      file: ['nameserver 10.1.0.53', 'nameserver 192.0.2.53', 'search corp.example home.example'],
    });
    assert.equal(readFileSync(join(host.runtime, 'resolvconf/resolv.conf'), 'utf8'), before);
    assert.equal((await host.run(['resolvconf', '-i'])).stdout.trim(), 'eth0.dhclient');
  });

  it('is passed over where it is resolvectl by another name, or where Debian’s has no say', async (test) => {
    const host = await LabHost.create(test, { programs: { resolvectl: 'exit 1' } });
    symlinkSync('resolvectl', join(host.bin, 'resolvconf'));
    assert.deepEqual((await inBetween(host)).applied, { dns: 'file', notes: [] });
    rmSync(join(host.bin, 'resolvconf'));
    install(host, 'resolvconf');
    assert.deepEqual((await inBetween(host)).applied, { dns: 'file', notes: [] });
  });

  it('that fails leaves nothing, and its words are told', async (test) => {
    const host = await LabHost.create(test, { programs: { resolvconf: 'echo "no space left" >&2; exit 1' } });
    const before = await host.snapshot();
    const lines = await host.lines(`
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ dns: dns() })).catch((error) => console.log(error.code, error.message));
    `);
    assert.match(lines.join(), /^DNS 'resolvconf -a sp0' failed: no space left; 'dns: false' in the profile/);
    assert.equal(await host.snapshot(), before);
  });
});
