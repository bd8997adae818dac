/** What a client changes on a host, in a namespace: made, changed and put back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_OFFERED_ROUTES } from '../../../src/core/session/client/offered-network.ts';
import { SLOTS, slotAt } from '../../../src/host/network/slot.ts';
import { lacking } from '../../lab/requirements.ts';
import { LabHost, RESOLV_CONF } from './lab-host.ts';

const skip = lacking('unshare') ?? false;

/** What tables and files say while a plan is applied, one JSON line a question. */
const LOOK = `
  import { execFileSync } from 'node:child_process';
  import { readFileSync } from 'node:fs';
  const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' }).trim().split('\\n').map((line) => line.trim());
  const show = (value) => console.log(JSON.stringify(value));
  const way = (...args) => {
    try {
      return /dev (\\S+)/.exec(execFileSync('ip', ['route', 'get', ...args], { encoding: 'utf8', stdio: 'pipe' }))[1];
    } catch (error) {
      return error.stderr.trim().replace('RTNETLINK answers: ', '');
    }
  };
`;

describe('a plan', { skip }, () => {
  it('leads its networks into the tunnel, and all of it is put back', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    const lines = await host.lines(`${LOOK}
      const network = await openClientNetwork('work', folder);
      show(await network.apply(plan({ dns: dns() })));
      show([way('10.1.2.3'), way('10.1.2.3', 'mark', '0x53'), way('10.2.0.1')]);
      show(readFileSync('/etc/resolv.conf', 'utf8').split('\\n').slice(2));
      await network.restore();
    `);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [
        { dns: 'file', notes: [] },
        ['sp0', 'Network is unreachable', 'Network is unreachable'],
        ['nameserver 10.1.0.53', 'search corp.example', ''],
      ],
    );
    assert.equal(await host.snapshot(), before);
  });

  it('may be applied again, and then puts back what somebody else removed', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    const lines = await host.lines(`${LOOK}
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ dns: dns() }));
      const made = [ip('rule'), ip('-6', 'rule'), ip('route', 'show', 'table', 'all')];
      await network.apply(plan({ dns: dns() }));
      const [rule] = ip('rule').filter((line) => line.includes('fwmark'));
      ip('rule', 'delete', 'priority', rule.split(':')[0]);
      ip('route', 'delete', '10.1.0.0/16', 'table', rule.split(' lookup ')[1].split(' ')[0]);
      await network.refresh();
      show(JSON.stringify([ip('rule'), ip('-6', 'rule'), ip('route', 'show', 'table', 'all')]) === JSON.stringify(made));
      await network.restore();
      await network.refresh();
    `);
    assert.deepEqual(lines, ['true']);
    assert.equal(await host.snapshot(), before);
  });

  it('may be changed while it is up, in all its parts', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    const lines = await host.lines(`${LOOK}
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ dns: dns() }));
      await network.apply(plan({
        address: parseIp('10.77.0.10'), routes: 'all', localLan: true, mark: 0x54, onLoss: 'open',
        dns: dns({ servers: [parseIp('10.9.9.9')], domain: undefined }),
      }));
      show([way('10.1.2.3'), way('203.0.113.1'), way('203.0.113.1', 'mark', '0x54'), way('2001:db8::1')]);
      show(ip('-o', '-4', 'address', 'show', 'dev', 'sp0').map((line) => line.split(/ +/)[3]));
      show(ip('route', 'show', 'table', 'all').filter((line) => line.includes('proto 83')).map((line) => line.split(' ')[0]));
      show(ip('rule').filter((line) => line.includes('fwmark')).map((line) => line.split(' fwmark ')[1].split(' ')[0]));
      await network.apply(plan({ onLoss: 'open' }));
      show([way('10.1.2.3'), way('203.0.113.1'), ip('-6', 'rule').length]);
      show(readFileSync('/etc/resolv.conf', 'utf8'));
      await network.restore();
    `);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [
        ['sp0', 'sp0', 'Network is unreachable', 'Network is unreachable'],
        ['10.77.0.10/32'],
        ['default'],
        ['0x54'],
        ['sp0', 'Network is unreachable', 2],
        RESOLV_CONF,
      ],
    );
    assert.equal(await host.snapshot(), before);
  });

  it('may hold as many networks as a gateway may name, one within the other', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    const lines = await host.lines(`${LOOK}
      const network = await openClientNetwork('work', folder);
      const routes = ['10.0.0.0/8', '2001:db8:1::/48', ...Array.from({ length: ${MAX_OFFERED_ROUTES - 2} }, (_, i) => '10.' + i + '.0.0/16')];
      show(await network.apply(plan({ routes: routes.map(parsePrefix) })));
      show(ip('route', 'show', 'table', 'all').filter((line) => line.includes('proto 83')).length);
      await network.restore();
    `);
    assert.deepEqual(lines, ['{"notes":[]}', String(2 * MAX_OFFERED_ROUTES - 1)]);
    assert.equal(await host.snapshot(), before);
  });

  it('does without nft, and says what is lost', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    const missing = await host.lines(`
      import { symlinkSync, mkdirSync } from 'node:fs';
      import { execFileSync } from 'node:child_process';
      mkdirSync('/run/bin');
      symlinkSync(execFileSync('sh', ['-c', 'command -v ip'], { encoding: 'utf8' }).trim(), '/run/bin/ip');
      process.env.PATH = '/run/bin';
      const network = await openClientNetwork('work', folder);
      console.log((await network.apply(plan())).notes.join());
      await network.restore();
    `);
    assert.match(
      missing.join(),
      /bound to an interface .*: nft is missing; install it \(Debian: apt install nftables\)$/,
    );
    host.addProgram('nft', 'echo "Error: Could not process rule: Operation not supported" >&2; exit 1');
    const refused = await host.lines(`
      const network = await openClientNetwork('work', folder);
      console.log((await network.apply(plan())).notes.join());
      await network.restore();
    `);
    assert.match(refused.join(), /: nft refused: Error: Could not process rule: Operation not supported$/);
    assert.equal(await host.snapshot(), before);
  });

  it('takes nobody else’s table or priorities, and leaves what others put beside its own', async (test) => {
    const host = await LabHost.create(test);
    const used = await host.lines(`${LOOK}
      const network = await openClientNetwork('work', folder);
      await network.apply(plan());
      show(ip('rule').find((line) => line.includes('fwmark')));
      await network.restore();
    `);
    const [, priority, table] = /"(\d+):.* lookup (\d+) /.exec(used.join()) ?? [];
    await host.netns.ip('rule', 'add', 'priority', priority!, 'to', '198.51.100.0/24', 'table', 'main');
    await host.netns.ip('route', 'add', 'unreachable', '198.51.100.0/24', 'table', String(Number(table) + 1));
    const before = await host.snapshot();
    const lines = await host.lines(`${LOOK}
      const network = await openClientNetwork('work', folder);
      await network.apply(plan());
      show(/ lookup (\\d+) /.exec(ip('rule').find((line) => line.includes('fwmark')))[1]);
      ip('route', 'add', 'unreachable', '10.9.0.0/16', 'table', '${Number(table) + 2}');
      await network.restore();
      show(ip('route', 'show', 'table', '${Number(table) + 2}'));
      ip('route', 'flush', 'table', '${Number(table) + 2}');
    `);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [String(Number(table) + 2), ['unreachable 10.9.0.0/16']],
    );
    assert.equal(await host.snapshot(), before);
  });

  it('says so when all tables are taken', async (test) => {
    const host = await LabHost.create(test);
    for (let i = 0; i < SLOTS; i++) await host.netns.ip('rule', 'add', 'table', String(slotAt(i).table));
    const lines = await host.lines(
      `await openClientNetwork('work', folder).catch((error) => console.log(error.code, error.message));`,
    );
    assert.match(lines.join(), /^NETWORK_FULL the routing tables 45000 to 45063 are all in use; 'sallyport cleanup'/);
  });

  it('is not begun twice', async (test) => {
    const host = await LabHost.create(test);
    const lines = await host.lines(`
      const network = await openClientNetwork('work', folder);
      await openClientNetwork('work', folder).catch((error) => console.log(error.code));
      await cleanup(folder, 'work').catch((error) => console.log(error.code));
      console.log((await cleanup(folder)).length);
      await network.restore();
    `);
    assert.deepEqual(lines, ['ALREADY_CONNECTED', 'ALREADY_CONNECTED', '0']);
  });
});

describe('what a killed client left', { skip }, () => {
  const held = `
    const network = await openClientNetwork('work', folder);
    await network.apply(plan({
      routes: 'all', dns: dns(), gateway: { name: 'vpn.example.com', address: parseIp('198.51.100.7') },
    }));
    console.log('applied');
    setInterval(() => {}, 1000);
  `;

  it('keeps blocking, and goes with cleanup', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    const client = host.start(held);
    await client.prints(/applied/);
    await client.stop('SIGKILL');
    await host.removeTun();
    assert.deepEqual(await host.lines(`${LOOK} show([way('10.1.2.3'), way('2001:db8::1')]);`), [
      '["No route to host","Network is unreachable"]',
    ]);
    const wrong = await host.sallyport('cleanup', 'home');
    assert.deepEqual([wrong.status, wrong.stdout], [0, 'nothing to clean up\n']);
    const done = await host.sallyport('cleanup', 'work');
    assert.deepEqual(
      [done.status, done.stdout, done.stderr],
      [0, 'work: put back: 5 rules, 2 routes, /etc/resolv.conf\n', ''],
    );
    assert.equal(await host.snapshot(), withoutTun(before));
    assert.equal((await host.sallyport('cleanup')).stdout, 'nothing to clean up\n');
  });

  it('blocks through the next start until a plan is applied, and is put back at its end', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    const client = host.start(held);
    await client.prints(/applied/);
    await client.stop('SIGKILL');
    await host.removeTun();
    await host.makeTun();
    const lines = await host.lines(`${LOOK}
      const network = await openClientNetwork('work', folder);
      show([network.cleaned, network.gateway?.name, network.gateway?.address.text]);
      show([way('10.1.2.3'), way('2001:db8::1'), readFileSync('/etc/resolv.conf', 'utf8') === ${JSON.stringify(RESOLV_CONF)}]);
      await network.apply(plan());
      show([way('10.1.2.3'), way('203.0.113.1'), ip('-6', 'rule').length]);
      await network.restore();
    `);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [
        [['/etc/resolv.conf'], 'vpn.example.com', '198.51.100.7'],
        ['No route to host', 'Network is unreachable', true],
        ['sp0', 'Network is unreachable', 2],
      ],
    );
    assert.equal(await host.snapshot(), before);
  });

  it('goes with the next start when it should not block, and with one that gives up in any case', async (test) => {
    const host = await LabHost.create(test);
    const before = await host.snapshot();
    for (const [script, cleaned] of [
      [held.replace('dns: dns()', "dns: dns(), onLoss: 'open'"), '["5 rules","1 route","/etc/resolv.conf"]'],
      [held, '["/etc/resolv.conf"]'],
    ] as const) {
      const client = host.start(script);
      await client.prints(/applied/);
      await client.stop('SIGKILL');
      const lines = await host.lines(`
        const network = await openClientNetwork('work', folder);
        console.log(JSON.stringify(network.cleaned));
        await network.restore();
      `);
      assert.deepEqual(lines, [cleaned]);
      assert.equal(await host.snapshot(), before);
    }
  });
});

function withoutTun(snapshot: string): string {
  return snapshot
    .split('\n')
    .filter((line) => !/\bsp0\b/.test(line))
    .join('\n');
}
