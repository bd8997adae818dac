/** Our client is killed, started again and cleaned up after: nothing for the tunnel leaves in clear, and the host is as it was. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { Capture, fields } from '../lab/capture.ts';
import * as lab from '../lab/gateway.ts';
import { clientFolders, inOwnFolders, type OwnFolders } from '../lab/own-folders.ts';
import { sleep, until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import type { Program } from '../lab/run.ts';
import { scene } from '../lab/scene.ts';
import { discard, scratch } from '../lab/scratch.ts';
import { gatewayAddress, gatewayAddress6 } from '../lab/topology.ts';
import { reaches } from '../lab/traffic.ts';

/** Nobody has them; they lie beyond the default routes, so in a full tunnel. */
const SOMEWHERE = '203.0.113.77';
const SOMEWHERE6 = '2001:db8:77::77';

describe('a client that is killed', { skip: lacking('tcpdump', 'tshark'), timeout: 900_000 }, () => {
  const stage = scene({ label: 'killed' });
  let folder = '';
  let own: OwnFolders = {};

  before(async () => {
    folder = scratch('killed');
    own = clientFolders(folder);
    writeFileSync(join(folder, 'password'), `${lab.password}\n`, { mode: 0o600 });
    const profile = {
      gateway: gatewayAddress,
      group: lab.group,
      psk: lab.groupSecret,
      user: lab.user,
      password_file: join(folder, 'password'),
      routes: ['0.0.0.0/0'],
    };
    writeFileSync(join(folder, 'lab.yaml'), stringify(profile), { mode: 0o600 });
    await stage.net.cl.ip('-6', 'route', 'add', 'default', 'via', gatewayAddress6);
  });
  after(() => discard(folder));

  function inside(...args: readonly string[]): string[] {
    return inOwnFolders(own, [lab.sallyport, ...args]);
  }

  async function connect(): Promise<Program> {
    const client = stage.net.cl.start(inside('connect', join(folder, 'lab.yaml'), '--json'));
    await client.prints(/"type":"up"/);
    return client;
  }

  async function snapshot(): Promise<string> {
    const { cl } = stage.net;
    const shown = ['-4', '-6'].flatMap((family) => [
      cl.ip(family, 'rule'),
      cl.ip(family, 'route', 'show', 'table', 'all'),
    ]);
    const others = [
      ['nft', 'list', 'ruleset'],
      ['cat', '/etc/resolv.conf'],
      ['sysctl', '-a', '--pattern', 'rp_filter'],
    ];
    return (await Promise.all([...shown, ...others.map((argv) => cl.must(argv))])).join('\n');
  }

  /** Where packets went in clear during `work`, while something always wanted to send some. */
  async function inClear(work: () => Promise<unknown>): Promise<string[]> {
    const floods = [SOMEWHERE, SOMEWHERE6].map((target) =>
      stage.net.cl.start(['sh', '-c', `while :; do ping -n -q -i 0.02 -w 2 ${target}; done`]),
    );
    const capture = await Capture.start(stage.net.gw, 'direct', `dst host ${SOMEWHERE} or dst host ${SOMEWHERE6}`);
    await work();
    await capture.stop();
    for (const flood of floods) await flood.stop('SIGKILL');
    const lines = await fields(capture.file, ['ip.dst', 'ipv6.dst']);
    return [...new Set(lines.map(([v4, v6]) => v4 || v6 || 'other'))].sort();
  }

  it('lets nothing out until its next tunnel stands, nor then, and cleanup puts everything back', async () => {
    const untouched = await snapshot();
    const seesBoth = async () => isDeepStrictEqual(await inClear(() => sleep(500)), [SOMEWHERE6, SOMEWHERE]);
    await until(seesBoth, 60_000, 'what nobody holds back');
    let client = await connect();
    const leaked = await inClear(async () => {
      for (let i = 0; i < 3; i++) {
        assert.ok(await reaches(stage.net.cl), 'through the tunnel');
        await client.stop('SIGKILL');
        await sleep(300);
        client = await connect();
      }
      assert.ok(await reaches(stage.net.cl), 'through the last one');
      await client.stop('SIGKILL');
    });
    assert.deepEqual(leaked, []);
    assert.notEqual(await snapshot(), untouched);
    const { status, stdout } = await stage.net.cl.run(inside('cleanup'));
    assert.equal(status, 0);
    assert.match(stdout, /^lab: put back: \d+ rules, \d+ routes, \/etc\/resolv\.conf\n$/);
    assert.equal(await snapshot(), untouched);
    client = await connect();
    assert.equal(await client.stop('SIGTERM'), 0);
    assert.equal(await snapshot(), untouched);
  });
});
