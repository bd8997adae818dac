/** Findings about what answers, and what doesn't. */
import type { Finding, Remedy } from '../../core/diagnosis/finding.ts';
import { IS_IT_RUNNING, openFirewall } from '../../core/diagnosis/remedies.ts';
import { FRAGMENT } from '../../core/diagnosis/rules/fragments.ts';
import { portText } from './port-text.ts';
import type { ProbeRule } from './rule.ts';
import type { AddressSight, Port, PortSight, Survey } from './survey.ts';

/** Nothing came back at all. */
function noAnswer({ addresses, gateway }: Survey): Finding | undefined {
  // to an address of a family that this network doesn't have nothing was sent at all
  const sent = addresses.filter(({ ports }) => ports.some(({ state }) => state !== 'failed'));
  if (gateway || sent.length === 0) return undefined;
  if (sent.some(({ ports }) => ports.some(({ state }) => state !== 'silent'))) return undefined;
  return {
    rule: 'no-answer-500',
    severity: 'cause',
    cause: 'Nothing answers: a firewall on the way drops all that was sent, or no such host is there.',
    evidence: sent.flatMap(({ ports }) => ports.map(evidenceOf)),
    remedies: [...openFirewall(['nat-t'], 'gateway'), ...openFirewall(['nat-t'], 'client'), CHECK_ADDRESS],
  };
}

/** The host answers, and no IKE daemon does. */
function noIke({ addresses, gateway }: Survey): Finding | undefined {
  const ports = addresses.flatMap((address) => address.ports);
  if (gateway) return undefined;
  const refused = ports.find(({ port, state }) => port === 'udp/500' && state === 'refused');
  const failed = ports.filter(({ state }) => state === 'failed');
  if (refused) {
    return {
      rule: 'icmp-unreachable',
      severity: 'cause',
      cause:
        "The host is there and says that nobody listens on UDP 500: the VPN's daemon doesn't run, or not on this address.",
      evidence: ports.filter(({ state }) => state === 'refused').map(evidenceOf),
      remedies: [IS_IT_RUNNING, START_STRONGSWAN, CHECK_ADDRESS],
    };
  }
  if (failed.length === ports.length) {
    return {
      rule: 'not-sent',
      severity: 'cause',
      cause: `Questions don't even get away, or a router turns them back (${failed[0]!.code}).`,
      evidence: failed.map(evidenceOf),
      remedies: [...openFirewall(['nat-t'], 'client'), CHECK_ADDRESS],
    };
  }
  const alive = ports.filter(({ state }) => state !== 'silent' && state !== 'failed');
  if (alive.length === 0) return undefined;
  return {
    rule: 'ike-silent',
    severity: 'cause',
    cause:
      'The host is there, but UDP 500 and UDP 4500 are silent: a firewall drops them, or the VPN is on another address.',
    evidence: ports.map(evidenceOf),
    remedies: [...openFirewall(['nat-t'], 'gateway'), ...openFirewall(['nat-t'], 'client')],
  };
}

/** UDP 500 answers, and UDP 4500 doesn't: whoever is behind a NAT gets no further. */
function natTPort({ addresses }: Survey): Finding | undefined {
  for (const { ports, unmarked } of addresses) {
    const [ike, natT] = [portOf(ports, 'udp/500'), portOf(ports, 'udp/4500')];
    if (ike?.state !== 'answers' || !natT || natT.state === 'answers') continue;
    if (unmarked?.state === 'answers') return wrongForward(natT, unmarked);
    const isRefused = natT.state === 'refused';
    return {
      rule: 'silence-on-4500',
      severity: isRefused ? 'warning' : 'cause',
      cause: isRefused
        ? 'UDP 500 answers, and nobody listens on UDP 4500: clients behind a NAT negotiate and then get nothing through.'
        : 'UDP 500 answers and UDP 4500 is silent: a firewall drops it, and clients behind a NAT get no further than their first messages.',
      evidence: [evidenceOf(ike), evidenceOf(natT)],
      remedies: isRefused
        ? [LISTEN_4500, ...openFirewall(['nat-t'], 'gateway')]
        : [...openFirewall(['nat-t'], 'gateway'), ...openFirewall(['nat-t'], 'client'), ASA_NAT_T],
    };
  }
  return undefined;
}

function wrongForward(natT: PortSight, unmarked: PortSight): Finding {
  return {
    rule: 'nat-t-port-without-marker',
    severity: 'cause',
    cause:
      'UDP 4500 answers only to what belongs on UDP 500 (IKE without the non-ESP marker): it is forwarded to the wrong port.',
    evidence: [evidenceOf(natT), { packet: unmarked.packet, says: 'the same without the marker is answered' }],
    remedies: [{ where: 'firewall', does: 'Forward UDP 4500 to UDP 4500 of the gateway, not to UDP 500.', lines: [] }],
  };
}

/** UDP 4500 answers, and UDP 500 doesn't: all but few clients begin on 500. */
function ikePort({ addresses }: Survey): Finding | undefined {
  for (const { ports } of addresses) {
    const [ike, natT] = [portOf(ports, 'udp/500'), portOf(ports, 'udp/4500')];
    if (natT?.state !== 'answers' || !ike || ike.state === 'answers') continue;
    return {
      rule: 'ike-port-closed',
      severity: 'cause',
      cause: `UDP 4500 answers and UDP 500 ${ike.state === 'refused' ? 'is refused' : 'is silent'}: most clients begin on UDP 500 and never get an answer.`,
      evidence: [evidenceOf(ike), evidenceOf(natT)],
      remedies: [...openFirewall(['nat-t'], 'gateway'), ...openFirewall(['nat-t'], 'client')],
    };
  }
  return undefined;
}

/** The name has two addresses, and only one of them serves. */
function oneFamily({ host, addresses }: Survey): Finding | undefined {
  const serving = addresses.find(isServing);
  const other = addresses.find((address) => !isServing(address));
  if (!serving || !other) return undefined;
  const family = other.address.includes(':') ? 'IPv6' : 'IPv4';
  const reached = other.ports.some(({ state }) => state !== 'failed');
  if (!reached) return undefined;
  return {
    rule: 'address-without-vpn',
    severity: 'warning',
    cause: `${host} also has the ${family} address ${other.address}, where no IKE answers: clients that take that one first wait, or fail.`,
    evidence: other.ports.filter(({ port }) => port.startsWith('udp')).map(evidenceOf),
    remedies: [
      { where: 'firewall', does: `Open UDP 500 and UDP 4500 on ${other.address} too.`, lines: [] },
      {
        where: 'client',
        does: `Or take the ${family === 'IPv6' ? 'AAAA' : 'A'} record away, or dial ${serving.address}.`,
        lines: [],
      },
    ],
  };
}

/** It answers, and takes nothing that was offered. */
function nothingTaken({ gateway }: Survey): Finding | undefined {
  if (!gateway) return undefined;
  const { ikev1, ikev2 } = gateway;
  if (ikev1?.main || ikev2?.suite || ikev2?.groups.length) return undefined;
  if (ikev1 && (ikev1.aggressive.state === 'hash' || ikev1.aggressive.state === 'answers')) return undefined;
  return {
    rule: 'serves-nobody-here',
    severity: 'cause',
    cause:
      'It answers, and refuses all that is usual in IKEv1 and IKEv2: it has no connection for strangers from this address, or none at all.',
    evidence: [
      ...(ikev1?.taken ?? []).map(({ packet, offer }) => ({ packet, says: `IKEv1, offer "${offer}" refused` })),
      ...(ikev2 ? [{ packet: ikev2.packet, says: `IKEv2 refused (${ikev2.refusal ?? 'no group'})` }] : []),
    ],
    remedies: [
      {
        where: 'strongswan',
        does: 'See which connections are loaded, and for which addresses; then load them anew.',
        lines: ['swanctl --list-conns', 'swanctl --load-all'],
      },
    ],
  };
}

/** Datagrams that IP has to cut don't arrive, though the same ones, shorter, do. */
function fragments({ gateway }: Survey): Finding | undefined {
  const large = gateway?.large;
  if (!gateway || !large || large.passes) return undefined;
  const splits = gateway.ikev1?.fragmentation === true || gateway.ikev2?.fragmentation === true;
  return {
    rule: 'fragments-lost',
    severity: 'warning',
    cause:
      `A datagram of ${large.bytes} bytes, which IP sends in fragments, gets no answer though shorter ones do: fragments are dropped on the way. ` +
      (splits
        ? 'Messages with certificates get through only from clients that fragment in IKE, which the gateway can.'
        : 'Messages with certificates are lost, as the gateway announces no fragmentation in IKE.'),
    evidence: [{ packet: large.packet, says: `${large.bytes} bytes, no answer` }],
    remedies: FRAGMENT,
  };
}

/** It fell silent while we asked. */
function rateLimit({ gateway }: Survey): Finding | undefined {
  const limits = gateway?.limits;
  if (!limits || limits.unanswered === 0 || limits.packet === undefined) return undefined;
  return {
    rule: 'rate-limited',
    severity: 'note',
    cause:
      `Of ${limits.asked} questions ${limits.unanswered} had no answer, though others had: packets are lost, or the gateway limits how ` +
      'many negotiations one address may begin.',
    evidence: [{ packet: limits.packet, says: 'the first without answer' }],
    remedies: [],
  };
}

function cookies({ gateway }: Survey): Finding | undefined {
  if (!gateway || gateway.limits.cookies === 0 || !gateway.ikev2) return undefined;
  return {
    rule: 'asks-for-cookies',
    severity: 'note',
    cause: 'It asks for a cookie before it begins (IKEv2): it has many half-open negotiations, or always does so.',
    evidence: [{ packet: gateway.ikev2.packet, says: `asked ${gateway.limits.cookies} times` }],
    remedies: [],
  };
}

export const REACH_RULES: readonly ProbeRule[] = [
  noAnswer,
  noIke,
  natTPort,
  ikePort,
  nothingTaken,
  fragments,
  oneFamily,
  rateLimit,
  cookies,
];

function isServing({ ports }: AddressSight): boolean {
  return ports.some(({ port, state }) => port.startsWith('udp') && state === 'answers');
}

function portOf(ports: readonly PortSight[], port: Port): PortSight | undefined {
  return ports.find((sight) => sight.port === port);
}

const SAYS: Readonly<Record<PortSight['state'], string>> = {
  answers: 'answers',
  open: 'takes the connection',
  refused: 'says that nobody listens',
  failed: 'cannot be reached',
  silent: 'no answer',
};

function evidenceOf({ packet, port, state, code }: PortSight) {
  return { packet, says: `${portText(port)}: ${SAYS[state]}${code ? ` (${code})` : ''}` };
}

const CHECK_ADDRESS: Remedy = { where: 'client', does: "Check the gateway's name and address.", lines: [] };
const START_STRONGSWAN: Remedy = {
  where: 'strongswan',
  does: 'Start the daemon and see whether it listens.',
  lines: ['systemctl start strongswan', 'ss -lunp'],
};
const LISTEN_4500: Remedy = {
  where: 'sallyport',
  does: 'Switch NAT-T on in the configuration:',
  lines: ['carriers: { nat-t: true }'],
};
const ASA_NAT_T: Remedy = {
  where: 'cisco-asa',
  does: 'Switch NAT-T on, with a keepalive each 20 seconds:',
  lines: ['crypto isakmp nat-traversal 20'],
};
