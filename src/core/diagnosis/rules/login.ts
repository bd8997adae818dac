/** Between phase 1 and the tunnel of a user: XAUTH and Mode-Config that are refused, never end, or never begin. */

import { ConfigurationAttribute, ConfigurationType } from '../../wire/ikev1.ts';
import { EapCode } from '../../wire/ikev2.ts';
import { ExchangeType } from '../../wire/isakmp.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import { type Exchange, exchangesOf, type Message, type Negotiation } from '../negotiation.ts';
import type { ConfiguredAttribute, PayloadFact } from '../payload-facts.ts';
import {
  chosenOf,
  errorsOf,
  facts,
  failedOf,
  isAggressive,
  isPhase1Done,
  of,
  phase1Of,
  quickModes,
  unanswered,
} from '../phases.ts';
import { PATIENCE, type Rule, type Scene } from '../rule.ts';

export const xauthRefused: Rule = rule('xauth-refused');
export const loginWithoutEnd: Rule = rule('login-without-end');
export const loginNeverAsked: Rule = rule('login-never-asked');
export const modeConfigRefused: Rule = rule('mode-config-refused');
export const poolEmpty: Rule = rule('pool-empty');

type Name = 'xauth-refused' | 'login-without-end' | 'login-never-asked' | 'mode-config-refused' | 'pool-empty';

/** A gateway that lets a user try so often never says no. */
const MANY_ROUNDS = 5;

function rule(name: Name): Rule {
  return {
    of: 'pair',
    judge: (conversation, scene) => {
      for (const negotiation of failedOf(conversation)) {
        const told = negotiation.version === 1 ? trouble(negotiation, scene) : troubleInIkev2(negotiation, scene);
        if (told?.name === name) return finding(told);
      }
      return undefined;
    },
  };
}

interface Trouble {
  readonly name: Name;
  readonly cause: string;
  readonly evidence: readonly Evidence[];
}

function trouble(negotiation: Negotiation, scene: Scene): Trouble | undefined {
  const transactions = exchangesOf(negotiation).filter(({ type }) => type === ExchangeType.TRANSACTION);
  if (transactions.length === 0)
    return quickModes(negotiation).length === 0 ? neverAsked(negotiation, scene) : undefined;
  const asked = transactions.filter(({ begunBy }) => begunBy === 'responder');
  const wished = transactions.filter(({ begunBy }) => begunBy === 'initiator');
  const told = statusRefused(negotiation) ?? configuration(negotiation, wished, scene);
  // who begins a tunnel has no trouble with its login
  return told ?? (quickModes(negotiation).length === 0 ? login(negotiation, asked, wished, scene) : undefined);
}

/** What keys show of it: an address that isn't given, a question (EAP) that nobody answers. */
function troubleInIkev2(negotiation: Negotiation, scene: Scene): Trouble | undefined {
  const error = errorsOf(negotiation).find(({ message, notify }) => message.isOpened && notify.name in ADDRESS_ERRORS);
  if (error) {
    const [name, cause] = ADDRESS_ERRORS[error.notify.name]!;
    const asked = of('initiator', negotiation.messages).findLast(({ packet }) => packet < error.message.packet);
    return {
      name,
      cause,
      evidence: [
        ...(asked ? [{ packet: asked.packet, says: asked.summary }] : []),
        { packet: error.message.packet, says: `the gateway answers ${error.notify.name}` },
      ],
    };
  }
  const end = unanswered(negotiation, scene);
  const question =
    end?.role === 'responder' ? end.messages.find(({ payloads }) => payloads.some(isQuestion)) : undefined;
  return question && noReply(question, 'EAP');
}

/** RFC 7296 sections 3.10.1 and 4. */
const ADDRESS_ERRORS: Readonly<Record<string, readonly [Name, string]>> = {
  INTERNAL_ADDRESS_FAILURE: [
    'pool-empty',
    'The gateway has no address for the client: its pool is empty, or the connection has none.',
  ],
  FAILED_CP_REQUIRED: [
    'mode-config-refused',
    'The gateway gives tunnels only to those that ask it for an address, and the client brings its own.',
  ],
};

function isQuestion(fact: PayloadFact): boolean {
  return fact.kind === 'EAP' && fact.code === EapCode.REQUEST;
}

/** XAUTH's status, as keys show it: 0 is no. */
function statusRefused(negotiation: Negotiation): Trouble | undefined {
  const message = negotiation.messages.find(({ payloads }) =>
    payloads.some(
      (fact) => fact.kind === 'CP' && fact.type === ConfigurationType.SET && statusOf(fact.attributes) === 0,
    ),
  );
  return message && refused([{ packet: message.packet, says: 'the gateway sets XAUTH_STATUS to FAIL' }]);
}

function statusOf(attributes: readonly ConfiguredAttribute[]): number | undefined {
  return attributes.find(({ type }) => type === ConfigurationAttribute.XAUTH_STATUS)?.number;
}

function refused(evidence: readonly Evidence[]): Trouble {
  return {
    name: 'xauth-refused',
    cause: 'The login is refused: name or password (XAUTH) is wrong, or this user may not use this group.',
    evidence,
  };
}

/** The client's own request for an address. */
function configuration(negotiation: Negotiation, wished: readonly Exchange[], scene: Scene): Trouble | undefined {
  const wish = wished.at(-1);
  const begin = wish?.messages[0];
  if (!wish || !begin) return undefined;
  const answer = wish.messages.find(({ from }) => from === 'responder');
  if (answer) {
    const given = facts([answer], 'CP')[0];
    if (
      !given ||
      given.attributes.some(({ type, length }) => type === ConfigurationAttribute.INTERNAL_IP4_ADDRESS && length === 4)
    )
      return undefined;
    return {
      name: 'pool-empty',
      cause:
        'The gateway answers the request for an address (Mode-Config) without one: its pool is empty, or the group has none.',
      evidence: [
        { packet: begin.packet, says: begin.summary },
        { packet: answer.packet, says: answer.summary },
      ],
    };
  }
  const word =
    errorsOf(negotiation).find(({ message }) => message.packet > begin.packet)?.message ??
    informationalAfter(negotiation, begin);
  if (!word && unanswered(negotiation, scene)?.role !== 'initiator') return undefined;
  return {
    name: 'mode-config-refused',
    cause:
      "The client's request for its address (Mode-Config) is refused or unanswered: the gateway has no pool for it, or doesn't do Mode-Config.",
    evidence: [
      { packet: begin.packet, says: begin.summary },
      word
        ? { packet: word.packet, says: `instead of an address: ${word.summary}` }
        : { packet: negotiation.messages.at(-1)!.packet, says: 'no answer' },
    ],
  };
}

function informationalAfter(negotiation: Negotiation, { packet }: Message): Message | undefined {
  return negotiation.messages.find(
    (message) =>
      message.packet > packet && message.from === 'responder' && message.exchange === ExchangeType.INFORMATIONAL,
  );
}

function login(
  negotiation: Negotiation,
  asked: readonly Exchange[],
  wished: readonly Exchange[],
  scene: Scene,
): Trouble | undefined {
  const first = asked[0]?.messages[0];
  if (!first) return undefined;
  const answered = asked.filter(({ messages }) => messages.some(({ from }) => from === 'initiator'));
  if (answered.length >= MANY_ROUNDS && wished.length === 0)
    return {
      name: 'login-without-end',
      cause: `The gateway asks for the login again and again, ${asked.length} times, and never says no: the password is wrong, or a client sends it without asking its user.`,
      evidence: [
        { packet: first.packet, says: 'the gateway asks for the login (XAUTH)' },
        { packet: asked.at(-1)!.messages[0]!.packet, says: `for the ${asked.length}th time` },
      ],
    };
  if (answered.length === 0) return unanswered(negotiation, scene)?.role === 'responder' ? noReply(first) : undefined;
  if (wished.length > 0 || asked.length < 2 || !isXauth(negotiation)) return undefined;
  const end = negotiation.messages.at(-1)!;
  // the second question is the gateway's verdict, or a new try that the client declines
  if (answered.length < 2 && (end.from === 'responder' || end.exchange !== ExchangeType.INFORMATIONAL))
    return undefined;
  return refused([
    { packet: first.packet, says: 'the gateway asks for the login (XAUTH)' },
    { packet: end.packet, says: `it ends after ${answered.length} rounds: the client never asks for its address` },
  ]);
}

function noReply(first: Message, method = 'XAUTH'): Trouble {
  return {
    name: 'login-never-asked',
    cause: `The gateway asks for name and password (${method}) and gets no answer: the client doesn't do ${method}, or its user never answered.`,
    evidence: [{ packet: first.packet, says: 'the gateway asks, and asks again' }],
  };
}

/** XAUTH was agreed on, and nobody asks. */
function neverAsked(negotiation: Negotiation, scene: Scene): Trouble | undefined {
  const phase1 = phase1Of(negotiation);
  const isProven = isPhase1Done(negotiation) || (isAggressive(negotiation) && of('initiator', phase1).length === 2);
  const last = negotiation.messages.at(-1);
  if (!isXauth(negotiation) || !isProven || !last || scene.lastAt - phase1.at(-1)!.at < PATIENCE) return undefined;
  if (of('responder', negotiation.messages).some(({ packet }) => packet > phase1.at(-1)!.packet)) return undefined;
  return {
    name: 'login-never-asked',
    cause: 'The two agreed on a login by XAUTH, and the gateway never asks for it.',
    evidence: [
      { packet: phase1.at(-1)!.packet, says: 'the last message of phase 1; nothing comes from the gateway behind it' },
    ],
  };
}

function isXauth(negotiation: Negotiation): boolean {
  return (
    chosenOf(negotiation)?.authentication.some((name) => name.startsWith('xauth') || name.startsWith('hybrid')) ?? false
  );
}

function finding({ name, cause, evidence }: Trouble): Finding {
  return {
    rule: name,
    severity: 'cause',
    cause,
    evidence,
    remedies: name === 'pool-empty' || name === 'mode-config-refused' ? POOLS : LOGINS,
  };
}

export const LOGINS: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: 'See who failed and why, and set the password anew.',
    lines: ['sallyport sessions --failed', 'sallyport user passwd NAME'],
  },
  {
    where: 'strongswan',
    does: 'swanctl.conf, at the gateway: ask by XAUTH, and know the user.',
    lines: ['remote-2 { auth = xauth }', 'secrets { xauth-1 { id = USER', '    secret = "PASSWORD" } }'],
  },
  {
    where: 'libreswan',
    does: 'ipsec.conf, in the conn; the users are in /etc/ipsec.d/passwd:',
    lines: ['leftxauthserver=yes', 'rightxauthclient=yes', 'xauthby=file'],
  },
  {
    where: 'cisco-asa',
    does: 'Configuration:',
    lines: [
      'username USER password PASSWORD',
      'tunnel-group GROUP general-attributes',
      ' authentication-server-group LOCAL',
    ],
  },
  { where: 'client', does: "Type name and password anew; vpnc: 'Xauth username' and 'Xauth password'.", lines: [] },
];

export const POOLS: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: 'A wider pool; or make room.',
    lines: ['pool: 10.77.0.0/22', 'sallyport sessions', 'sallyport kick ID'],
  },
  {
    where: 'strongswan',
    does: 'swanctl.conf: a pool, named in the connection.',
    lines: ['pools = clients', 'pools { clients { addrs = 10.77.0.0/22 } }'],
  },
  {
    where: 'libreswan',
    does: 'ipsec.conf, in the conn:',
    lines: ['rightaddresspool=10.77.0.10-10.77.3.250', 'leftmodecfgserver=yes', 'rightmodecfgclient=yes'],
  },
  {
    where: 'cisco-asa',
    does: 'Configuration:',
    lines: [
      'ip local pool VPNPOOL 10.77.0.10-10.77.3.250 mask 255.255.252.0',
      'tunnel-group GROUP general-attributes',
      ' address-pool VPNPOOL',
    ],
  },
];
