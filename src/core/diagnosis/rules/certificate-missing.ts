/** One side has no certificate, or no key to it, where a signature is its proof. */
import { Ikev2Exchange, Ikev2Payload } from '../../wire/ikev2.ts';
import { ExchangeType, PayloadType } from '../../wire/isakmp.ts';
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import { natsOf } from '../nat.ts';
import { type Message, type Negotiation, otherRole, type Role } from '../negotiation.ts';
import { isSignature } from '../payload-facts.ts';
import {
  chosenOf,
  errorsOf,
  facts,
  failedOf,
  isAggressive,
  isInformational,
  isPhase1,
  isPhase1Done,
  of,
  phase1Of,
} from '../phases.ts';
import { PATIENCE, type Rule, type Scene } from '../rule.ts';

export const certificateMissing: Rule = { of: 'pair', judge };

interface Missing {
  readonly who: Role;
  readonly why: string;
  readonly evidence: readonly Evidence[];
}

function judge(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    const missing =
      saidSo(negotiation) ?? unproven(negotiation) ?? refusedUnseen(negotiation) ?? stopped(negotiation, scene);
    if (missing) return finding(missing);
  }
  return undefined;
}

/** RFC 2408 section 3.14.1 has a word for it, which few send. */
function saidSo(negotiation: Negotiation): Missing | undefined {
  const told = errorsOf(negotiation).find(({ notify }) => notify.name === 'CERTIFICATE_UNAVAILABLE');
  return (
    told && {
      who: told.message.from,
      why: 'it says so itself',
      evidence: [{ packet: told.message.packet, says: 'CERTIFICATE_UNAVAILABLE' }],
    }
  );
}

/** With keys, or in aggressive mode: a signature without a certificate to it, which the other side refuses. */
function unproven(negotiation: Negotiation): Missing | undefined {
  for (const who of ['initiator', 'responder'] as const) {
    const proof = of(who, negotiation.messages).find(isSigned);
    if (!proof || hasCertificate(negotiation, who)) continue;
    const word = refusalOf(negotiation, proof);
    if (!word) continue;
    return {
      who,
      why: 'it sends a signature and no certificate that goes with it',
      evidence: [
        { packet: proof.packet, says: `its proof: ${proof.summary}` },
        { packet: word.packet, says: `the other side answers ${word.summary}` },
      ],
    };
  }
  return undefined;
}

function isSigned({ payloads }: Message): boolean {
  return payloads.some(
    (fact) =>
      (fact.kind === 'AUTH' && isSignature(fact)) ||
      (fact.kind === 'other' && fact.name === 'SIG' && fact.type === PayloadType.SIG),
  );
}

function hasCertificate({ messages }: Negotiation, who: Role): boolean {
  return facts(of(who, messages), 'CERT').length > 0;
}

function refusalOf(negotiation: Negotiation, proof: Message): Message | undefined {
  return errorsOf(negotiation).find(
    ({ message, notify }) =>
      message.packet > proof.packet && message.from !== proof.from && ABOUT_PROOF.includes(notify.name),
  )?.message;
}

const ABOUT_PROOF: readonly string[] = [
  'AUTHENTICATION_FAILED',
  'INVALID_CERTIFICATE',
  'INVALID_SIGNATURE',
  'INVALID_KEY_INFORMATION',
];

/**
 * With keys: the client leaves its own login to EAP, so that the gateway's proof comes first; instead of it a refusal comes,
 * before a user was named.
 */
function refusedUnseen(negotiation: Negotiation): Missing | undefined {
  const [request, ...more] = of('initiator', negotiation.messages).filter(
    ({ exchange, isOpened, repeats, payloads }) =>
      exchange === Ikev2Exchange.IKE_AUTH && isOpened && repeats === undefined && payloads.length > 0,
  );
  if (!request || more.length > 0 || facts([request], 'AUTH').length > 0) return undefined;
  const word = refusalOf(negotiation, request);
  if (!word?.isOpened) return undefined;
  return {
    who: 'responder',
    why: 'it is to prove itself first, and refuses instead: it has no certificate, no key to it, or no connection of the name that the client asks for',
    evidence: [
      {
        packet: request.packet,
        says: `the client awaits the gateway's proof before its own login: ${request.summary}`,
      },
      { packet: word.packet, says: `the gateway answers ${word.summary}` },
    ],
  };
}

/** Signatures were agreed on or asked for, and a side breaks off where its own would be due. */
function stopped(negotiation: Negotiation, scene: Scene): Missing | undefined {
  return negotiation.version === 1 ? stoppedInIkev1(negotiation, scene) : stoppedInIkev2(negotiation, scene);
}

function stoppedInIkev1(negotiation: Negotiation, scene: Scene): Missing | undefined {
  const phase1 = phase1Of(negotiation);
  if (!isBySignature(negotiation) || isPhase1Done(negotiation)) return undefined;
  const last = phase1.at(-1)!;
  const asked = isAggressive(negotiation) ? undefined : whoIsDue(phase1);
  if (asked === undefined) return undefined;
  const word = negotiation.messages.find(({ packet, from }) => packet > last.packet && from === asked);
  const evidence: Evidence[] = [
    { packet: last.packet, says: `${last.summary}; the next message is the ${nameOf(asked)}'s proof by signature` },
  ];
  if (word && isInformational(word))
    return {
      who: asked,
      why: 'it ends the negotiation where its signature is due',
      evidence: [...evidence, { packet: word.packet, says: `instead: ${word.summary}` }],
    };
  if (asked === 'responder' || word || isBehindNat(negotiation, scene) || scene.lastAt - last.at < PATIENCE)
    return undefined;
  return {
    who: asked,
    why: 'it says nothing more where its signature is due',
    evidence: [...evidence, { packet: 0, says: 'the client neither goes on nor asks again' }],
  };
}

/** Behind message 4 of main mode the client's proof comes. The gateway's comes last: its refusal may as well be of the client's. */
function whoIsDue(phase1: readonly Message[]): Role | undefined {
  const isFourth = of('initiator', phase1).length === 2 && of('responder', phase1).length === 2;
  return isFourth && phase1.at(-1)?.exchange === ExchangeType.IDENTITY_PROTECTION ? 'initiator' : undefined;
}

function isBySignature(negotiation: Negotiation): boolean {
  const methods = chosenOf(negotiation)?.authentication ?? [];
  return methods.some((name) => /rsa|dss|ecdsa/.test(name) && !name.startsWith('hybrid'));
}

/** The gateway asked for a certificate with its answer; the client, which can tell NATs, says nothing more. */
function stoppedInIkev2(negotiation: Negotiation, scene: Scene): Missing | undefined {
  const { messages } = negotiation;
  const answer = of('responder', messages).find(({ payloads }) => payloads.some(({ kind }) => kind === 'SA'));
  if (!answer || !messages.every(isPhase1) || messages.at(-1)!.from !== 'responder') return undefined;
  if (!answer.payloads.some((fact) => fact.kind === 'other' && fact.type === Ikev2Payload.CERTREQ)) return undefined;
  if (!tellsNats(messages[0]!) || isBehindNat(negotiation, scene) || scene.lastAt - answer.at < PATIENCE)
    return undefined;
  return {
    who: 'initiator',
    why: 'it says nothing more after the gateway has asked for one; or what it said went to UDP 4500 and never came here',
    evidence: [
      { packet: answer.packet, says: `the gateway asks for a certificate: ${answer.summary}` },
      { packet: 0, says: 'no IKE_AUTH follows, and the client does not ask again' },
    ],
  };
}

/** A client, and nobody who only asks what the gateway takes. */
function tellsNats(first: Message): boolean {
  return facts([first], 'N').some(({ name }) => name === 'NAT_DETECTION_SOURCE_IP');
}

/** The client goes on at UDP 4500 then, which may be what is in the way. */
function isBehindNat(negotiation: Negotiation, { crypto }: Scene): boolean {
  if (negotiation.initiator.port !== 500) return true;
  return crypto !== undefined && natsOf(crypto, negotiation).length > 0;
}

function nameOf(who: Role): 'client' | 'gateway' {
  return who === 'initiator' ? 'client' : 'gateway';
}

function finding({ who, why, evidence }: Missing): Finding {
  return {
    rule: 'certificate-missing',
    severity: 'cause',
    cause: `The ${nameOf(who)} has no certificate to prove itself with, where the ${nameOf(otherRole(who))} wants one: ${why}.`,
    evidence,
    remedies: who === 'initiator' ? OF_CLIENT : OF_GATEWAY,
  };
}

const OF_CLIENT: readonly Remedy[] = [
  {
    where: 'windows',
    does: "A command prompt as administrator: the client's certificate with its key, in the store of the machine.",
    lines: ['certutil -importpfx client.p12'],
  },
  {
    where: 'client',
    does: 'Install a certificate with its key; strongSwan: the files below, and in swanctl.conf local { certs = client.crt }.',
    lines: ['cp client.crt /etc/swanctl/x509/', 'cp client.key /etc/swanctl/private/', 'swanctl --load-creds'],
  },
  {
    where: 'strongswan',
    does: 'Or let users log in by name and password instead; swanctl.conf, in the connection:',
    lines: ['remote { auth = eap-mschapv2 }'],
  },
];

const OF_GATEWAY: readonly Remedy[] = [
  {
    where: 'strongswan',
    does: 'Certificate and key where they are looked for, named in swanctl.conf: local { certs = gateway.crt }.',
    lines: ['cp gateway.crt /etc/swanctl/x509/', 'cp gateway.key /etc/swanctl/private/', 'swanctl --load-creds'],
  },
  {
    where: 'libreswan',
    does: 'Certificate and key into the database, named in the conn: leftcert=gateway.',
    lines: ['ipsec import gateway.p12', 'ipsec auto --rereadall'],
  },
  {
    where: 'cisco-asa',
    does: 'Configuration:',
    lines: [
      'crypto ca import VPN pkcs12 BASE64 nointeractive',
      'ssl trust-point VPN outside',
      'crypto ikev2 remote-access trustpoint VPN',
    ],
  },
  {
    where: 'sallyport',
    does: 'Give the gateway a certificate for the name that clients dial, as the command prints it; then reload.',
    lines: ['sallyport ca gateway NAME', 'certificate: { file: gateway.crt, key: gateway.key }', 'sallyport reload'],
  },
];
