/** Choosing among what a peer offers: by our own preference, never what is refused for good, and a refusal that helps. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DhGroup, EspSuite, HashName } from '../../../src/core/crypto/algorithms.ts';
import {
  acceptPhase1Choice,
  choosePhase1,
  type Phase1Suite,
  phase1Offer,
  phase1SuiteName,
} from '../../../src/core/ikev1/phase1-proposal.ts';
import {
  acceptPhase2Choice,
  choosePhase2,
  type Phase2Rules,
  type Phase2Suite,
  phase2Offer,
  phase2SuiteName,
} from '../../../src/core/ikev1/phase2-proposal.ts';
import {
  Authentication,
  EncapsulationMode,
  EspTransform,
  numericAttribute,
  Phase1Attribute,
  Phase1Encryption,
  Phase2Attribute,
  type Proposal,
  type Transform,
} from '../../../src/core/wire/ikev1.ts';
import { Seeded } from '../../seeded.ts';
import { SUITE } from './pair.ts';

const RULES = { legacy: false, authentications: [Authentication.XAUTH_INIT_PSK, Authentication.PSK] };
const GROUPS: readonly DhGroup[] = [2, 5, 14, 15, 16, 19, 20];
const HASHES: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];

function suite(overrides: Partial<Phase1Suite>): Phase1Suite {
  return { ...SUITE, ...overrides };
}

function choose1(suites: readonly Phase1Suite[], rules: Parameters<typeof choosePhase1>[1] = RULES): string {
  const choice = choosePhase1(phase1Offer(suites, 3600), rules);
  return 'suite' in choice ? phase1SuiteName(choice.suite) : choice.refused;
}

/** Changes an attribute of the only transform of an offer. */
function changed(offer: readonly Proposal[], type: number, value: number): Proposal[] {
  return offer.map((proposal) => ({
    ...proposal,
    transforms: proposal.transforms.map((transform) => ({
      ...transform,
      attributes: transform.attributes.map((one) => (one.type === type ? numericAttribute(type, value) : one)),
    })),
  }));
}

describe('phase 1', () => {
  test('takes groups 19, 14, 20, 15, 16 in this order, whatever the order of the offer', () => {
    const order: DhGroup[] = [19, 14, 20, 15, 16];
    for (let from = 0; from < order.length; from++) {
      const offered = order.slice(from).reverse();
      assert.match(choose1(offered.map((group) => suite({ group }))), new RegExp(nameOf(order[from]!)));
    }
  });

  test("takes group 19 of Windows 10's offer of 20, 19, 14, 2", () => {
    const offered = ([20, 19, 14, 2] as const).map((group) =>
      suite({ group, cipher: 'aes-cbc', keyBits: 256, hash: 'sha1' }),
    );
    assert.match(choose1(offered), /ecp256/);
  });

  test('takes the method that logs a user in before the one that does not', () => {
    const both = [suite({ authentication: Authentication.PSK }), suite({})];
    assert.match(choose1(both), /xauth-psk/);
  });

  test('refuses what is legacy unless it is let in, and says what to change', () => {
    for (const [overrides, words] of [
      [{ group: 2 }, /modp1024 only with 'legacy: true'; better: let the client offer aes128-sha256-modp2048/],
      [{ group: 5 }, /modp1536 only with 'legacy: true'/],
      [{ hash: 'md5' }, /md5 only with 'legacy: true'/],
      [{ cipher: '3des-cbc', keyBits: 192 }, /3des only with 'legacy: true'/],
      [{ cipher: '3des-cbc', keyBits: 192, hash: 'md5', group: 2 }, /3des and md5 and modp1024 only/],
    ] as const) {
      assert.match(choose1([suite(overrides)]), words);
      assert.equal(choose1([suite(overrides)], { ...RULES, legacy: true }), phase1SuiteName(suite(overrides)));
    }
  });

  test('takes legacy last even where it is let in', () => {
    const offered = [suite({ group: 2 }), suite({ cipher: '3des-cbc', keyBits: 192 }), suite({ group: 15 })];
    assert.match(choose1(offered, { ...RULES, legacy: true }), /modp3072|modp2048/);
    assert.match(choose1([suite({ hash: 'md5' }), suite({ hash: 'sha1' })], { ...RULES, legacy: true }), /sha1/);
  });

  test('never takes DES or what has no number here', () => {
    const rules = { ...RULES, legacy: true };
    const offer = phase1Offer([suite({})], 3600);
    for (const [type, value] of [
      [Phase1Attribute.ENCRYPTION, Phase1Encryption.DES_CBC],
      [Phase1Attribute.ENCRYPTION, 0],
      [Phase1Attribute.HASH, 3],
      [Phase1Attribute.GROUP, 1],
      [Phase1Attribute.GROUP, 0xffff],
      [Phase1Attribute.KEY_LENGTH, 64],
      [Phase1Attribute.KEY_LENGTH, 129],
      [Phase1Attribute.AUTHENTICATION, 0],
    ] as const)
      assert.ok('refused' in choosePhase1(changed(offer, type, value), rules), `${type} = ${value}`);
  });

  test('speaks of the nearest offer: the one with the fewest things to change', () => {
    const far = suite({ cipher: '3des-cbc', keyBits: 192, hash: 'md5', group: 2 });
    const near = suite({ group: 5 });
    for (const offered of [
      [far, near],
      [near, far],
    ])
      assert.match(choose1(offered), /the nearest offered is aes128-sha256-modp1536/);
  });

  test('of aggressive mode must have the group of its KE payload', () => {
    assert.match(choose1([suite({ group: 14 })], { ...RULES, publicLength: 128 }), /KE payload is of another group/);
    const two = [suite({ group: 15 }), suite({ group: 14 })];
    assert.match(choose1(two, { ...RULES, publicLength: 384 }), /modp3072/);
  });

  test('answers the chosen transform as it was offered, and the initiator knows it again', () => {
    const random = new Seeded(23);
    for (let round = 0; round < 300; round++) {
      const suites = Array.from({ length: 1 + random.below(8) }, () =>
        suite({
          ...random.pick([{ cipher: 'aes-cbc', keyBits: random.pick([128, 192, 256]) } as const]),
          hash: random.pick(HASHES),
          group: random.pick(GROUPS),
        }),
      );
      const offer = phase1Offer(suites, 3600);
      const choice = choosePhase1(offer, { ...RULES, legacy: true });
      assert.ok('suite' in choice);
      const [answered] = choice.answer.transforms;
      assert.ok(offer[0]!.transforms.includes(answered!));
      const accepted = acceptPhase1Choice([choice.answer], suites);
      assert.equal(accepted && phase1SuiteName(accepted.suite), phase1SuiteName(choice.suite));
      assert.equal(accepted?.lifetime, 3600);
    }
  });

  test('that was not offered is not accepted', () => {
    const answer = phase1Offer([suite({ group: 2 })], 3600);
    assert.equal(acceptPhase1Choice(answer, [suite({ group: 14 })]), undefined);
    assert.equal(acceptPhase1Choice([], [suite({})]), undefined);
    assert.equal(acceptPhase1Choice(phase1Offer([suite({}), suite({})], 3600), [suite({})]), undefined);
  });

  test('of nothing at all is refused in words', () => {
    assert.match((choosePhase1([], RULES) as { refused: string }).refused, /offer is empty/);
  });

  test('reads lifetimes of two and of four bytes', () => {
    for (const seconds of [60, 65_535, 65_536, 4_294_967_295]) {
      const choice = choosePhase1(phase1Offer([suite({})], seconds), RULES);
      assert.equal('lifetime' in choice && choice.lifetime, seconds);
    }
  });
});

function nameOf(group: DhGroup): string {
  return { 2: 'modp1024', 5: 'modp1536', 14: 'modp2048', 15: 'modp3072', 16: 'modp4096', 19: 'ecp256', 20: 'ecp384' }[
    group
  ];
}

describe('phase 2', () => {
  const modes = [EncapsulationMode.UDP_TUNNEL];
  const rules: Phase2Rules = { legacy: false, modes, publicLength: undefined };
  const lifetime = { seconds: 3600, kilobytes: undefined };
  const GCM: EspSuite = { cipher: 'aes-gcm', keyBits: 128 };
  const cbc = (integrity: HashName, keyBits = 128): EspSuite => ({ cipher: 'aes-cbc', keyBits, integrity });
  const TRIPLE: EspSuite = { cipher: '3des-cbc', keyBits: 192, integrity: 'sha1' };

  const esp = (one: EspSuite, overrides: Partial<Phase2Suite> = {}): Phase2Suite => ({
    esp: one,
    group: undefined,
    mode: EncapsulationMode.UDP_TUNNEL,
    ...overrides,
  });

  function choose2(suites: readonly Phase2Suite[], changes: Partial<Phase2Rules> = {}): string {
    const choice = choosePhase2(phase2Offer(suites, 0x1234, lifetime), { ...rules, ...changes });
    return 'suite' in choice ? phase2SuiteName(choice.suite) : choice.refused;
  }

  test('takes GCM before CBC, SHA-2 before SHA-1', () => {
    assert.match(choose2([esp(cbc('sha1')), esp(cbc('sha256')), esp(GCM)]), /^aes128gcm16/);
    assert.match(choose2([esp(cbc('sha1')), esp(cbc('sha256'))]), /^aes128-sha256/);
    assert.match(choose2([esp(TRIPLE), esp(cbc('sha1'))], { legacy: true }), /^aes128-sha1/);
  });

  test('refuses the wrong mode and names the right ones', () => {
    assert.match(
      choose2([esp(GCM, { mode: EncapsulationMode.TUNNEL })]),
      /tunnel mode was asked, this path allows udp-tunnel; see 'carriers'/,
    );
    assert.match(choose2([esp(GCM)], { modes: [] }), /none: switch a carrier on/);
    assert.match(choose2([esp(GCM, { mode: EncapsulationMode.UDP_TRANSPORT })]), /udp-transport mode was asked/);
  });

  test('holds PFS to the KE payload that came', () => {
    assert.match(choose2([esp(GCM, { group: 14 })], { publicLength: 256 }), /pfs modp2048/);
    assert.match(choose2([esp(GCM, { group: 14 })]), /its group and its KE payload differ/);
    assert.match(choose2([esp(GCM)], { publicLength: 256 }), /its group and its KE payload differ/);
    assert.match(choose2([esp(GCM, { group: 15 })], { publicLength: 256 }), /its group and its KE payload differ/);
  });

  test('refuses legacy unless it is let in', () => {
    assert.match(choose2([esp(TRIPLE)]), /3des only with 'legacy: true'/);
    assert.match(choose2([esp(cbc('md5'))]), /md5 only with 'legacy: true'/);
    assert.match(choose2([esp(GCM, { group: 2 })], { publicLength: 128 }), /modp1024 only with 'legacy: true'/);
    assert.match(choose2([esp(TRIPLE)], { legacy: true }), /^3des-sha1/);
  });

  test('never takes null, DES, AH, or a cipher without integrity', () => {
    const offer = phase2Offer([esp(cbc('sha1'))], 0x1234, lifetime);
    const [proposal] = offer;
    const [transform] = proposal!.transforms;
    const all = { ...rules, legacy: true };
    const withTransform = (changes: object) => [{ ...proposal!, transforms: [{ ...transform!, ...changes }] }];
    for (const id of [EspTransform.NULL, EspTransform.DES, 0, 99])
      assert.ok('refused' in choosePhase2(withTransform({ id }), all), `transform ${id}`);
    assert.ok('refused' in choosePhase2([{ ...proposal!, protocol: 2 }], all));
    const bare = transform!.attributes.filter(({ type }) => type !== Phase2Attribute.AUTHENTICATION);
    assert.ok('refused' in choosePhase2(withTransform({ attributes: bare }), all));
    // GCM with a second integrity algorithm is neither
    assert.ok('refused' in choosePhase2(withTransform({ id: EspTransform.AES_GCM_16 }), all));
  });

  test('agrees to no attribute that is not kept, as extended sequence numbers', () => {
    const [proposal] = phase2Offer([esp(GCM)], 0x1234, lifetime);
    const [plain] = proposal!.transforms;
    const withAttribute = (type: number) => ({
      ...plain!,
      attributes: [...plain!.attributes, numericAttribute(type, 1)],
    });
    const offer = (...transforms: Transform[]) => [{ ...proposal!, transforms }];
    for (const type of [7, 10, 11, 15, 32_000])
      assert.ok('refused' in choosePhase2(offer(withAttribute(type)), rules), `attribute ${type}`);
    const refusal = choosePhase2(offer(withAttribute(11)), rules);
    assert.match(
      'refused' in refusal ? refusal.refused : '',
      /attribute 11 \(extended sequence numbers\) isn't served here/,
    );
    const choice = choosePhase2(offer(withAttribute(11), plain!), rules);
    assert.deepEqual('suite' in choice && choice.answer.transforms, [plain]);
    assert.ok('suite' in choosePhase2(offer(withAttribute(32_001)), rules), 'private use');
    assert.equal(acceptPhase2Choice(offer(withAttribute(11)), [esp(GCM)]), undefined);
  });

  test('refuses reserved SPIs, SPIs of a wrong length, and ESP bundled with another protocol', () => {
    const [proposal] = phase2Offer([esp(GCM)], 0x1234, lifetime);
    for (const spi of [0, 1, 255])
      assert.ok('refused' in choosePhase2(phase2Offer([esp(GCM)], spi, lifetime), rules), `SPI ${spi}`);
    assert.ok('suite' in choosePhase2(phase2Offer([esp(GCM)], 256, lifetime), rules));
    for (const length of [0, 3, 5, 16])
      assert.ok('refused' in choosePhase2([{ ...proposal!, spi: new Uint8Array(length).fill(7) }], rules), `${length}`);
    assert.ok('refused' in choosePhase2([proposal!, { ...proposal!, protocol: 4 }], rules));
    assert.ok('suite' in choosePhase2([proposal!, { ...proposal!, number: 2, protocol: 4 }], rules));
  });

  test('that was chosen is known again, with its SPI and lifetimes', () => {
    const suites = [esp(cbc('sha256')), esp(GCM), esp(cbc('sha1', 256))];
    const offer = phase2Offer(suites, 0xffffffff, { seconds: 3600, kilobytes: 250_000 });
    const choice = choosePhase2(offer, rules);
    assert.ok('suite' in choice);
    assert.deepEqual([choice.peerSpi, choice.seconds, choice.kilobytes], [0xffffffff, 3600, 250_000]);
    const accepted = acceptPhase2Choice([choice.answer], suites);
    assert.equal(accepted && phase2SuiteName(accepted.suite), 'aes128gcm16 no pfs udp-tunnel');
    assert.equal(acceptPhase2Choice([choice.answer], [suites[0]!]), undefined);
  });
});
