/** Findings about what a gateway gives away, and what it should no longer take. */

import type { Finding, Remedy } from '../../core/diagnosis/finding.ts';
import { suiteText } from '../../core/diagnosis/offer.ts';
import { weakParts } from '../../core/diagnosis/remedies.ts';
import { AGAINST_GUESSING } from '../../core/diagnosis/rules/safety.ts';
import type { ProbeRule } from './rule.ts';
import type { Survey } from './survey.ts';

/** RFC 2409 section 5.4: HASH_R comes before the initiator has proved anything, and is made of the secret. */
function aggressiveHash({ gateway }: Survey): Finding | undefined {
  const aggressive = gateway?.ikev1?.aggressive;
  if (aggressive?.state !== 'hash') return undefined;
  // from outside a true hash and one that is made up look the same
  const isMadeUp = gateway?.name?.name === 'Sallyport';
  return {
    rule: 'aggressive-psk-hash',
    severity: isMadeUp ? 'note' : 'warning',
    cause: isMadeUp
      ? 'Aggressive mode answers a group that is not there with a hash, as Sallyport does: a made-up one. Who knows the name of a group ' +
        'gets the true one, and can guess at a short secret at leisure.'
      : 'Aggressive mode answers anybody, even for a group that is not there, with a hash that is made of the secret: who has it can ' +
        'guess at a short secret at leisure.',
    evidence: [
      {
        packet: aggressive.packet,
        says: `HASH for an invented group${aggressive.suite ? `, ${suiteText(aggressive.suite)}` : ''}`,
      },
    ],
    remedies: AGAINST_GUESSING,
  };
}

/** Single DES and the group of 768 bits can be broken by anybody. */
function broken({ gateway }: Survey): Finding | undefined {
  const taken = gateway?.ikev1?.taken.find(({ offer, suite }) => offer === 'broken' && suite);
  const ikev2 = gateway?.ikev2?.broken ?? [];
  if (!taken && ikev2.length === 0) return undefined;
  return {
    rule: 'broken-algorithms-taken',
    severity: 'warning',
    cause: `It takes algorithms that anybody can break: ${[taken?.suite ? suiteText(taken.suite) : [], ikev2].flat().join(', ')}.`,
    evidence: [
      ...(taken ? [{ packet: taken.packet, says: 'IKEv1: chosen, where nothing better was offered' }] : []),
      ...(ikev2.length > 0
        ? [{ packet: gateway!.ikev2!.packet, says: 'IKEv2: taken, where nothing better was offered' }]
        : []),
    ],
    remedies: [
      ...BETTER_PROPOSALS,
      {
        where: 'client',
        does: 'Until then, let clients offer nothing of it: the gateway takes the best that both have.',
        lines: [],
      },
    ],
  };
}

const BETTER_PROPOSALS: readonly Remedy[] = [
  {
    where: 'strongswan',
    does: 'Name the proposals in the connection:',
    lines: ['proposals = aes256-sha256-modp2048'],
  },
  { where: 'libreswan', does: 'Name the proposals in the conn:', lines: ['ike=aes256-sha2_256;dh14'] },
];

/** What old clients need, and nobody else. */
function aged({ gateway }: Survey): Finding | undefined {
  if (!gateway) return undefined;
  const ofIkev1 = (gateway.ikev1?.taken ?? []).filter(
    ({ offer, suite }) => offer !== 'broken' && suite && weakParts(suite).length > 0,
  );
  const { ciphers = [], integrities = [], groups = [] } = gateway.ikev2 ?? {};
  const ofIkev2 = weakParts({ encryption: ciphers, integrity: integrities, group: groups });
  const found = [...new Set([...ofIkev1.flatMap(({ suite }) => weakParts(suite!)), ...ofIkev2])];
  if (found.length === 0) return undefined;
  return {
    rule: 'aged-algorithms-taken',
    severity: 'note',
    cause: `It takes algorithms that only old clients need: ${found.join(', ')}.`,
    evidence: [
      ...ofIkev1.map(({ packet, suite }) => ({ packet, says: `IKEv1: chose ${suiteText(suite!)}` })),
      ...(ofIkev2.length > 0 ? [{ packet: gateway.ikev2!.packet, says: `IKEv2: takes ${ofIkev2.join(', ')}` }] : []),
    ],
    remedies: [
      { where: 'sallyport', does: 'Take this line away, once no old client is left.', lines: ['legacy: true'] },
      ...BETTER_PROPOSALS,
    ],
  };
}

/** Which half of the clients is served. */
function oneVersion({ gateway }: Survey): Finding | undefined {
  if (!gateway) return undefined;
  const { ikev1, ikev2 } = gateway;
  const speaks1 = ikev1?.main || ikev1?.aggressive.state === 'hash' || ikev1?.aggressive.state === 'answers';
  const speaks2 = ikev2 !== undefined && ikev2.refusal === undefined && ikev2.groups.length > 0;
  if (speaks1 === speaks2) return undefined;
  return {
    rule: speaks1 ? 'ikev1-only' : 'ikev2-only',
    severity: 'note',
    cause: speaks1
      ? 'It serves IKEv1 alone: clients set to IKEv2 are refused or get no answer.'
      : 'It serves IKEv2 alone: clients set to L2TP/IPsec or Cisco IPsec (IKEv1) are refused or get no answer.',
    evidence: [
      ...(ikev1 ?? { taken: [] }).taken
        .slice(0, 1)
        .map(({ packet, suite }) => ({ packet, says: `IKEv1: ${suite ? 'chosen' : 'refused'}` })),
      ...(ikev2 ? [{ packet: ikev2.packet, says: `IKEv2: ${ikev2.refusal ?? 'taken'}` }] : []),
    ],
    remedies: [],
  };
}

export const SECURITY_RULES: readonly ProbeRule[] = [aggressiveHash, broken, aged, oneVersion];
