/** The error when nothing gets through names what is missing, and claims nothing that the client can't know. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFailures, missingOpenings, type Sight, type Trial } from '../../../src/core/openings/missing.ts';
import { CARRIERS, type Opening, openingName, STANDARD_PORTS } from '../../../src/core/openings/openings.ts';

const IKE: Opening = { kind: 'udp', port: 500 };
const NAT_T: Opening = { kind: 'udp', port: 4500 };
const CISCO_UDP: Opening = { kind: 'udp', port: 10000 };
const ESP: Opening = { kind: 'protocol', number: 50 };
const CISCO_TCP: Opening = { kind: 'tcp', port: 10000 };

const trial = (opening: Opening, sight: Sight): Trial => ({ opening, sight });

function sightsOf(trials: readonly Trial[]) {
  return missingOpenings(CARRIERS, STANDARD_PORTS, trials, []).map(({ carrier, openings }) => [
    carrier,
    ...openings.map(({ opening, sight }) => `${openingName(opening)} ${sight}`),
  ]);
}

describe('missing openings', () => {
  it('behind a wall: what needs IKE first could not be tried', () => {
    assert.deepEqual(sightsOf([trial(NAT_T, 'silent'), trial(IKE, 'silent'), trial(CISCO_TCP, 'silent')]), [
      ['nat-t', 'udp/4500 silent'],
      ['esp', 'udp/500 silent', 'protocol/50 untried'],
      ['cisco-udp', 'udp/500 silent', 'udp/10000 untried'],
      ['cisco-tcp', 'tcp/10000 silent'],
    ]);
  });

  it('an answer counts more than an earlier silence, and than a refusal', () => {
    const trials = [trial(IKE, 'silent'), trial(IKE, 'answered'), trial(IKE, 'refused'), trial(ESP, 'silent')];
    assert.deepEqual(sightsOf(trials)[1], ['esp', 'udp/500 answered', 'protocol/50 silent']);
  });

  it('words for a person: every carrier with all that it needs', () => {
    const trials = [
      trial(NAT_T, 'silent'),
      trial(IKE, 'answered'),
      trial(ESP, 'silent'),
      trial(CISCO_UDP, 'silent'),
      trial(CISCO_TCP, 'refused'),
    ];
    assert.equal(
      formatFailures('vpn.example', missingOpenings(CARRIERS, STANDARD_PORTS, trials, [])),
      `no carrier gets through to vpn.example
  NAT-T: needs UDP 4500 (no answer)
  native ESP: needs UDP 500 (open) and IP protocol 50 (no answer)
  Cisco IPsec over UDP: needs UDP 500 (open) and UDP 10000 (no answer)
  Cisco IPsec over TCP: needs TCP 10000 (refused by the gateway)
What one carrier needs is enough; 'sallyport openings' shows the rules for your firewall.`,
    );
  });

  it('words when nothing came back at all: it may be the gateway', () => {
    const trials = [trial(NAT_T, 'silent'), trial(IKE, 'silent'), trial(CISCO_TCP, 'silent')];
    const words = formatFailures('192.0.2.1', missingOpenings(CARRIERS, STANDARD_PORTS, trials, []));
    assert.match(words, /needs UDP 500 \(no answer\) and IP protocol 50 \(could not be tried\)/);
    assert.match(words, /Nothing came back at all: a firewall stops all of it, or nothing runs at 192\.0\.2\.1\./);
  });

  it('tells what the gateway does not offer', () => {
    const failures = missingOpenings(['cisco-udp'], STANDARD_PORTS, [trial(IKE, 'answered')], ['cisco-udp']);
    assert.match(formatFailures('gw', failures), /Cisco IPsec over UDP: the gateway does not offer it/);
  });
});
