/** What is told of a tunnel that somebody watches: only what was seen, once, and no silence for ever. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Pulse, QUIET, TunnelWatch, type WatchStep } from '../../src/client/tunnel-watch.ts';
import { parseIp } from '../../src/core/net/address.ts';
import { MINUTE, SECOND } from '../../src/core/net/time.ts';
import type { ClientEvent, TunnelVitals } from '../../src/core/session/client/events.ts';

const VITALS: TunnelVitals = {
  phase1EndsAt: 8 * 60 * MINUTE,
  espLifetime: { seconds: 3600, kilobytes: undefined },
  answersDpd: true,
  isBehindNat: true,
};

const UP = {
  type: 'up',
  tunnel: { carrier: 'nat-t', given: { address: parseIp('10.77.0.2')! }, phase1: 'p1', esp: 'e1' },
  failures: [],
} as unknown as ClientEvent;

/** A tunnel in virtual time: whose gateway does what `gateway` says, with what was sent last. */
class Watched {
  readonly watch = new TunnelWatch(0);
  readonly told: string[] = [];
  readonly steps: WatchStep[] = [];
  now = 0;
  sentAt = 0;
  packetsIn = 0;
  vitals: TunnelVitals | undefined = VITALS;
  /** It answers echo requests, and questions. */
  echoes = true;
  answers = true;

  constructor() {
    this.tell(UP);
  }

  tell(event: ClientEvent): void {
    this.watch.handle(event, this.sentAt, this.now);
    this.#read();
  }

  /** What the gateway asks is answered. */
  askedByGateway(): void {
    this.tell({ type: 'liveness', what: 'was asked' });
    this.sentAt = this.now;
  }

  /** False: it has ended. */
  pass(milliseconds: number): boolean {
    for (const end = this.now + milliseconds; this.now < end; ) {
      this.now += SECOND / 4;
      const pulse: Pulse = { vitals: this.vitals, sentAt: this.sentAt, packetsIn: this.packetsIn };
      const step = this.watch.step(pulse, this.now);
      this.#read();
      if (!step) continue;
      this.steps.push(step);
      if (step === 'end') return false;
      this.sentAt = this.now;
      if (step === 'echo' && this.echoes) this.packetsIn++;
      if (step !== 'ask') continue;
      this.tell({ type: 'liveness', what: 'asked' });
      if (this.answers) this.tell({ type: 'liveness', what: 'answered' });
    }
    return true;
  }

  row(title: string) {
    const row = this.watch.summary(this.now).find((one) => one.title === title);
    assert.ok(row, title);
    return row;
  }

  #read(): void {
    for (let news = this.watch.pollNews(); news; news = this.watch.pollNews()) this.told.push(news.text);
  }
}

const rekeyed = (phase: 1 | 2, begunBy: 'us' | 'peer'): ClientEvent => ({
  type: 'rekeyed',
  phase,
  suite: 's',
  begunBy,
});

describe('a tunnel that is watched', () => {
  it('all well: both sides ask, both phases are renewed, data passes, and it ends by itself', () => {
    const all = new Watched();
    all.pass(30 * SECOND);
    assert.deepEqual(all.steps, ['echo', 'ask'], 'then it is silent, for the gateway to ask');
    all.askedByGateway();
    all.pass(MINUTE);
    assert.equal(all.steps.filter((step) => step === 'ask').length, 4, 'from then on it keeps the mapping by asking');
    all.tell(rekeyed(2, 'peer'));
    all.pass(10 * SECOND);
    all.tell(rekeyed(1, 'us'));
    assert.equal(all.pass(MINUTE), false);
    assert.deepEqual(all.told, [
      'Tunnel: up by NAT-T, inner address 10.77.0.2; p1, e1.',
      'Lifetimes agreed on: phase 1 8 h, ESP 60 min. Either side may renew sooner.',
      'DPD: the gateway answers us, after 0 ms.',
      'DPD: the gateway asks us after 29 s of silence, and is answered.',
      "NAT mapping: alive after 29 s of silence: the gateway's question came through it.",
      'Rekey: ESP is renewed by the gateway after 90 s: s.',
      'Rekey: data passes as before.',
      'Rekey: phase 1 is renewed after 100 s: s.',
      'Rekey: data passes as before.',
    ]);
    assert.equal(all.watch.isWell, true);
    assert.deepEqual(
      all.watch.summary(all.now).filter(({ state }) => state === 'ill'),
      [],
    );
  });

  it('a gateway that asks nothing: that is told, with the NAT that may be why', () => {
    const mute = new Watched();
    mute.pass(QUIET + 5 * SECOND);
    assert.match(
      mute.told.at(-1)!,
      /^DPD: the gateway asks nothing in 150 s of silence.*or its question does not get through the NAT/,
    );
    assert.match(mute.row('NAT mapping').text, /^not known by the tunnel/);
    assert.equal(mute.row('DPD, asked by the gateway').text, 'never');
    assert.equal(mute.watch.isWell, true);
  });

  it('a gateway that has no silence to ask in: nothing is concluded from that', () => {
    const busy = new Watched();
    for (let i = 0; i < 11 * 60; i++) {
      busy.sentAt = busy.now;
      busy.pass(SECOND);
    }
    assert.deepEqual(
      busy.told.filter((text) => text.startsWith('DPD: the gateway ask')),
      ['DPD: the gateway asked nothing in 10 min, which had no 150 s of silence: not known whether it asks by itself.'],
    );
  });

  it('a gateway that leaves questions unanswered, and data that passes no more after a rekey', () => {
    const ill = new Watched();
    ill.pass(5 * SECOND);
    Object.assign(ill, { answers: false, echoes: false });
    ill.askedByGateway();
    ill.tell(rekeyed(2, 'us'));
    ill.pass(MINUTE);
    assert.ok(ill.told.includes('DPD: the gateway left a question unanswered for 5 s.'));
    assert.ok(ill.told.includes('Rekey: an echo request went through the tunnel before it, and none does since.'));
    assert.deepEqual([ill.row('Data').state, ill.row('DPD, asked by us').state], ['ill', 'ill']);
    assert.equal(ill.watch.isWell, false);
  });

  it('an answer that comes late: how late it came is told', () => {
    const slow = new Watched();
    slow.answers = false;
    slow.pass(8 * SECOND);
    slow.tell({ type: 'liveness', what: 'answered' });
    assert.deepEqual(slow.told.slice(-2), [
      'DPD: the gateway left a question unanswered for 5 s.',
      'DPD: the gateway answers us, after 6750 ms.',
    ]);
    assert.equal(slow.watch.isWell, false);
  });

  it('an echo request that is lost is sent again', () => {
    const lossy = new Watched();
    lossy.pass(5 * SECOND);
    lossy.echoes = false;
    lossy.tell(rekeyed(2, 'us'));
    lossy.pass(5 * SECOND);
    lossy.echoes = true;
    lossy.pass(5 * SECOND);
    assert.equal(lossy.told.at(-1), 'Rekey: data passes as before.');
    assert.equal(lossy.watch.isWell, true);
  });

  it('nobody behind the gateway answers echo requests: nothing is concluded from that', () => {
    const shy = new Watched();
    shy.echoes = false;
    shy.pass(10 * SECOND);
    shy.tell(rekeyed(2, 'us'));
    shy.pass(10 * SECOND);
    assert.match(shy.row('Data').text, /^not known/);
    assert.equal(shy.watch.isWell, true);
  });

  it('a tunnel that is lost is told once, however often it is dialled; what comes next is a new one', () => {
    const lost = new Watched();
    lost.pass(10 * SECOND);
    lost.vitals = undefined;
    for (let trial = 0; trial < 3; trial++)
      lost.tell({ type: 'reconnecting', reason: 'the gateway went silent', at: 0 });
    lost.pass(MINUTE);
    lost.vitals = VITALS;
    lost.tell(UP);
    lost.pass(5 * SECOND);
    assert.equal(lost.told.filter((text) => text.startsWith('Tunnel: lost')).length, 1);
    assert.equal(lost.row('Tunnel').text, 'lost once, at last: the gateway went silent; it is dialled again');
    lost.watch.end('refused', lost.now);
    assert.equal(lost.row('Tunnel').state, 'ill');
  });

  it('a gateway that renews without end: told when it has doubled, and at the end how often', () => {
    const restless = new Watched();
    restless.pass(10 * SECOND);
    for (let i = 0; i < 1000; i++) {
      restless.tell(rekeyed(2, 'peer'));
      restless.pass(10 * SECOND);
    }
    const told = (words: RegExp) => restless.told.flatMap((text) => words.exec(text)?.[1] ?? []);
    assert.deepEqual(
      told(/^Rekey: ESP .*: s(?: \((\d+) times so far\))?\.$/),
      [2, 4, 8, 16, 32, 64, 128, 256, 512].map(String),
    );
    assert.equal(told(/^Rekey: (data passes) as before/).length, 10);
    assert.equal(restless.row('ESP renewed').text, '1000 times');
  });

  it('data that passes after every other rekey alone: told when it has doubled', () => {
    const fickle = new Watched();
    fickle.pass(10 * SECOND);
    for (let i = 0; i < 200; i++) {
      fickle.echoes = i % 2 === 1;
      fickle.tell(rekeyed(2, 'peer'));
      fickle.pass(20 * SECOND);
    }
    assert.equal(fickle.told.filter((text) => text.endsWith('none does since.')).length, 7);
    assert.ok(fickle.told.length < 40, fickle.told.join('\n'));
  });

  it('a tunnel that is lost again and again: told when it has doubled, and the last time', () => {
    const shaky = new Watched();
    for (let i = 0; i < 100; i++) {
      shaky.pass(5 * SECOND);
      shaky.tell({ type: 'reconnecting', reason: 'the gateway went silent', at: 0 });
      shaky.tell(UP);
    }
    shaky.pass(5 * SECOND);
    shaky.watch.end('refused', shaky.now);
    shaky.pass(SECOND);
    const lost = shaky.told.filter((text) => text.startsWith('Tunnel: lost'));
    assert.equal(lost.length, 8);
    assert.equal(lost.at(-1), 'Tunnel: lost after 5 s: refused (101 times so far).');
    for (const words of ['Tunnel: up', 'Lifetimes'])
      assert.equal(shaky.told.filter((text) => text.startsWith(words)).length, 8, words);
  });

  it('no longer than a day and an hour', () => {
    const long = new Watched();
    assert.equal(long.pass(26 * 60 * MINUTE), false);
    assert.ok(long.now <= 25 * 60 * MINUTE + SECOND);
  });

  it('a gateway may say what it likes: so much of it is passed on', () => {
    const talkative = new Watched();
    for (let i = 0; i < 100; i++) talkative.tell({ type: 'notice', text: `${i}` });
    assert.equal(talkative.told.filter((text) => text.startsWith('Notice: ')).length, 20);
  });
});
