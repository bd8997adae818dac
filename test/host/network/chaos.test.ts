/**
 * A bad minute: links drop, addresses and routers change, other programs meddle, clients are killed and started again. Not one packet for
 * the tunnelled networks leaves in clear as long as somebody is meant to block it, and at the end the host is as it was.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Capture, fields } from '../../lab/capture.ts';
import { Netns } from '../../lab/netns.ts';
import { sleep } from '../../lab/poll.ts';
import { lacking } from '../../lab/requirements.ts';
import type { Program } from '../../lab/run.ts';
import { Seeded } from '../../seeded.ts';
import { LabHost } from './lab-host.ts';

const skip = lacking('unshare', 'tcpdump', 'tshark') ?? false;
const EVENTS = 60;

const CLIENT = `
  const network = await openClientNetwork('work', folder);
  const routes = ['10.1.0.0/16', '10.2.0.0/16'].map(parsePrefix);
  for (let i = 0; ; i++) {
    await network.apply(plan({
      routes: i % 3 === 0 ? 'all' : routes, dns: i % 2 ? dns() : undefined, address: parseIp('10.77.0.' + (9 + i % 3)),
    }));
    console.log('applied');
    await new Promise((resolve) => setTimeout(resolve, 50));
    await network.refresh();
  }
`;

class Chaos {
  readonly #host: LabHost;
  readonly #router: Netns;
  readonly #random: Seeded;
  #client: Program | undefined;

  constructor(host: LabHost, router: Netns, random: Seeded) {
    this.#host = host;
    this.#router = router;
    this.#random = random;
  }

  async start(): Promise<void> {
    this.#client = this.#host.start(CLIENT);
    await this.#client.prints(/applied/);
  }

  /** The interface goes with its process. */
  async kill(): Promise<void> {
    await this.#client?.stop('SIGKILL');
    await this.#host.removeTun();
    await this.#host.makeTun();
  }

  async step(): Promise<void> {
    const { netns } = this.#host;
    const steps = [
      async () => {
        await this.kill();
        await sleep(this.#random.below(300));
        await this.start();
      },
      async () => {
        await netns.ip('link', 'set', 'eth0', 'down');
        await sleep(this.#random.below(200));
        await netns.ip('link', 'set', 'eth0', 'up');
        await this.defaults();
      },
      async () => {
        const address = `192.0.2.${10 + this.#random.below(200)}/24`;
        await netns.run(['ip', 'address', 'flush', 'dev', 'eth0', 'scope', 'global']);
        await netns.ip('address', 'add', address, 'dev', 'eth0');
        await netns.ip('address', 'add', '2001:db8::5/64', 'dev', 'eth0', 'nodad');
        await this.defaults();
      },
      async () => {
        await this.#router.ip('link', 'set', 'eth0', 'address', `02:00:00:00:00:${10 + this.#random.below(80)}`);
      },
      // A network that claims to be the tunnelled one, as DHCP may say.
      async () => {
        await netns.run(['ip', 'route', 'replace', '10.1.0.0/16', 'via', '192.0.2.1']);
        await netns.run(['ip', 'route', 'replace', '10.2.2.0/24', 'via', '192.0.2.1']);
      },
      async () => {
        await netns.run(['ip', 'route', 'flush', 'table', 'main', 'root', '10.0.0.0/8']);
      },
      async () => {
        await sleep(this.#random.below(300));
      },
    ];
    await this.#random.pick(steps)();
  }

  async defaults(): Promise<void> {
    await this.#host.netns.run(['ip', 'route', 'replace', 'default', 'via', '192.0.2.1']);
    await this.#host.netns.run(['ip', '-6', 'route', 'replace', 'default', 'via', '2001:db8::1']);
  }
}

async function connected(test: TestContext): Promise<{ host: LabHost; router: Netns }> {
  const router = await Netns.create('chaos');
  test.after(() => router.remove());
  const host = await LabHost.create(test);
  await host.connect(router);
  return { host, router };
}

/** The tunnelled addresses to which packets came by the link during `work`. */
async function tunnelled(router: Netns, work: () => Promise<unknown>): Promise<string[]> {
  const capture = await Capture.start(router, 'eth0', 'dst net 10.0.0.0/8');
  await work();
  await capture.stop();
  const lines = await fields(capture.file, ['ip.dst'], { filter: 'ip' });
  return [...new Set(lines.flat())];
}

describe('chaos around a client', { skip }, () => {
  it('lets nothing out, and leaves nothing behind', async (test) => {
    const { host, router } = await connected(test);
    const chaos = new Chaos(host, router, new Seeded(11));
    const before = await host.snapshot();
    const open = await tunnelled(router, () => host.netns.run(['ping', '-n', '-c', '1', '-W', '1', '10.1.2.3']));
    assert.deepEqual(open, ['10.1.2.3'], 'the capture sees what nobody holds back');
    await chaos.start();
    // By any of our addresses and by the interface itself.
    const floods = ['10.1.2.3', '10.2.2.2', '-I eth0 10.1.2.3'].map((target) =>
      host.netns.start(['sh', '-c', `while :; do ping -n -q -i 0.01 -w 1 ${target}; done`]),
    );
    const leaked = await tunnelled(router, async () => {
      for (let i = 0; i < EVENTS; i++) await chaos.step();
      await chaos.kill();
      await sleep(500);
    });
    for (const flood of floods) await flood.stop('SIGKILL');
    assert.deepEqual(leaked, []);

    const done = await host.sallyport('cleanup');
    assert.equal(done.status, 0, done.stderr);
    await host.netns.run(['ip', 'address', 'flush', 'dev', 'eth0', 'scope', 'global']);
    await host.netns.ip('address', 'add', '192.0.2.5/24', 'dev', 'eth0');
    await host.netns.ip('address', 'add', '2001:db8::5/64', 'dev', 'eth0', 'nodad');
    await host.netns.run(['ip', 'route', 'flush', 'table', 'main', 'root', '10.0.0.0/8']);
    await chaos.defaults();
    assert.equal(await host.snapshot(), before);
  });
});
