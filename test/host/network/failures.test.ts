/** A step that fails, and a client that is killed at any moment: the host is as it was before. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '../../lab/poll.ts';
import { lacking } from '../../lab/requirements.ts';
import { Seeded } from '../../seeded.ts';
import { LabHost } from './lab-host.ts';

const skip = lacking('unshare') ?? false;

/**
 * An `ip` that carries batches out line by line and fails at the line that the file `fail-at` names, counting from the start
 * of a plan; what is undone (-force) isn't counted.
 */
const FAILING_IP = `
real=$(PATH=\${PATH#*:} command -v ip)
case "$*" in
  *-force*) exec $real "$@" ;;
  *-batch*) ;;
  *) exec $real "$@" ;;
esac
while read -r line; do
  number=$(($(cat /run/count) + 1))
  echo $number > /run/count
  if [ $number = "$(cat /run/fail-at)" ]; then
    echo 'RTNETLINK answers: injected' >&2
    echo 'Command failed -:1' >&2
    exit 1
  fi
  echo "$line" | $real "$1" -batch - || exit 1
done
`;

/** The same as the snapshot of lab-host.ts, from inside. */
const LOOK = `
  import { execFileSync } from 'node:child_process';
  import { readFileSync, writeFileSync, readdirSync } from 'node:fs';
  const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' });
  const look = () => [
    ip('rule'), ip('-6', 'rule'), ip('route', 'show', 'table', 'all'), ip('-6', 'route', 'show', 'table', 'all'),
    ip('-o', '-4', 'address'), execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }), readFileSync('/etc/resolv.conf', 'utf8'), readdirSync('/etc').join(),
    readFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', 'utf8'),
  ].join('\\n');
  const failAt = (number) => {
    writeFileSync('/run/count', '0');
    writeFileSync('/run/fail-at', String(number));
  };
  const count = () => Number(readFileSync('/run/count', 'utf8'));
`;

describe('a step that fails', { skip }, () => {
  it('leaves nothing of the others, whichever it is', async (test) => {
    const host = await LabHost.create(test, { programs: { ip: FAILING_IP } });
    await host.netns.sysctl('net.ipv4.conf.all.rp_filter=1');
    const [steps, ...lines] = await host.lines(`${LOOK}
      failAt(0);
      const before = look();
      const full = plan({ routes: 'all', localLan: true, dns: dns() });
      const network = await openClientNetwork('work', folder);
      await network.apply(full);
      const steps = count();
      await network.restore();
      console.log(steps);
      for (let at = 1; at <= steps; at++) {
        failAt(at);
        const network = await openClientNetwork('work', folder);
        const error = await network.apply(full).catch((error) => error);
        console.log(error?.code, /: RTNETLINK answers: injected; nothing was changed$/.test(error?.message), look() === before);
        await network.restore();
        console.log(look() === before);
      }
    `);
    assert.ok(Number(steps) >= 12, `${steps} steps`);
    const expected = Array.from({ length: Number(steps) }, () => ['NETWORK true true', 'true']).flat();
    assert.deepEqual(lines, expected);
  });

  it('leaves the plan that was applied before, whichever it is', async (test) => {
    const host = await LabHost.create(test, { programs: { ip: FAILING_IP } });
    const [steps, ...lines] = await host.lines(`${LOOK}
      failAt(0);
      const network = await openClientNetwork('work', folder);
      const one = plan({ routes: ['10.1.0.0/16', '10.2.0.0/16'].map(parsePrefix), dns: dns() });
      const other = plan({
        routes: ['10.2.0.0/16', '10.3.0.0/16'].map(parsePrefix), address: parseIp('10.77.0.10'), localLan: true, mark: 0x54,
        dns: dns({ domain: 'other.example' }),
      });
      await network.apply(one);
      const before = look();
      failAt(0);
      await network.apply(other);
      const steps = count();
      console.log(steps);
      for (let at = 1; at <= steps; at++) {
        failAt(0);
        await network.apply(one);
        failAt(at);
        const error = await network.apply(other).catch((error) => error);
        console.log(error?.code, look() === before);
      }
    `);
    assert.ok(Number(steps) >= 8, `${steps} steps`);
    assert.deepEqual(
      lines,
      Array.from({ length: Number(steps) }, () => 'NETWORK true'),
    );
  });

  it('is told with what helps', async (test) => {
    const host = await LabHost.create(test);
    const lines = await host.lines(`
      const network = await openClientNetwork('work', folder);
      await network.apply(plan({ tun: 'sp9' })).catch((error) => console.log(error.code, error.message));
      process.env.PATH = '/nowhere';
      await network.apply(plan()).catch((error) => console.log(error.code, error.message));
    `);
    assert.deepEqual(lines, [
      'NETWORK \'ip -4 link set dev sp9 mtu 1400 up\' failed: Cannot find device "sp9"; the TUN interface has gone: connect again',
      'NETWORK_PROGRAM ip is missing; install it (Debian: apt install iproute2)',
    ]);
  });
});

describe('a client that is killed at any moment', { skip }, () => {
  it('leaves what cleanup puts back, and so does a cleanup that is killed', async (test) => {
    const host = await LabHost.create(test);
    await host.netns.sysctl('net.ipv4.conf.all.rp_filter=1');
    const before = await host.snapshot();
    const random = new Seeded(4);
    for (let i = 0; i < 16; i++) {
      const client = host.start(`
        const network = await openClientNetwork('work', folder);
        console.log('open');
        for (let i = 0; ; i++) {
          await network.apply(plan({ dns: i % 2 ? dns() : undefined, mark: 0x53 + i % 2 }));
          await network.apply(plan({ routes: 'all', localLan: true, dns: dns(), address: parseIp('10.77.0.1' + i % 2) }));
        }
      `);
      await client.prints(/open/);
      await sleep(random.below(400));
      await client.stop('SIGKILL');
      const cleaner = host.start(`await cleanup(folder); console.log('clean');`);
      await sleep(80 + random.below(200));
      await cleaner.stop('SIGKILL');
      // Every other time it isn't cleanup but a new start that ends as it should.
      const next = `
        const network = await openClientNetwork('work', folder);
        await network.apply(plan({ routes: 'all' }));
        await network.restore();
      `;
      const done = i % 2 === 0 ? await host.sallyport('cleanup') : await host.script(next);
      assert.equal(done.status, 0, done.stderr);
      assert.equal(await host.snapshot(), before, `round ${i}: ${done.stdout}`);
    }
  });
});
