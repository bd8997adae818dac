/** The shared secrets differ: main mode's message 5 opens to nothing, or aggressive mode's hash is wrong. */
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding } from '../finding.ts';
import { natSign } from '../nat.ts';
import type { Message, Negotiation } from '../negotiation.ts';
import { exchangeName } from '../notify-words.ts';
import {
  chosenOf,
  errorsOf,
  failedOf,
  isAggressive,
  isBySecret,
  isInformational,
  isPhase1,
  isPhase1Done,
  of,
  phase1Of,
  repeatEvidence,
  unanswered,
  vendorsOf,
} from '../phases.ts';
import { SECRETS } from '../remedies.ts';
import type { Rule, Scene } from '../rule.ts';
import { answersOn4500 } from './silence-on-4500.ts';

export const pskMismatch: Rule = { of: 'pair', judge };

function judge(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    if (negotiation.version !== 1 || isPhase1Done(negotiation) || !isBySecret(chosenOf(negotiation))) continue;
    const evidence = isAggressive(negotiation)
      ? inAggressiveMode(negotiation, conversation, scene)
      : inMainMode(negotiation, scene);
    if (evidence) return finding(negotiation, evidence);
  }
  return undefined;
}

/** Message 5 is the first that needs the secret to be read. */
function inMainMode(negotiation: Negotiation, scene: Scene): Evidence[] | undefined {
  const phase1 = phase1Of(negotiation);
  const fifth = of('initiator', phase1).find(({ isEncrypted }) => isEncrypted);
  if (!fifth || of('responder', phase1).some(({ isEncrypted }) => isEncrypted)) return undefined;
  const begin = { packet: fifth.packet, says: 'main mode, message 5: the first that needs the secret to be read' };
  const answer = negotiation.messages.find(
    ({ packet, from, exchange }) => packet > fifth.packet && from === 'responder' && !isPhase1Number(exchange),
  );
  // what opens was made of the same secret
  if (answer?.isOpened && fifth.isOpened) return undefined;
  if (answer)
    return [begin, { packet: answer.packet, says: `the gateway answers not by message 6 but by ${wordsOf(answer)}` }];
  if (
    fifth.way === 'nat-t' &&
    natSign(negotiation) !== undefined &&
    !answersOn4500(negotiation.responder.address.text, scene)
  )
    return undefined;
  const isBig = fifth.fragments > 1 || fifth.isFragment || fifth.isLost;
  if (isBig || unanswered(negotiation, scene) === undefined) return undefined;
  return [
    begin,
    ...repeatEvidence(negotiation, fifth),
    { packet: 0, says: 'message 6 never comes, though the gateway answered until then' },
  ];
}

/** Message 2 brings the gateway's hash; a client that finds it wrong says so or ends; message 3 brings the client's. */
function inAggressiveMode(negotiation: Negotiation, conversation: Conversation, scene: Scene): Evidence[] | undefined {
  const phase1 = phase1Of(negotiation);
  const second = of('responder', phase1)[0];
  if (!second) return undefined;
  const begin = { packet: second.packet, says: "aggressive mode, message 2: the gateway's hash, made of its secret" };
  const third = of('initiator', phase1)[1];
  const refusal = errorsOf(negotiation).find(
    ({ message, notify }) => message.packet > second.packet && isAboutProof(notify.name, message),
  );
  if (refusal)
    return [begin, { packet: refusal.message.packet, says: `${side(refusal.message)} answers ${refusal.notify.name}` }];
  const after = negotiation.messages.filter(
    ({ packet, exchange }) => packet > (third ?? second).packet && !isPhase1Number(exchange),
  );
  // who asks for the login, or begins phase 2, has taken the proof; it may greet before (INITIAL_CONTACT)
  if (!after.every(isInformational)) return undefined;
  const [word] = after;
  if (word && (third ? word.from === 'responder' && scene.lastAt - word.at >= GREETING : word.from === 'initiator'))
    return [begin, { packet: word.packet, says: `${side(word)} answers by ${wordsOf(word)}` }];
  if (third || word || !isClient(negotiation)) return undefined;
  const again = conversation.negotiations.some(({ firstAt }) => firstAt > second.at);
  if (!again && scene.lastAt - second.at < SILENCE) return undefined;
  return [
    begin,
    ...repeatEvidence(negotiation, second),
    { packet: 0, says: 'the client never goes on with message 3' },
  ];
}

const SILENCE = 4000;
/** What follows a greeting follows sooner. Milliseconds. */
const GREETING = 1000;

function isAboutProof(name: string, message: Message): boolean {
  return !message.isEncrypted && PROOF_ERRORS.includes(name);
}

const PROOF_ERRORS: readonly string[] = [
  'INVALID_HASH_INFORMATION',
  'AUTHENTICATION_FAILED',
  'PAYLOAD_MALFORMED',
  'INVALID_PAYLOAD_TYPE',
  'INVALID_ID_INFORMATION',
];

function isPhase1Number(exchange: number): boolean {
  return isPhase1({ exchange });
}

/** Scanners send a bare offer; clients tell what they can do. */
function isClient(negotiation: Negotiation): boolean {
  return vendorsOf(negotiation, 'initiator').length >= 2;
}

function side({ from }: Message): string {
  return from === 'initiator' ? 'the client' : 'the gateway';
}

function wordsOf(message: Message): string {
  const name = exchangeName(1, message.exchange);
  return message.isEncrypted && !message.isOpened ? `an encrypted ${name} message` : message.summary;
}

function finding(negotiation: Negotiation, evidence: readonly Evidence[]): Finding {
  return {
    rule: 'psk-mismatch',
    severity: 'cause',
    cause: `The shared secrets of the client and of the gateway ${negotiation.responder.address.text} differ (or it has none for this client's address or name).`,
    evidence: [{ packet: negotiation.messages[0]!.packet, says: negotiation.messages[0]!.summary }, ...evidence],
    remedies: SECRETS,
  };
}
