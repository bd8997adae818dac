/** The second factor with real clients: vpnc asks its helper for whatever the gateway wants to know. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Authenticator } from '../lab/authenticator.ts';
import { lacking } from '../lab/requirements.ts';
import { scene } from '../lab/scene.ts';
import { reaches } from '../lab/traffic.ts';
import { Vpnc } from '../lab/vpnc.ts';

const skip = lacking('vpnc');

describe('a passcode after the password', { skip, timeout: 900_000 }, () => {
  const stage = scene();

  /** A program that answers vpnc's questions one after the other, and what it was asked. */
  function helper(...answers: readonly string[]): { lines: string[]; asked: () => string[] } {
    const { directory } = stage.gateway;
    const [file, count, script] = ['answers', 'asked', 'helper'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(file, `${answers.join('\n')}\n`);
    writeFileSync(count, '');
    const text = `#!/bin/sh\necho "$*" >>${count}\nsed -n "$(wc -l <${count})p" ${file}\n`;
    writeFileSync(script, text, { mode: 0o755 });
    return {
      lines: ['Xauth interactive', `Password helper ${script}`],
      asked: () => readFileSync(count, 'utf8').split('\n').slice(0, -1),
    };
  }

  async function enroll(): Promise<Authenticator> {
    return new Authenticator((await stage.gateway.command('user', 'totp', 'alice')).stdout);
  }

  it('lets the right one in, once', async () => {
    const { net, gateway } = stage;
    const { passcode } = await enroll();
    const right = helper('alicepass', passcode);
    const client = await Vpnc.connect(net.cl, { extra: right.lines });
    assert.ok(await reaches(net.cl));
    assert.equal(right.asked().length, 2, right.asked().join('\n'));
    await client.stop();
    await gateway.holds(0);

    await isRefused(passcode);
  });

  /** vpnc would ask on and on. */
  async function isRefused(passcode: string): Promise<void> {
    const { net, gateway } = stage;
    const mark = gateway.log.length;
    const trying = Vpnc.start(net.cl, { extra: helper('alicepass', passcode).lines });
    await gateway.logs(/the passcode is wrong or was used already/, mark);
    assert.deepEqual(await gateway.sessions(), []);
    net.cl.killAll();
    await (await trying).stop();
  }

  /** The throttle forgets: what is refused here would hold the next login back. */
  async function restart(): Promise<void> {
    assert.deepEqual(await stage.gateway.stop(), []);
    await stage.gateway.serve();
  }

  it('keeps who has the password alone out, and asks no more when it is turned off', async () => {
    const { net, gateway } = stage;
    await restart();
    await enroll();
    await isRefused('alicepass');
    await restart();
    assert.equal((await gateway.command('user', 'totp', 'alice', '--off')).status, 0);
    const client = await Vpnc.connect(net.cl);
    assert.ok(await reaches(net.cl));
    await client.stop();
    await gateway.holds(0);
  });
});
