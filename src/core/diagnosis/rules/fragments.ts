/** Large messages: their IP fragments get lost, or the other side doesn't answer IKE's own fragments. */
import { Ikev2Exchange } from '../../wire/ikev2.ts';
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import type { Message, Negotiation } from '../negotiation.ts';
import { chosenOf, failedOf, notifiesOf, of, repeatEvidence, unanswered, vendorsOf } from '../phases.ts';
import { SMALLER } from '../remedies.ts';
import type { Rule, Scene } from '../rule.ts';
import { largeUnanswered } from './esp-quality.ts';

export const certificateTooLarge: Rule = {
  of: 'pair',
  judge: (conversation, scene) => ofIke(conversation, scene, true),
};
export const fragmentsLost: Rule = {
  of: 'pair',
  judge: (conversation, scene) => ofIke(conversation, scene, false) ?? ofEsp(conversation),
};
export const ikeFragmentsRefused: Rule = { of: 'pair', judge: refused };

/** So many of ESP's datagrams without their fragments aren't chance. */
const MANY_LOST = 3;
/** One that a receiver tells of may be. */
const MANY_TOLD = 2;
/** A message that is larger than a path's 1500 bytes is cut somewhere, even where the capture shows it whole. */
const LARGE = 1472;

function ofIke(conversation: Conversation, scene: Scene, withCertificates: boolean): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    const large = lostMessage(negotiation, scene);
    if (large && carriesCertificates(negotiation, large) === withCertificates)
      return finding(negotiation, large, withCertificates);
  }
  return undefined;
}

/** What came without its fragments; or went out in several and got no answer, though smaller ones did. */
function lostMessage(negotiation: Negotiation, scene: Scene): Message | undefined {
  const { messages } = negotiation;
  const broken = messages.find(({ isLost }) => isLost);
  if (broken && !cameAfterAll(negotiation, broken)) return broken;
  const end = unanswered(negotiation, scene);
  if (!end || messages.every(({ from }) => from === end.role)) return undefined;
  return end.messages.find(
    ({ fragments, length, isFragment, way }) =>
      !isFragment && way !== 'cisco-tcp' && way !== 'tcp' && (fragments > 1 || length > LARGE),
  );
}

/** The other side goes on, which who asks again doesn't; or the same side's next came whole. */
function cameAfterAll({ messages }: Negotiation, broken: Message): boolean {
  return messages.some(({ packet, from, isLost, repeats }) => {
    if (packet <= broken.packet) return false;
    return from === broken.from ? !isLost : repeats === undefined;
  });
}

/** Signatures were agreed on; with IKEv2 a secret's proof is never that large. */
function carriesCertificates(negotiation: Negotiation, message: Message): boolean {
  if (negotiation.version === 2) return message.exchange === Ikev2Exchange.IKE_AUTH;
  const methods = chosenOf(negotiation)?.authentication ?? [];
  return methods.some((method) => method.includes('rsa') || method.includes('ecdsa') || method.includes('dss'));
}

function finding(negotiation: Negotiation, large: Message, withCertificates: boolean): Finding {
  const who = large.from === 'initiator' ? "the client's" : "the gateway's";
  const what = withCertificates ? 'message with the certificates' : 'large message';
  const evidence: Evidence[] = [
    {
      packet: large.packet,
      says: large.isLost
        ? `${who} message of ${large.length} bytes: only a part of its IP fragments came`
        : `${who} message of ${large.length} bytes${large.fragments > 1 ? `, in ${large.fragments} IP fragments` : ''}`,
    },
    ...repeatEvidence(negotiation, large),
    { packet: 0, says: 'it gets no answer; smaller messages before it did' },
  ];
  return {
    rule: withCertificates ? 'certificate-too-large' : 'fragments-lost',
    severity: 'cause',
    cause: `${who.charAt(0).toUpperCase()}${who.slice(1)} ${what} is cut into IP fragments, and a firewall or router on the way drops them.`,
    evidence,
    remedies: FRAGMENT,
  };
}

export const FRAGMENT: readonly Remedy[] = [
  {
    where: 'strongswan',
    does: 'swanctl.conf, in the connection: fragment in IKE instead, which no firewall sees.',
    lines: ['fragmentation = yes'],
  },
  { where: 'libreswan', does: 'ipsec.conf, in the conn:', lines: ['fragmentation=force'] },
  { where: 'cisco-asa', does: 'Configuration:', lines: ['crypto ikev2 fragmentation mtu 576'] },
  {
    where: 'windows',
    does: 'A Windows server (RRAS) before 1803 needs this for IKEv2; clients offer it by themselves.',
    lines: [
      'reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\RemoteAccess\\Parameters\\Ikev2 /v EnableServerFragmentation /t REG_DWORD /d 1 /f',
    ],
  },
  {
    where: 'sallyport',
    does: 'It fragments in IKE whenever the client can; send smaller certificates (ECDSA), and none between that the client has.',
    lines: [],
  },
  {
    where: 'firewall',
    does: 'Let fragments through: what drops them here is a rule for "ip-frag", or a reassembly that is off.',
    lines: [],
  },
];

function ofEsp(conversation: Conversation): Finding | undefined {
  const { lost, errors } = conversation;
  const told = errors.filter(({ reason }) => reason === 'fragments incomplete');
  if (told.length >= MANY_TOLD)
    return {
      rule: 'fragments-lost',
      severity: 'cause',
      cause: `Large packets are cut into IP fragments on the way, and not all of the fragments come to ${told[0]!.from.text}, which says so.`,
      evidence: [
        {
          packet: told[0]!.packet,
          says: `ICMP from ${told[0]!.from.text}: fragments never came, the first of ${told.length} times`,
        },
      ],
      remedies: SMALLER,
    };
  if (!lost || lost.count < MANY_LOST) return largeUnanswered(conversation, 'fragments-lost');
  return {
    rule: 'fragments-lost',
    severity: 'cause',
    cause:
      'ESP packets are cut into IP fragments on the way, and not all of the fragments arrive: large packets inside the tunnel disappear.',
    evidence: [{ packet: lost.first.packet, says: `the first of ${lost.count} ESP packets that never became whole` }],
    remedies: SMALLER,
  };
}

/** Both said that they can, and what comes in fragments gets no answer. */
function refused(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    const end = unanswered(negotiation, scene);
    const pieces = end?.messages.filter(({ isFragment }) => isFragment) ?? [];
    if (
      !end ||
      pieces.length < 2 ||
      !(['initiator', 'responder'] as const).every((role) => offersFragments(negotiation, role))
    )
      continue;
    const who = end.role === 'initiator' ? 'client' : 'gateway';
    return {
      rule: 'ike-fragments-refused',
      severity: 'cause',
      cause: `The ${who}'s message in IKE fragments gets no answer, though the other side said that it takes them: something on the way drops them, or it can't put them together.`,
      evidence: [
        { packet: pieces[0]!.packet, says: `the first IKE fragment, of ${pieces[0]!.length} bytes` },
        { packet: pieces.at(-1)!.packet, says: `${pieces.length} fragments in all, sent again and again; no answer` },
      ],
      remedies: [
        {
          where: 'strongswan',
          does: 'strongswan.conf: smaller fragments, for ways that carry less.',
          lines: ['charon {', '  fragment_size = 576', '}'],
        },
        {
          where: 'libreswan',
          does: 'ipsec.conf, in the conn: try without, if certificates are small.',
          lines: ['fragmentation=no'],
        },
        { where: 'cisco-asa', does: 'Configuration:', lines: ['crypto ikev2 fragmentation mtu 576'] },
      ],
    };
  }
  return undefined;
}

function offersFragments(negotiation: Negotiation, role: Message['from']): boolean {
  if (negotiation.version === 1) return vendorsOf(negotiation, role).includes('FRAGMENTATION');
  return (
    notifiesOf(negotiation).some(
      ({ message, notify }) => message.from === role && notify.name === 'FRAGMENTATION_SUPPORTED',
    ) || of(role, negotiation.messages).some(({ isFragment }) => isFragment)
  );
}
