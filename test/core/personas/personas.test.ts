/** Personas: what goes on the wire is what the clients were seen to send, and what they offer is kept when it is chosen. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toHex } from '../../../src/core/bytes/text.ts';
import { addressIdentity, keyIdentity } from '../../../src/core/ikev1/identity.ts';
import { phase1SuiteName } from '../../../src/core/ikev1/phase1-proposal.ts';
import { phase2SuiteName } from '../../../src/core/ikev1/phase2-proposal.ts';
import { phase1Proposals } from '../../../src/core/personas/offer.ts';
import type { PersonaName } from '../../../src/core/personas/persona.ts';
import { isPersonaName, PERSONA_NAMES, PERSONAS } from '../../../src/core/personas/personas.ts';
import { type Phase1Wishes, phase1Intent, phase2Intent } from '../../../src/core/session/client/offer.ts';
import { Authentication, EncapsulationMode } from '../../../src/core/wire/ikev1.ts';
import { PayloadType, parseMessage, parseWholeChain } from '../../../src/core/wire/isakmp.ts';
import { CLIENT, establishedPair, keysMatch, Pair, quickMode } from '../ikev1/pair.ts';

/**
 * The payloads of message 1 of a Windows 10 (L2TP with a pre-shared key), published in a scanner for VPN gateways: an SA
 * payload of five transforms and eight vendor IDs, 408 bytes in all.
 */
const WINDOWS_SA =
  '0000000100000001000000c801010005030000280101000080010007800e0100800200028004001480030001800b0001000c0004000070' +
  '80030000280201000080010007800e0080800200028004001380030001800b0001000c000400007080030000280301000080010007800e' +
  '0100800200028004000e80030001800b0001000c000400007080030000240401000080010005800200028004000e80030001800b000100' +
  '0c000400007080000000240501000080010005800200028004000280030001800b0001000c000400007080';
const WINDOWS_VENDOR_IDS = [
  '01528bbbc00696121849ab9a1c5b2a5100000001',
  '1e2b516905991c7d7c96fcbfb587e46100000009',
  '4a131c81070358455c5728f20e95452f',
  '90cb80913ebb696e086381b5ec427b1f',
  '4048b7d56ebce88525e7de7f00d6c2d3',
  'fb1de3cdf341b7ea16b7e5be0855f120',
  '26244d38eddb61b3172a36e3d0cfb819',
  'e3a5966a76379fe707228231e5ce8652',
];

const MAIN_PSK: Phase1Wishes = {
  exchange: 'main',
  authentication: 'psk',
  xauth: false,
  group: undefined,
  legacy: true,
};

/** A pair whose client takes the persona. */
function imitate(name: PersonaName, wishes: Partial<Phase1Wishes> = {}): Pair {
  const all = { ...MAIN_PSK, ...wishes };
  const intent = phase1Intent(PERSONAS[name], all)!;
  const identity = all.exchange === 'aggressive' ? keyIdentity('group') : addressIdentity(CLIENT.address);
  return new Pair({ mode: all.exchange, intent: { ...intent, identity } });
}

function firstMessage(pair: Pair) {
  const message = parseMessage(pair.wire[0]!.message);
  return { length: pair.wire[0]!.message.length, payloads: parseWholeChain(message.header.nextPayload, message.body) };
}

function vendorIds(pair: Pair): string[] {
  return firstMessage(pair).payloads.flatMap(({ type, body }) => (type === PayloadType.VID ? [toHex(body)] : []));
}

describe('windows-11', () => {
  test('sends, byte for byte, what a Windows was seen to send', () => {
    const pair = imitate('windows-11');
    const [sa] = firstMessage(pair).payloads;
    assert.equal(toHex(sa!.body), WINDOWS_SA);
    assert.deepEqual(vendorIds(pair), WINDOWS_VENDOR_IDS);
    assert.equal(firstMessage(pair).length, 408);
  });

  test('numbers its quick modes 1, 2, 3', () => {
    const pair = imitate('windows-11').run();
    const ids = [1, 2, 3].map(() => quickMode(pair, 'client').gateway.messageId);
    assert.deepEqual(ids, [1, 2, 3]);
  });
});

test('windows-vista counts as well, windows-xp draws lots', () => {
  const vista = imitate('windows-vista').run();
  assert.deepEqual(
    [quickMode(vista, 'client').gateway.messageId, quickMode(vista, 'client').gateway.messageId],
    [1, 2],
  );
  assert.ok(vista.gateway.last('established').traits.countingMessageIds);
  const xp = imitate('windows-xp').run();
  const ids = [1, 2, 3].map(() => quickMode(xp, 'client').gateway.messageId);
  assert.ok(ids.every((id) => id > 0xff));
  assert.ok(!xp.gateway.last('established').traits.countingMessageIds);
});

describe('cisco-4.0', () => {
  const wishes = { exchange: 'aggressive', xauth: true } as const;

  test('sends a message 1 as long as one that an ASA logged', () => {
    assert.equal(firstMessage(imitate('cisco-4.0', wishes)).length, 849);
  });

  test('offers fourteen transforms, each cipher with XAUTH first', () => {
    const [proposal] = phase1Proposals(PERSONAS['cisco-4.0'], {
      authentication: Authentication.XAUTH_INIT_PSK,
      withoutXauth: Authentication.PSK,
      group: undefined,
      legacy: true,
    });
    const names = proposal!.transforms.map(({ attributes }) =>
      attributes
        .slice(0, 4)
        .map(({ value }) => value)
        .join(),
    );
    assert.deepEqual(names.slice(0, 5), ['7,2,2,65001', '7,1,2,65001', '7,2,2,1', '7,1,2,1', '7,2,2,65001']);
    assert.deepEqual(names.slice(-2), ['1,1,2,65001', '1,1,2,1']);
    assert.equal(names.length, 14);
    assert.equal(proposal!.transforms[0]!.attributes.at(-1)!.value, 256);
  });

  test('accepts none of what it only offers: DES', () => {
    const { suites } = phase1Intent(PERSONAS['cisco-4.0'], { ...MAIN_PSK, ...wishes })!;
    assert.equal(suites.length, 12);
    assert.ok(suites.every(({ cipher }) => cipher === 'aes-cbc' || cipher === '3des-cbc'));
  });

  test('offers the group of the profile, when it names another', () => {
    const { suites } = phase1Intent(PERSONAS['cisco-4.0'], { ...MAIN_PSK, ...wishes, group: 14 })!;
    assert.deepEqual([...new Set(suites.map(({ group }) => group))], [14]);
    assert.equal(suites.length, 12);
  });

  test('has nothing without legacy algorithms, but with another group', () => {
    assert.equal(phase1Intent(PERSONAS['cisco-4.0'], { ...MAIN_PSK, ...wishes, legacy: false }), undefined);
    const { suites } = phase1Intent(PERSONAS['cisco-4.0'], { ...MAIN_PSK, ...wishes, legacy: false, group: 14 })!;
    assert.deepEqual(suites.map(phase1SuiteName).slice(0, 2), [
      'aes256-sha1-modp2048 (xauth-psk)',
      'aes256-sha1-modp2048 (psk)',
    ]);
  });
});

test('sallyport speaks as it always did', () => {
  const own = firstMessage(new Pair()).payloads.filter(({ type }) => type === PayloadType.VID);
  assert.deepEqual(
    vendorIds(imitate('sallyport')),
    own.map(({ body }) => toHex(body)),
  );
});

for (const name of PERSONA_NAMES) {
  const persona = PERSONAS[name];
  const transport = persona.phase2.mode === 'transport';

  describe(name, () => {
    test('establishes phase 1 and 2 in main mode', () => {
      const pair = imitate(name, { xauth: !transport }).run();
      assert.ok(pair.client.sa!.established && pair.gateway.sa!.established);
      const intent = phase2Intent(persona, { mode: EncapsulationMode.TUNNEL, group: undefined, legacy: true })!;
      assert.ok(keysMatch(quickMode(pair, 'client', intent)));
      assert.ok(keysMatch(quickMode(pair, 'gateway')));
    });

    if (!transport) {
      test('establishes phase 1 and 2 in aggressive mode, with PFS', () => {
        const pair = imitate(name, { exchange: 'aggressive', xauth: true }).run();
        assert.ok(pair.client.sa!.established && pair.gateway.sa!.established);
        const intent = phase2Intent(persona, { mode: EncapsulationMode.TUNNEL, group: 14, legacy: false })!;
        const { gateway, client } = quickMode(pair, 'client', intent);
        assert.ok(keysMatch({ gateway, client }));
        assert.equal(gateway.suite.group, 14);
      });
    }

    test('each suite that it offers in phase 2 is kept when it is chosen', () => {
      const wishes = { mode: EncapsulationMode.TUNNEL, group: undefined, legacy: true };
      const { suites, proposals, lifetime } = phase2Intent(persona, wishes)!;
      const pair = establishedPair();
      for (const suite of suites) {
        const proposal = proposals!.flatMap((one) =>
          one.transforms.map((transform) => ({ ...one, transforms: [transform] })),
        )[suites.indexOf(suite)]!;
        const pairs = quickMode(pair, 'client', { suites: [suite], proposals: [proposal], lifetime });
        assert.ok(keysMatch(pairs), phase2SuiteName(suite));
        assert.equal(phase2SuiteName(pairs.gateway.suite), phase2SuiteName(suite));
      }
    });

    test('offers nothing of old without leave', () => {
      const legacy = /3des|md5|modp1024|modp1536/;
      const phase1 = phase1Intent(persona, { ...MAIN_PSK, legacy: false })?.suites ?? [];
      const phase2 = phase2Intent(persona, { mode: EncapsulationMode.TUNNEL, group: undefined, legacy: false });
      assert.ok(!phase1.map(phase1SuiteName).some((one) => legacy.test(one)));
      assert.ok(!(phase2?.suites ?? []).map(phase2SuiteName).some((one) => legacy.test(one)));
    });

    test('says nothing of NAT traversal when none is done', () => {
      const intent = phase1Intent(persona, MAIN_PSK)!;
      const pair = new Pair({ intent, client: { natTraversal: false } });
      const ids = vendorIds(pair);
      assert.ok(ids.length > 0);
      for (const id of ids) assert.doesNotMatch(id, /^(4a131c81|90cb8091|cd604643|7d9419a6)/);
    });

    test('fragments only if it says that it does', () => {
      const says = persona.vendorIds.some((id) => toHex(id).startsWith('4048b7d56ebce88525e7de7f00d6c2d3'));
      assert.equal(imitate(name).run().client.last('established').traits.fragmentation, says);
    });
  });
}

test('a name is a persona or none', () => {
  assert.ok(isPersonaName('macos'));
  for (const name of ['', 'toString', 'windows', 'MACOS']) assert.ok(!isPersonaName(name));
});
