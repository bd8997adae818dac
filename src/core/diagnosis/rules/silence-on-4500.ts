/** The gateway answers on UDP 500; once the client has gone on to 4500, nothing comes any more. */
import { ExchangeType } from '../../wire/isakmp.ts';
import type { Conversation } from '../conversation.ts';
import type { Finding, Remedy } from '../finding.ts';
import { ofGateway } from '../gateways.ts';
import { natSign, natsOf } from '../nat.ts';
import type { Message, Negotiation } from '../negotiation.ts';
import {
  chosenOf,
  errorsOf,
  failedOf,
  isAggressive,
  isBySecret,
  of,
  phase1Of,
  repeatEvidence,
  seconds,
  unanswered,
} from '../phases.ts';
import { openFirewall, SECRETS } from '../remedies.ts';
import { PATIENCE, type Rule, type Scene } from '../rule.ts';

export const silenceOn4500: Rule = { of: 'pair', judge };

function judge(conversation: Conversation, scene: Scene): Finding | undefined {
  if (answersOn4500(conversation.gateway.text, scene)) return undefined;
  for (const negotiation of failedOf(conversation)) {
    const floated = silentFloat(negotiation, scene);
    if (floated) return finding(negotiation, floated, scene);
    const awaited = lastOn500(negotiation, scene);
    if (awaited) return beyondFinding(awaited, scene);
  }
  return undefined;
}

/** The first message on 4500, if all that the responder ever said was on 500. Fragmented ones have other reasons to get lost. */
function silentFloat(negotiation: Negotiation, scene: Scene): Message | undefined {
  const answers = of('responder', negotiation.messages);
  const floated = of('initiator', negotiation.messages).find(({ way }) => way === 'nat-t');
  if (!floated || answers.length === 0 || answers.some(({ way }) => way === 'nat-t')) return undefined;
  if (floated.fragments > 1 || floated.isLost || floated.isFragment) return undefined;
  // something new, from wherever, means that it came through
  if (answers.some(({ packet, repeats }) => packet > floated.packet && repeats === undefined)) return undefined;
  if (isSecretsFirstUse(floated) && natSign(negotiation) === undefined) return undefined;
  return unanswered(negotiation, scene)?.role === 'initiator' ||
    of('initiator', negotiation.messages).some(({ repeats }) => repeats === floated.packet)
    ? floated
    : undefined;
}

/**
 * Seen at the gateway: its answer on 500 is there, after which a client that knows of a NAT goes on at 4500; nothing comes, and
 * the client doesn't ask again either, so that it has the answer.
 */
function lastOn500(negotiation: Negotiation, scene: Scene): Message | undefined {
  const phase1 = phase1Of(negotiation);
  const answer = of('responder', phase1).at(-1);
  if (!answer || phase1.at(-1) !== answer || !goesOnAt4500(negotiation, phase1, scene)) return undefined;
  const later = negotiation.messages.filter(({ packet }) => packet > answer.packet);
  const isQuiet = later.every(({ from, repeats }) => from === 'responder' && repeats !== undefined);
  return isQuiet && answer.way === 'udp' && scene.lastAt - answer.at >= PATIENCE ? answer : undefined;
}

/** Behind message 4 of main mode; behind IKE_SA_INIT, which with NAT detection only clients send. */
function goesOnAt4500(negotiation: Negotiation, phase1: readonly Message[], { crypto }: Scene): boolean {
  const isDue =
    negotiation.version === 2 ? chosenOf(negotiation) !== undefined : !isAggressive(negotiation) && phase1.length === 4;
  if (!isDue || errorsOf(negotiation).length > 0) return false;
  const nats = crypto ? natsOf(crypto, negotiation) : [];
  return nats.some(({ behind }) => behind === 'initiator') || natSign(negotiation) !== undefined;
}

/** Main mode's message 5: silence after it may as well mean that the secrets differ. */
function isSecretsFirstUse({ exchange }: Message): boolean {
  return exchange === ExchangeType.IDENTITY_PROTECTION;
}

/** Somebody got something from its port 4500: then the port isn't what is in the way. */
export const answersOn4500: (gateway: string, scene: Scene) => boolean = ofGateway((gateway, conversations) =>
  conversations.some(
    ({ flows, negotiations }) =>
      flows.some(({ carrier, source }) => carrier === 'nat-t' && source.address.text === gateway) ||
      negotiations.some(({ messages }) =>
        messages.some(({ way, source }) => way === 'nat-t' && source.address.text === gateway),
      ),
  ),
);

function finding(negotiation: Negotiation, floated: Message, scene: Scene): Finding {
  const answer = of('responder', negotiation.messages)[0]!;
  const orSecret =
    isSecretsFirstUse(floated) && isBySecret(chosenOf(negotiation))
      ? ' If the port is open, the shared secrets differ: this message is the first that needs them.'
      : '';
  return {
    rule: 'silence-on-4500',
    severity: 'cause',
    cause: `UDP 500 passes and UDP 4500 does not: a firewall drops it, or nothing at the gateway listens on 4500.${orSecret}`,
    evidence: [
      { packet: answer.packet, says: 'the gateway answers on UDP 500' },
      {
        packet: floated.packet,
        says: `the client goes on at UDP 4500, as there is a NAT on the way: ${floated.summary}`,
      },
      ...repeatEvidence(negotiation, floated),
      {
        packet: 0,
        says: `nothing came from UDP 4500 in the ${Math.round((scene.lastAt - floated.at) / 1000)} s until the capture ends`,
      },
    ],
    remedies: [...OPEN_4500, ...(orSecret === '' ? [] : SECRETS)],
  };
}

function beyondFinding(answer: Message, scene: Scene): Finding {
  return {
    rule: 'silence-on-4500',
    severity: 'cause',
    cause:
      'The client has its answer on UDP 500 and goes on at UDP 4500, as there is a NAT on the way: nothing of that comes here, so that a firewall before this place drops UDP 4500, or the client gave up by itself.',
    evidence: [
      { packet: answer.packet, says: `the gateway's answer on UDP 500: ${answer.summary}` },
      {
        packet: 0,
        says: `nothing comes in the ${seconds(scene.lastAt - answer.at)} until the capture ends, neither on UDP 4500 nor the question again`,
      },
    ],
    remedies: OPEN_4500,
  };
}

const OPEN_4500: readonly Remedy[] = [
  ...openFirewall(['nat-t'], 'gateway'),
  ...openFirewall(['nat-t'], 'client'),
  {
    where: 'cisco-asa',
    does: 'As the gateway: switch NAT traversal on.',
    lines: ['crypto isakmp nat-traversal 20'],
  },
];
