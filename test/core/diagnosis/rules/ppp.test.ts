/** Inside L2TP: logins, methods, calls. Each rule with what looks like it and isn't. What keys would open is given as it is. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Conversation, type L2tpSighting } from '../../../../src/core/diagnosis/conversation.ts';
import type { PlacedFinding } from '../../../../src/core/diagnosis/diagnosis.ts';
import { judge } from '../../../../src/core/diagnosis/rules.ts';
import { CLIENT, GATEWAY } from '../stage.ts';

/** "> LCP configure-request" from the client, "< ..." from the gateway, half a second after each other, from packet 10 on. */
function inside(lines: readonly string[], quiet = 500): PlacedFinding[] {
  const conversation = new Conversation(1, CLIENT, GATEWAY);
  const [client, gateway] = [CLIENT, GATEWAY].map((address) => ({ address, port: 1701 })) as [
    L2tpSighting['source'],
    L2tpSighting['source'],
  ];
  for (const [i, line] of lines.entries())
    conversation.addL2tp({
      packet: 10 + i,
      at: 500 * i,
      source: line.startsWith('>') ? client : gateway,
      destination: line.startsWith('>') ? gateway : client,
      what: line.slice(2),
      isInside: true,
    });
  return judge({ conversations: [conversation], lastAt: 500 * (lines.length - 1) + quiet, crypto: undefined });
}

/** "rule: packets" of each finding. */
const told = (lines: readonly string[], quiet?: number) =>
  inside(lines, quiet).map(({ rule, evidence }) => `${rule}: ${evidence.map(({ packet }) => packet).join(' ')}`);

const CALL = ['> SCCRQ', '< SCCRP', '> SCCCN', '> ICRQ', '< ICRP', '> ICCN'];
const LCP = ['> LCP configure-request', '< LCP configure-request', '> LCP configure-ack', '< LCP configure-ack'];
const UP = ['> IPCP configure-request', '< IPCP configure-ack', '> IPv4'];

describe('ppp-refused', () => {
  test('the gateway says no, or hangs up on the proof', () => {
    assert.deepEqual(told([...CALL, ...LCP, '< CHAP challenge', '> CHAP response', '< CHAP failure']), [
      'ppp-refused: 21 22',
    ]);
    assert.deepEqual(told([...CALL, ...LCP, '> PAP request', '< PAP nak']), ['ppp-refused: 20 21']);
    assert.deepEqual(told([...CALL, ...LCP, '> PAP request', '< LCP terminate-request']), ['ppp-refused: 20 21']);
  });

  test('near misses: the gateway says yes and IP flows; it says yes and ends later; the client hangs up', () => {
    assert.deepEqual(told([...CALL, ...LCP, '> PAP request', '< PAP ack', ...UP]), []);
    assert.deepEqual(
      told([...CALL, ...LCP, '> CHAP response', '< CHAP success', ...UP, '< LCP terminate-request']),
      [],
    );
    assert.ok(
      !told([...CALL, ...LCP, '> PAP request', '> LCP terminate-request']).some((line) =>
        line.startsWith('ppp-refused'),
      ),
    );
  });
});

describe('ppp-disagreed', () => {
  test('an objection, and the end', () => {
    const lines = [
      ...CALL,
      '> LCP configure-request',
      '< LCP configure-nak',
      '> LCP configure-request',
      '< LCP terminate-request',
    ];
    assert.deepEqual(told(lines), ['ppp-disagreed: 16 17 19']);
  });

  test('the call ends after an objection; requests without end, objected to or not heard', () => {
    const objected = ['> LCP configure-request', '< LCP configure-reject'];
    assert.deepEqual(told([...CALL, ...objected, '< CDN']), ['ppp-disagreed: 16 17 18']);
    const without = Array.from({ length: 6 }, () => objected).flat();
    assert.deepEqual(told([...CALL, ...without]), ['ppp-disagreed: 16 27 26']);
    const unheard = Array.from({ length: 6 }, () => '> LCP configure-request');
    assert.deepEqual(told([...CALL, ...unheard], 3000), ['ppp-disagreed: 16 21']);
    assert.match(inside([...CALL, ...unheard], 3000)[0]!.cause, /gives no answer to PPP/);
  });

  test('near misses: the user ends the call; requests that are taken late; addresses are agreed on; packets were cut', () => {
    assert.deepEqual(told([...CALL, '> LCP configure-request', '> CDN']), []);
    const late = Array.from({ length: 6 }, () => '> LCP configure-request');
    assert.deepEqual(told([...CALL, ...late, '< LCP configure-ack'], 3000), []);
    const agreed = [
      '> IPCP configure-request',
      '< IPCP configure-ack',
      '< IPCP configure-request',
      '> IPCP configure-ack',
    ];
    assert.deepEqual(told([...CALL, ...LCP, ...agreed, '< LCP protocol-reject']), []);
    const objected = ['> LCP configure-request', '< LCP configure-reject', '> cut by the capture', '< CDN'];
    assert.deepEqual(told([...CALL, ...objected]), []);
  });

  test('near misses: an objection that is heeded; IP flows and the user hangs up; the capture ends', () => {
    const heeded = [
      ...CALL,
      '> LCP configure-request',
      '< LCP configure-nak',
      ...LCP,
      '> PAP request',
      '< PAP ack',
      ...UP,
    ];
    assert.deepEqual(told(heeded), []);
    assert.deepEqual(told([...heeded, '> LCP terminate-request']), []);
    assert.deepEqual(told([...CALL, '> LCP configure-request', '< LCP configure-reject']), []);
  });
});

describe('l2tp-refused', () => {
  test('the call is refused, or nobody answers', () => {
    assert.deepEqual(told(['> SCCRQ', '< StopCCN']), ['l2tp-refused: 10 11']);
    assert.deepEqual(told(['> SCCRQ', '> SCCRQ', '> SCCRQ'], 5000), ['l2tp-refused: 10']);
  });

  test('near misses: PPP began, and the user hangs up; the capture ends at once', () => {
    assert.deepEqual(told([...CALL, ...LCP, '> PAP request', '< PAP ack', ...UP, '> CDN', '> StopCCN']), []);
    assert.deepEqual(told(['> SCCRQ', '> SCCRQ'], 1000), []);
  });

  test('ICMP about UDP 1701 is told where ESP flows, and not where it is in clear', () => {
    const closed = (withEsp: boolean) => {
      const conversation = new Conversation(1, CLIENT, GATEWAY);
      const first = { packet: 5, at: 0, carrier: 'esp', sequence: 1, length: 100, fragments: 1 } as const;
      const packet = { ...first, sourcePort: 0, destinationPort: 0 };
      if (withEsp) {
        conversation.addEsp({ ...packet, spi: 0x1000, source: CLIENT, destination: GATEWAY });
        conversation.addEsp({ ...packet, spi: 0x2000, source: GATEWAY, destination: CLIENT });
      }
      conversation.addError({
        packet: 7,
        at: 10,
        from: GATEWAY,
        source: CLIENT,
        destination: GATEWAY,
        reason: 'port unreachable',
        protocol: 17,
        sourcePort: 1701,
        destinationPort: 1701,
        mtu: 0,
      });
      const findings = judge({ conversations: [conversation], lastAt: 100, crypto: undefined });
      return findings.map(({ rule, evidence }) => `${rule} ${evidence[0]!.packet}`);
    };
    assert.deepEqual(closed(true), ['l2tp-refused 7']);
    assert.deepEqual(closed(false), []);
  });
});
