/**
 * Main mode, RFC 2409 section 5; who proves itself how is in `authentication.ts`:
 *
 *     1  HDR, SA, VID...            ->
 *     2                             <-  HDR, SA, VID...
 *     3  HDR, KE, Ni, NAT-D...      ->
 *     4                             <-  HDR, KE, Nr, NAT-D...
 *     5  HDR*, IDii, proof          ->
 *     6                             <-  HDR*, IDir, proof
 */
import type { Bytes } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import { DH_GROUPS } from '../crypto/algorithms.ts';
import type { Instant } from '../net/time.ts';
import { decryptBody, encryptBody } from '../protection/ikev1-cipher.ts';
import type { Phase1Exchange, Phase1Keys } from '../protection/ikev1-keys.ts';
import { encodeId, encodeSa, type Identification, NotifyType, parseId, parseSa } from '../wire/ikev1.ts';
import {
  ExchangeType,
  encodePayloads,
  Flag,
  firstPayload,
  type IsakmpMessage,
  type Payload,
  PayloadType,
  parsePayloads,
  parseWholeChain,
} from '../wire/isakmp.ts';
import { certificateRequests, isProven, keysFor, kindOf, prove } from './authentication.ts';
import type { SaContext } from './context.ts';
import { identityText } from './identity.ts';
import { detectNat, floated, natDetectionPayloads } from './nat-detection.ts';
import { PayloadSet } from './payload-set.ts';
import {
  encodeOffer,
  establish,
  hasInitialContact,
  type InitiatorIntent,
  initialContactPayloads,
  learnTraits,
  NONCE_LENGTH,
  newNonce,
  type Phase1Awaiting,
  type Phase1State,
  type Phase1Step,
  vendorIdPayloads,
} from './phase1.ts';
import { acceptPhase1Choice, choosePhase1, type Phase1Choice } from './phase1-proposal.ts';

/** The first message, to be sent and repeated until an answer comes. */
export function beginMainMode(context: SaContext, intent: InitiatorIntent): { message: Bytes; state: Phase1State } {
  const sa = encodeOffer(intent);
  const message = encode(context, [sa, ...vendorIdPayloads(context)]);
  return { message, state: { awaits: 'main 2', intent, initiatorSa: sa.body } };
}

export function handleMain1(context: SaContext, message: IsakmpMessage): Phase1Step {
  const payloads = clearPayloads(message);
  learnTraits(context, payloads);
  // what is chosen are views of it: of the datagram they would keep all
  const initiatorSa = context.keepOffer(payloads.one(PayloadType.SA));
  const choice = choosePhase1(parseSa(initiatorSa), context.environment.policy);
  if ('refused' in choice) return { refused: choice.refused, notify: NotifyType.NO_PROPOSAL_CHOSEN };
  const reply = encode(context, [encodeSa([choice.answer]), ...vendorIdPayloads(context)]);
  return { next: { awaits: 'main 3', choice, initiatorSa }, reply };
}

export function handleMain2(
  context: SaContext,
  state: Phase1Awaiting<'main 2'>,
  message: IsakmpMessage,
  path: IkePath,
): Phase1Step {
  const payloads = clearPayloads(message);
  const choice = acceptPhase1Choice(parseSa(payloads.one(PayloadType.SA)), state.intent.suites);
  if (!choice) return { refused: 'the peer chose a proposal that was not offered' };
  learnTraits(context, payloads);
  context.responderCookie = message.header.responderCookie.slice();
  const own = { dh: context.crypto.generateDh(choice.suite.group), nonce: newNonce(context) };
  const reply = encode(context, [
    { type: PayloadType.KE, body: own.dh.publicValue },
    { type: PayloadType.NONCE, body: own.nonce },
    ...certificateRequests(context, choice),
    ...natDetectionPayloads(context, choice.suite.hash, path),
  ]);
  const { intent, initiatorSa } = state;
  return { next: { awaits: 'main 4', intent, choice, initiatorSa, own }, reply };
}

export function handleMain3(
  context: SaContext,
  state: Phase1Awaiting<'main 3'>,
  message: IsakmpMessage,
  path: IkePath,
): Phase1Step {
  const payloads = clearPayloads(message);
  const { choice, initiatorSa } = state;
  const { group, hash } = choice.suite;
  const initiatorPublic = payloads.one(PayloadType.KE).slice();
  if (initiatorPublic.length !== DH_GROUPS[group].length) throw new MalformedError('KE payload of another group');
  const dh = context.crypto.generateDh(group);
  const responderNonce = context.crypto.random(NONCE_LENGTH);
  const reply = encode(context, [
    { type: PayloadType.KE, body: dh.publicValue },
    { type: PayloadType.NONCE, body: responderNonce },
    ...certificateRequests(context, choice),
    ...natDetectionPayloads(context, hash, path),
  ]);
  const { initiatorCookie, responderCookie } = context;
  const exchange = {
    initiatorCookie,
    responderCookie,
    initiatorPublic,
    responderPublic: dh.publicValue,
    initiatorNonce: payloads.nonce().slice(),
    responderNonce,
    initiatorSa,
  };
  // g^xy is worked out with message 5: whoever only floods messages 3 costs half as much
  let secret: { readonly value: Bytes | undefined } | undefined;
  const sharedSecret = () => {
    secret ??= { value: dh.sharedSecret(initiatorPublic) };
    return secret.value;
  };
  const nat = detectNat(context, hash, path, payloads);
  return { next: { awaits: 'main 5', choice, exchange, sharedSecret, nat }, reply };
}

export function handleMain4(
  context: SaContext,
  state: Phase1Awaiting<'main 4'>,
  message: IsakmpMessage,
  path: IkePath,
): Phase1Step {
  const payloads = clearPayloads(message);
  const { intent, choice, initiatorSa, own } = state;
  const responderPublic = payloads.one(PayloadType.KE).slice();
  const sharedSecret = own.dh.sharedSecret(responderPublic);
  if (!sharedSecret) throw new MalformedError('KE payload is no public value of the group');
  const { initiatorCookie, responderCookie } = context;
  const exchange = {
    initiatorCookie,
    responderCookie,
    initiatorPublic: own.dh.publicValue,
    responderPublic,
    initiatorNonce: own.nonce,
    responderNonce: payloads.nonce().slice(),
    initiatorSa,
  };
  const nat = detectNat(context, choice.suite.hash, path, payloads);
  const keys = keysFor(context, choice, intent.credential, sharedSecret, exchange);
  const idii = encodeId(intent.identity);
  const proof = prove(context, choice, keys, exchange, idii.body);
  const sealed = seal(context, keys, keys.initialIv, [idii, ...proof, ...initialContactPayloads(context, intent)]);
  const next = { awaits: 'main 6', intent, choice, exchange, keys, iv: sealed.nextIv, nat } as const;
  return { next, reply: sealed.message, path: nat.local || nat.remote ? floated(context, path) : path };
}

export function handleMain5(
  context: SaContext,
  state: Phase1Awaiting<'main 5'>,
  message: IsakmpMessage,
  path: IkePath,
  now: Instant,
): Phase1Step {
  // a late repeat of message 1 or 3 is nobody's wrong secret
  if ((message.header.flags & Flag.ENCRYPTION) === 0) return { drop: 'ike_not_encrypted' };
  const { choice, exchange, nat } = state;
  const secret = state.sharedSecret();
  if (!secret) return { drop: 'ike_malformed' };
  const kind = kindOf(choice);
  let refused: string | undefined;
  for (const credential of context.environment.policy.credentials(kind, undefined, path.remote)) {
    const keys = keysFor(context, choice, credential, secret, exchange);
    const opened = openIdentity(context, choice, keys, exchange, keys.initialIv, message);
    if (opened === undefined) continue;
    if ('refused' in opened) {
      refused ??= opened.refused;
      continue;
    }
    const { payloads, peerIdentity } = opened;
    if (!credential.accepts(peerIdentity)) {
      refused = `the identity ${identityText(peerIdentity)} isn't served with what it proved; see 'peers', 'psk', 'groups'`;
      continue;
    }
    const idir = encodeId(context.environment.policy.ownIdentity(kind, path));
    const proof = prove(context, choice, keys, exchange, idir.body);
    const sealed = seal(context, keys, opened.nextIv, [idir, ...proof]);
    const initialContact = hasInitialContact(payloads);
    const phase1Iv = sealed.nextIv;
    const result = { choice, keys, phase1Iv, peerIdentity, credential, nat, path, initialContact };
    return { next: establish(context, { ...result, exchange: 'main mode' }, now), reply: sealed.message };
  }
  const wrong = "message 5 opens with no secret here: the client's pre-shared key is wrong, or 'psk' is not set";
  return { refused: refused ?? wrong };
}

export function handleMain6(
  context: SaContext,
  state: Phase1Awaiting<'main 6'>,
  message: IsakmpMessage,
  now: Instant,
): Phase1Step {
  const { intent, choice, exchange, keys, iv, nat } = state;
  const { credential } = intent;
  // where message 5 went: a repeat of this one may come by a port that we left
  const { path } = context;
  const opened = openIdentity(context, choice, keys, exchange, iv, message);
  if (!opened) return { drop: 'ike_not_authentic' };
  if ('refused' in opened) return opened;
  const { peerIdentity, nextIv: phase1Iv } = opened;
  if (!credential.accepts(peerIdentity)) return { refused: `the peer calls itself ${identityText(peerIdentity)}` };
  const initialContact = hasInitialContact(opened.payloads);
  const result = { choice, keys, phase1Iv, peerIdentity, credential, nat, path, initialContact };
  return { next: establish(context, { ...result, exchange: 'main mode' }, now), path };
}

/** An encrypted ID payload with its proof; undefined when the key is wrong or the hash doesn't match. */
function openIdentity(
  context: SaContext,
  choice: Phase1Choice,
  keys: Phase1Keys,
  exchange: Phase1Exchange,
  iv: Bytes,
  message: IsakmpMessage,
):
  | { readonly payloads: PayloadSet; readonly peerIdentity: Identification; readonly nextIv: Bytes }
  | { readonly refused: string }
  | undefined {
  if ((message.header.flags & Flag.ENCRYPTION) === 0) return undefined;
  const opened = decryptBody(context.crypto, keys, iv, message.body);
  if (!opened) return undefined;
  try {
    const payloads = new PayloadSet(parsePayloads(message.header.nextPayload, opened.payloads).payloads);
    const id = payloads.one(PayloadType.ID).slice();
    const proven = isProven(context, choice, keys, exchange, id, payloads);
    if (proven === false) return undefined;
    return proven === true ? { payloads, peerIdentity: parseId(id), nextIv: opened.nextIv } : proven;
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function clearPayloads(message: IsakmpMessage): PayloadSet {
  if (message.header.flags & Flag.ENCRYPTION) throw new MalformedError('encrypted before there are keys');
  return new PayloadSet(parseWholeChain(message.header.nextPayload, message.body));
}

function encode(context: SaContext, payloads: readonly Payload[]): Bytes {
  return context.encodeClear(ExchangeType.IDENTITY_PROTECTION, 0, payloads);
}

function seal(context: SaContext, keys: Phase1Keys, iv: Bytes, payloads: readonly Payload[]) {
  const { body, nextIv } = encryptBody(context.crypto, keys, iv, encodePayloads(payloads));
  const message = context.encode(ExchangeType.IDENTITY_PROTECTION, 0, Flag.ENCRYPTION, firstPayload(payloads), body);
  return { message, nextIv };
}
