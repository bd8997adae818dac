/** A capture holds every packet, or says that it doesn't: found out by holding tcpdump up. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Capture, fields } from './capture.ts';
import { Netns } from './netns.ts';
import { sleep } from './poll.ts';
import { lacking } from './requirements.ts';
import { link } from './topology.ts';

describe('a capture', { skip: lacking('tcpdump', 'tshark'), timeout: 180_000 }, () => {
  let here: Netns;
  let there: Netns;

  before(async () => {
    here = await Netns.create('here');
    there = await Netns.create('there');
    await link(here, 'eth0', ['192.0.2.1/24'], there, 'eth0', ['192.0.2.2/24']);
  });

  after(() => {
    here?.remove();
    there?.remove();
  });

  /** A capture whose tcpdump gets no processor until it is to end, and a while longer. */
  async function heldUp(filter: string, count: number): Promise<Capture> {
    const capture = await Capture.start(here, 'eth0', filter);
    process.kill(capture.pid, 'SIGSTOP');
    await here.must(['ping', '-n', '-q', '-f', '-c', String(count), '192.0.2.2']);
    const stopped = capture.stop();
    const goesOn = sleep(1000).then(() => process.kill(capture.pid, 'SIGCONT'));
    await Promise.all([stopped, goesOn]);
    return capture;
  }

  for (const filter of ['', 'icmp'])
    it(`has what came while tcpdump was busy, filter: ${filter || 'none'}`, async () => {
      const { file } = await heldUp(filter, 200);
      assert.equal((await fields(file, ['frame.number'], { filter: 'icmp' })).length, 400);
    });

  it('fails when there were too many', async () => {
    await assert.rejects(heldUp('icmp', 2000), /packets are missing in the capture:[\s\S]*[1-9]\d* packets dropped/);
  });
});
