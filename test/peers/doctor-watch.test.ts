/** `sallyport doctor PROFILE --watch` before strongSwan, whose lifetimes are seconds here. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import * as lab from '../lab/gateway.ts';
import { until } from '../lab/poll.ts';
import { lacking } from '../lab/requirements.ts';
import { discard, scratch } from '../lab/scratch.ts';
import { StrongSwan } from '../lab/strongswan.ts';
import { responderConfiguration } from '../lab/swanctl.ts';
import { gatewayAddress, Topology } from '../lab/topology.ts';

interface Line {
  readonly watch: string;
  readonly text?: string;
  readonly isWell?: boolean;
  readonly rows?: readonly { readonly title: string; readonly text: string; readonly state?: string }[];
}

describe('the doctor who watches a tunnel', { skip: lacking('charon-systemd', 'swanctl'), timeout: 900_000 }, () => {
  let net: Topology;
  let folder: string;

  before(async () => {
    net = await Topology.create('dw');
    folder = scratch('doctor-watch');
  });
  after(() => {
    net?.remove();
    discard(folder);
  });

  function watch() {
    const profile = {
      gateway: gatewayAddress,
      group: lab.group,
      psk: lab.groupSecret,
      user: lab.user,
      carrier: 'nat-t',
    };
    const file = join(folder, 'work.yaml');
    writeFileSync(file, stringify(profile), { mode: 0o600 });
    return net.cl.start([lab.sallyport, 'doctor', file, '--watch', '--json', '--password-stdin'], {
      input: `${lab.password}\n`,
    });
  }

  const linesOf = (stdout: string) =>
    stdout
      .split('\n')
      .filter((line) => line.startsWith('{"watch"'))
      .map((line) => JSON.parse(line) as Line);

  async function withStrongSwan(
    connection: Record<string, string>,
    child: Record<string, string>,
    during: () => Promise<void>,
  ): Promise<void> {
    const options = { name: 'gate', connection, child };
    const gateway = await StrongSwan.start(net.gw, responderConfiguration('aggressive', [gatewayAddress], options));
    try {
      await during();
    } finally {
      await gateway.stop();
    }
  }

  it('both phases are renewed, both sides ask, and it ends when all of it was seen', async () => {
    const soon = { rekey_time: '25s', over_time: '10m', rand_time: '0s', dpd_delay: '3s' };
    await withStrongSwan(soon, { rekey_time: '15s', life_time: '10m', rand_time: '0s' }, async () => {
      const doctor = watch();
      assert.equal(await doctor.ended, 0, doctor.output);
      const lines = linesOf(doctor.stdout);
      const end = lines.at(-1)!;
      assert.deepEqual([end.watch, end.isWell], ['end', true], doctor.output);
      const texts = lines.map(({ text }) => text ?? '').join('\n');
      assert.match(texts, /^Lifetimes agreed on: phase 1 .*, ESP /m);
      assert.match(texts, /^DPD: the gateway answers us, after \d+ ms\.$/m);
      assert.match(texts, /^DPD: the gateway asks us after \d+ s of silence, and is answered\.$/m);
      assert.match(texts, /^Rekey: ESP is renewed by the gateway after /m);
      assert.match(texts, /^Rekey: phase 1 is renewed after /m);
      assert.match(texts, /^Rekey: data passes as before\.$/m);
      const rows = Object.fromEntries(end.rows!.map(({ title, text }) => [title, text]));
      assert.equal(rows.Tunnel, 'up all the time', doctor.output);
      assert.equal(rows['NAT mapping'], 'no NAT before this host');
    });
  });

  it('ended by Ctrl-C: what was learnt by then', async () => {
    await withStrongSwan({}, {}, async () => {
      const doctor = watch();
      await until(
        () => doctor.stdout.includes('DPD: the gateway answers us') || undefined,
        60_000,
        () => `the gateway's answer; the doctor said:\n${doctor.output}`,
      );
      doctor.kill('SIGINT');
      assert.equal(await doctor.ended, 0, doctor.output);
      const end = linesOf(doctor.stdout).at(-1)!;
      assert.deepEqual([end.watch, end.isWell], ['end', true]);
      const rows = Object.fromEntries(end.rows!.map(({ title, text }) => [title, text]));
      assert.equal(rows['ESP renewed'], 'not while it was watched');
      assert.match(rows['DPD, asked by us']!, /^asked once, answered once/);
    });
  });
});
