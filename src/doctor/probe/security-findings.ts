/** Findings about what a gateway gives away, and what it should no longer take. */

import type { Finding } from '../../core/diagnosis/finding.ts';
import { suiteText } from '../../core/diagnosis/offer.ts';
import type { Survey } from './survey.ts';

type Rule = (survey: Survey) => Finding | undefined;

/** RFC 2409 section 5.4: HASH_R comes before the initiator has proved anything, and is made of the secret. */
function aggressiveHash({ gateway }: Survey): Finding | undefined {
  const aggressive = gateway?.ikev1?.aggressive;
  if (aggressive?.state !== 'hash') return undefined;
  return {
    rule: 'aggressive-mode-gives-hash',
    severity: 'warning',
    cause:
      'Aggressive mode answers anybody, even for a group that does not exist, with a hash that is made of the secret: who has it can guess ' +
      'at a short secret at leisure. (Some gateways, Sallyport among them, answer strangers with a made-up hash; from outside that looks the ' +
      'same, and who knows the name of a group gets the true one.)',
    evidence: [
      {
        packet: aggressive.packet,
        says: `HASH for an invented group, ${aggressive.suite ? suiteText(aggressive.suite) : ''}`,
      },
    ],
    remedies: [
      {
        where: 'sallyport',
        does: 'Make the secret long, or use hybrid authentication, which has none.',
        lines: ['openssl rand -base64 24'],
      },
      { where: 'strongswan', does: 'In the connection, unless a client needs it:', lines: ['aggressive = no'] },
      { where: 'libreswan', does: 'In the conn, unless a client needs it:', lines: ['aggressive=no'] },
      {
        where: 'cisco-asa',
        does: 'Unless clients log in by group name and secret:',
        lines: ['crypto ikev1 am-disable'],
      },
    ],
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
      {
        where: 'strongswan',
        does: 'Name the proposals in the connection:',
        lines: ['proposals = aes256-sha256-modp2048'],
      },
      { where: 'libreswan', does: 'Name the proposals in the conn:', lines: ['ike=aes256-sha2_256;dh14'] },
      {
        where: 'client',
        does: 'Until then, let clients offer nothing of it: the gateway takes the best that both have.',
        lines: [],
      },
    ],
  };
}

const AGED = ['3des', 'md5', 'modp1024', 'modp1536'];

/** What old clients need, and nobody else. */
function aged({ gateway }: Survey): Finding | undefined {
  if (!gateway) return undefined;
  const suites = gateway.ikev1?.taken.filter(({ offer }) => offer !== 'broken') ?? [];
  const ofIkev1 = suites.flatMap(({ suite }) =>
    suite ? [...suite.encryption, ...suite.integrity, ...suite.group] : [],
  );
  const { ciphers = [], integrities = [], groups = [] } = gateway.ikev2 ?? {};
  const found = [...new Set([...ofIkev1, ...ciphers, ...integrities, ...groups])].filter((name) => AGED.includes(name));
  if (found.length === 0) return undefined;
  return {
    rule: 'aged-algorithms-taken',
    severity: 'note',
    cause: `It takes algorithms that only old clients need: ${found.join(', ')}.`,
    evidence: suites
      .filter(({ suite }) => suite)
      .map(({ packet, suite }) => ({ packet, says: `IKEv1: chose ${suiteText(suite!)}` })),
    remedies: [{ where: 'sallyport', does: 'Once no old client is left:', lines: ['legacy: false'] }],
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

export const SECURITY_RULES: readonly Rule[] = [aggressiveHash, broken, aged, oneVersion];
