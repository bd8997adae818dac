/** Both sides of a cTCP flow in simulated time, and a TCP as others have it on the far side. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { CTCP_WINDOW, CTCP_WINDOW_SHIFT, CtcpFlow, type SegmentVerdict } from '../../../src/core/carrier/ctcp-flow.ts';
import { emptySegment, type SynOptions, TcpFlag, type TcpSegment } from '../../../src/core/wire/tcp.ts';
import { Seeded } from '../../seeded.ts';

const { ACK, FIN, PSH, RST, SYN } = TcpFlag;
const OPTIONS: SynOptions = { mss: 1440, windowShift: CTCP_WINDOW_SHIFT };
const PLAIN: SynOptions = { mss: 1440, windowShift: undefined };
const SERVER_ISN = 0xffff_fff0;
const CLIENT_ISN = 0x7fff_fff0;

let now: number;
let client: CtcpFlow;
let server: CtcpFlow;
beforeEach(() => {
  now = 1000;
  [client, server] = pair();
});

function segment(fields: Partial<TcpSegment>): TcpSegment {
  return { ...emptySegment(), window: CTCP_WINDOW, headerLength: 20, flags: ACK, ...fields };
}

function pair(options = OPTIONS): [CtcpFlow, CtcpFlow] {
  const began = CtcpFlow.begin(CLIENT_ISN);
  const synAck = { flags: SYN | ACK, sequence: SERVER_ISN, acknowledgment: (CLIENT_ISN + 1) >>> 0 };
  assert.equal(began.handleSegment(segment(synAck), options, now), 'opened');
  const third = segment({ sequence: began.sequence, acknowledgment: began.acknowledgment });
  const accepted = CtcpFlow.accept(third, options);
  assert.equal(accepted.handleSegment(third, undefined, now), 'noted');
  return [began, accepted];
}

/** The next segment of `from`, as it leaves. */
function send(from: CtcpFlow, payloadLength: number, flags: number = PSH | ACK): TcpSegment {
  const { sequence, acknowledgment } = from;
  from.noteSent(payloadLength);
  return segment({ sequence, acknowledgment, payloadLength, flags });
}

function give(to: CtcpFlow, what: Partial<TcpSegment>): SegmentVerdict {
  return to.handleSegment(segment(what), undefined, now);
}

test('packets go both ways, across the turn of the numbers', () => {
  for (let i = 0; i < 40; i++) {
    assert.equal(give(server, send(client, 1000)), 'next');
    assert.equal(server.acknowledgeSoon, true);
    assert.equal(give(client, send(server, 700)), 'next');
    assert.equal(server.acknowledgeSoon, false);
  }
  assert.equal(client.sequence, (CLIENT_ISN + 1 + 40_000) >>> 0);
  assert.equal(client.acknowledgment, (SERVER_ISN + 1 + 28_000) >>> 0);
});

test('the highest number seen is acknowledged, gaps included; what comes late is taken as well', () => {
  const [first, second, third] = [send(client, 100), send(client, 200), send(client, 300)];
  assert.equal(give(server, third), 'gap');
  assert.equal(server.acknowledgment, (third.sequence + 300) >>> 0);
  assert.equal(give(server, first), 'old');
  assert.equal(give(server, second), 'old');
  assert.equal(server.acknowledgment, (third.sequence + 300) >>> 0);
  assert.equal(give(server, { ...third, payloadLength: 350 }), 'next');
  assert.equal(server.skip, 300, 'a longer repeat brings its end');
});

test('a SYN that is refused, answered by another life, or guessed at', () => {
  const flow = CtcpFlow.begin(5000);
  const answer = (fields: Partial<TcpSegment>, options?: SynOptions) =>
    flow.handleSegment(segment(fields), options, now);
  assert.equal(answer({ flags: RST | ACK, acknowledgment: 4999 }), 'stray');
  assert.equal(answer({ flags: RST, acknowledgment: 5001 }), 'stray');
  assert.equal(answer({ flags: SYN | ACK, acknowledgment: 9 }, OPTIONS), 'misplaced');
  assert.equal(answer({ flags: ACK, acknowledgment: 777 }), 'misplaced');
  assert.equal(answer({ flags: SYN }, OPTIONS), 'stray');
  assert.equal(answer({ flags: RST | ACK, acknowledgment: 5001 }), 'refused');
  assert.equal(answer({ flags: SYN | ACK, acknowledgment: 5001 }, OPTIONS), 'misplaced');
});

test('blind segments end nothing: RST, SYN and data outside of the window, acknowledgements of what was never sent', () => {
  give(server, send(client, 100));
  const { sequence, acknowledgment } = client;
  const far = (sequence + (CTCP_WINDOW << CTCP_WINDOW_SHIFT) + 1) >>> 0;
  const blind: Partial<TcpSegment>[] = [
    { flags: RST, sequence: (sequence + 1) >>> 0 },
    { flags: RST, sequence: far },
    { flags: SYN, sequence },
    { flags: SYN, sequence: far },
    { sequence: far, acknowledgment, payloadLength: 10 },
    { sequence, acknowledgment: (acknowledgment + 1) >>> 0, payloadLength: 10 },
    { flags: FIN | ACK, sequence: far, acknowledgment },
  ];
  for (const one of blind) {
    now += 2000;
    assert.equal(give(server, one), 'challenge');
    assert.equal(give(server, one), 'stray', 'once a second');
    assert.equal(server.awaits, 'segments');
  }
  assert.equal(give(server, { flags: PSH, sequence, payloadLength: 4 }), 'stray', 'without ACK');
  assert.equal(give(server, { flags: RST, sequence }), 'reset');
});

test('FIN ends a flow as RST does; after its end all is misplaced', () => {
  assert.equal(give(server, send(client, 0, FIN | ACK)), 'reset');
  assert.equal(give(server, send(client, 10)), 'misplaced');
});

test('a keepalive is answered', () => {
  const { sequence, acknowledgment } = client;
  assert.equal(give(server, { sequence: (sequence - 1) >>> 0, acknowledgment }), 'asked');
});

test("not more than the other side's window is under way", () => {
  for (const options of [PLAIN, OPTIONS]) {
    [client, server] = pair(options);
    const most = CTCP_WINDOW << (options.windowShift ?? 0);
    let sent = 0;
    for (; client.hasRoom(1400, now); sent += 1400) send(client, 1400);
    // after the handshake the window isn't scaled yet
    assert.ok(sent > CTCP_WINDOW - 1400 && sent <= most, `${sent}`);
    give(client, { sequence: client.acknowledgment, acknowledgment: client.sequence });
    for (sent = 0; client.hasRoom(1400, now); sent += 1400) send(client, 1400);
    assert.ok(sent > most - 1400 && sent <= most, `${sent}`);
  }
});

test('when nothing is acknowledged for long, it goes on where something seems to be missing', () => {
  const first = send(client, 1000);
  while (client.hasRoom(1000, now)) send(client, 1000);
  now += 900;
  assert.equal(client.hasRoom(1000, now), false);
  now += 200;
  assert.equal(client.hasRoom(1000, now), true);
  assert.equal(client.sequence, first.sequence);
  // an acknowledgement of what went before still counts
  const ahead = (first.sequence + 30_000) >>> 0;
  give(client, { sequence: client.acknowledgment, acknowledgment: ahead });
  assert.equal(client.sequence, ahead);
});

test('a closed window is probed, and an opened one used', () => {
  give(client, { sequence: client.acknowledgment, acknowledgment: client.sequence, window: 0 });
  assert.equal(client.hasRoom(100, now), true, 'the probe');
  send(client, 100);
  assert.equal(client.hasRoom(100, now), false);
  give(client, { sequence: client.acknowledgment, acknowledgment: client.sequence, window: 10 });
  assert.equal(client.hasRoom(100, now), true);
});

test('two minutes with a tenth of all segments lost: the flow never stalls, and no stateful firewall objects', () => {
  for (let seed = 0; seed < 10; seed++) {
    const options = seed % 2 ? PLAIN : OPTIONS;
    [client, server] = pair(options);
    const random = new Seeded(seed);
    const window = CTCP_WINDOW << (options.windowShift ?? 0);
    const firewall = { client: new Tracked(client, window), server: new Tracked(server, window) };
    let [arrived, lastArrival] = [0, now];
    for (let i = 0; i < 6000; i++) {
      now += 20;
      for (const [from, to, name] of [
        [client, server, 'client'],
        [server, client, 'server'],
      ] as const) {
        const length = 100 + random.below(1300);
        if (!from.hasRoom(length, now)) continue;
        const out = send(from, length);
        if (random.chance(0.1)) continue;
        const other = name === 'client' ? firewall.server : firewall.client;
        assert.ok(firewall[name].passes(out, other), `seed ${seed}: ${JSON.stringify(out)}`);
        if (random.chance(0.1)) continue;
        const verdict = give(to, out);
        assert.ok(['next', 'gap', 'old'].includes(verdict), verdict);
        arrived++;
        assert.ok(now - lastArrival < 3000, `seed ${seed}: nothing for ${now - lastArrival} ms`);
        lastArrival = now;
      }
    }
    assert.ok(arrived > 8000, `${arrived}`);
  }
});

test('after an outage of ten seconds it goes on, whoever has more to say, and the firewall follows', () => {
  for (const options of [PLAIN, OPTIONS])
    for (const lengths of [
      [1400, 100],
      [100, 1400],
      [1400, 1400],
    ] as const) {
      [client, server] = pair(options);
      const window = CTCP_WINDOW << (options.windowShift ?? 0);
      const firewall = { client: new Tracked(client, window), server: new Tracked(server, window) };
      const begin = now;
      let after = 0;
      while (now < begin + 20_000) {
        now += 1;
        const isOut = now > begin + 3000 && now < begin + 13_000;
        for (const [from, to, length, own, other] of [
          [client, server, lengths[0], firewall.client, firewall.server],
          [server, client, lengths[1], firewall.server, firewall.client],
        ] as const) {
          if (!from.hasRoom(length, now)) continue;
          const out = send(from, length);
          if (isOut || !own.passes(out, other)) continue;
          give(to, out);
          if (now > begin + 15_000) after++;
        }
      }
      assert.ok(after > 4000, `${lengths}, ${window}: ${after} segments in the last five seconds`);
    }
});

/** One direction as Linux's connection tracking keeps it (nf_conntrack_proto_tcp.c, tcp_in_window). */
class Tracked {
  end: number;
  /** What the other side may send up to. */
  allowed: number;
  readonly #window: number;

  constructor(flow: CtcpFlow, window: number) {
    this.end = flow.sequence;
    this.allowed = (flow.acknowledgment + window) >>> 0;
    this.#window = window;
  }

  passes({ sequence, acknowledgment, payloadLength }: TcpSegment, other: Tracked): boolean {
    const window = this.#window;
    const end = (sequence + payloadLength) >>> 0;
    const inWindow =
      behind(sequence, other.allowed) >= 0 &&
      behind(this.end - window - 1, end) >= 0 &&
      behind(acknowledgment, other.end) >= 0 &&
      behind(other.end - window, acknowledgment) >= 0;
    if (behind(this.end, end) > 0) this.end = end;
    const allowed = (acknowledgment + window) >>> 0;
    if (behind(this.allowed, allowed) > 0) this.allowed = allowed;
    return inWindow;
  }
}

function behind(from: number, to: number): number {
  return (to - from) | 0;
}

test('a relay, whose TCP waits for each byte, gets what it waits for', () => {
  for (let seed = 0; seed < 10; seed++) {
    [client] = pair(PLAIN);
    const random = new Seeded(seed);
    const relay = new OrdinaryReceiver(client.sequence);
    let before = 0;
    for (let i = 0; i < 4000; i++) {
      now += 10;
      const length = 100 + random.below(1300);
      if (client.hasRoom(length, now)) {
        const out = send(client, length);
        if (!random.chance(0.05)) relay.receive(out);
      }
      if (!random.chance(0.05)) {
        const { acknowledgment, window } = relay;
        give(client, { sequence: client.acknowledgment, acknowledgment, window });
      }
      if (i % 400 === 399) {
        assert.ok(relay.delivered - before > 20_000, `seed ${seed}: ${relay.delivered - before} bytes in four seconds`);
        before = relay.delivered;
      }
    }
  }
});

/** Delivers in order, keeps what came too early, acknowledges what it delivered: RFC 9293. */
class OrdinaryReceiver {
  delivered = 0;
  #expected: number;
  readonly #early = new Map<number, number>();

  constructor(expected: number) {
    this.#expected = expected;
  }

  get acknowledgment(): number {
    return this.#expected;
  }

  get window(): number {
    return CTCP_WINDOW;
  }

  receive({ sequence, payloadLength }: TcpSegment): void {
    if (behind(this.#expected, sequence + payloadLength) > CTCP_WINDOW) return;
    this.#early.set(sequence, Math.max(payloadLength, this.#early.get(sequence) ?? 0));
    for (let moved = true; moved; ) {
      moved = false;
      for (const [from, length] of this.#early) {
        if (behind(this.#expected, from) > 0) continue;
        this.#early.delete(from);
        const gained = behind(this.#expected, (from + length) >>> 0);
        if (gained <= 0) continue;
        this.#expected = (from + length) >>> 0;
        this.delivered += gained;
        moved = true;
      }
    }
  }
}
