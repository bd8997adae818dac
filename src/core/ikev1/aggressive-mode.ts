/**
 * Aggressive mode, RFC 2409 section 5, with proofs as in `authentication.ts` and NAT-D as RFC 3947 section 3.2 places it:
 *
 *     1  HDR, SA, KE, Ni, IDii, VID...                  ->
 *     2                                                 <-  HDR, SA, KE, Nr, IDir, proof, VID..., NAT-D...
 *     3  HDR[*], proof, NAT-D...                        ->
 *
 * A group's secret can be guessed off line from message 2: a weak one gives every login away. That is the protocol; hybrid
 * authentication has no such secret.
 */
import type { Bytes } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import type { IkePath } from '../carrier/ike-path.ts';
import type { Instant } from '../net/time.ts';
import { decryptBody, encryptBody } from '../protection/ikev1-cipher.ts';
import { encodeId, encodeSa, type Identification, NotifyType, parseId, parseSa } from '../wire/ikev1.ts';
import {
  ExchangeType,
  encodePayloads,
  Flag,
  firstPayload,
  type IsakmpMessage,
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
import { acceptPhase1Choice, choosePhase1 } from './phase1-proposal.ts';
import type { Credential } from './types.ts';

/** The first message; its KE payload fixes the group, so that all suites must have the same. */
export function beginAggressiveMode(
  context: SaContext,
  intent: InitiatorIntent,
): { message: Bytes; state: Phase1State } {
  const group = intent.suites[0]?.group;
  if (group === undefined || intent.suites.some((suite) => suite.group !== group)) {
    throw new RangeError('aggressive mode offers one group');
  }
  const own = { dh: context.crypto.generateDh(group), nonce: newNonce(context) };
  const sa = encodeOffer(intent);
  const message = context.encodeClear(ExchangeType.AGGRESSIVE, 0, [
    sa,
    { type: PayloadType.KE, body: own.dh.publicValue },
    { type: PayloadType.NONCE, body: own.nonce },
    encodeId(intent.identity),
    ...certificateRequests(context, { suite: intent.suites[0]! }),
    ...vendorIdPayloads(context),
  ]);
  return { message, state: { awaits: 'aggressive 2', intent, initiatorSa: sa.body, own } };
}

export function handleAggressive1(context: SaContext, message: IsakmpMessage, path: IkePath): Phase1Step {
  const payloads = new PayloadSet(parseWholeChain(message.header.nextPayload, message.body));
  learnTraits(context, payloads);
  const initiatorSa = context.keepOffer(payloads.one(PayloadType.SA));
  const initiatorPublic = payloads.one(PayloadType.KE).slice();
  const peerIdentity = parseId(payloads.one(PayloadType.ID).slice());
  const initiatorNonce = payloads.nonce().slice();
  const choice = choosePhase1(parseSa(initiatorSa), {
    ...context.environment.policy,
    publicLength: initiatorPublic.length,
  });
  if ('refused' in choice) return { refused: choice.refused, notify: NotifyType.NO_PROPOSAL_CHOSEN };
  const kind = kindOf(choice);
  const [credential] = context.environment.policy.credentials(kind, peerIdentity, path.remote);
  if (!credential) throw new RangeError('the policy has no secret, not even a made-up one');
  if (!credential.known) {
    context.fail('aggressive mode', unknownGroup(credential, peerIdentity));
  }
  const { group, hash } = choice.suite;
  const dh = context.crypto.generateDh(group);
  const sharedSecret = dh.sharedSecret(initiatorPublic);
  if (!sharedSecret) throw new MalformedError('KE payload is no public value of the group');
  const exchange = {
    initiatorCookie: context.initiatorCookie,
    responderCookie: context.responderCookie,
    initiatorPublic,
    responderPublic: dh.publicValue,
    initiatorNonce,
    responderNonce: context.crypto.random(NONCE_LENGTH),
    initiatorSa,
  };
  const keys = keysFor(context, choice, credential, sharedSecret, exchange);
  const idir = encodeId(context.environment.policy.ownIdentity(kind, path));
  const reply = context.encodeClear(ExchangeType.AGGRESSIVE, 0, [
    encodeSa([choice.answer]),
    { type: PayloadType.KE, body: exchange.responderPublic },
    { type: PayloadType.NONCE, body: exchange.responderNonce },
    idir,
    ...prove(context, choice, keys, exchange, idir.body),
    ...certificateRequests(context, choice),
    ...vendorIdPayloads(context),
    ...natDetectionPayloads(context, hash, path),
  ]);
  return { next: { awaits: 'aggressive 3', choice, exchange, keys, credential, peerIdentity }, reply };
}

export function handleAggressive2(
  context: SaContext,
  state: Phase1Awaiting<'aggressive 2'>,
  message: IsakmpMessage,
  path: IkePath,
  now: Instant,
): Phase1Step {
  const payloads = new PayloadSet(parseWholeChain(message.header.nextPayload, message.body));
  const { intent, initiatorSa, own } = state;
  const choice = acceptPhase1Choice(parseSa(payloads.one(PayloadType.SA)), intent.suites);
  if (!choice) return { refused: 'the peer chose a proposal that was not offered' };
  const responderPublic = payloads.one(PayloadType.KE).slice();
  const sharedSecret = own.dh.sharedSecret(responderPublic);
  if (!sharedSecret) throw new MalformedError('KE payload is no public value of the group');
  const responderCookie = message.header.responderCookie.slice();
  const exchange = {
    initiatorCookie: context.initiatorCookie,
    responderCookie,
    initiatorPublic: own.dh.publicValue,
    responderPublic,
    initiatorNonce: own.nonce,
    responderNonce: payloads.nonce().slice(),
    initiatorSa,
  };
  const keys = keysFor(context, choice, intent.credential, sharedSecret, exchange);
  const idir = payloads.one(PayloadType.ID).slice();
  const peerIdentity = parseId(idir);
  const proven = isProven(context, choice, keys, exchange, idir, payloads);
  if (proven === false) {
    return {
      refused: "the gateway's hash doesn't fit: the group secrets differ, or the group's name is unknown there",
    };
  }
  if (proven !== true) return proven;
  if (!intent.credential.accepts(peerIdentity)) {
    return { refused: `the gateway calls itself ${identityText(peerIdentity)}` };
  }
  learnTraits(context, payloads);
  context.responderCookie = responderCookie;
  const nat = detectNat(context, choice.suite.hash, path, payloads);
  const onward = nat.local || nat.remote ? floated(context, path) : path;
  const proof = [
    ...prove(context, choice, keys, exchange, encodeId(intent.identity).body),
    ...natDetectionPayloads(context, choice.suite.hash, onward),
    ...initialContactPayloads(context, intent),
  ];
  const { body, nextIv: phase1Iv } = encryptBody(context.crypto, keys, keys.initialIv, encodePayloads(proof));
  const reply = context.encode(ExchangeType.AGGRESSIVE, 0, Flag.ENCRYPTION, firstPayload(proof), body);
  const { credential } = intent;
  const result = { choice, keys, phase1Iv, peerIdentity, credential, nat, path: onward, initialContact: false };
  return { next: establish(context, { ...result, exchange: 'aggressive mode' }, now), reply, path: onward };
}

/** Message 3 may come in clear (the RFC's figure) or encrypted (what most send). */
export function handleAggressive3(
  context: SaContext,
  state: Phase1Awaiting<'aggressive 3'>,
  message: IsakmpMessage,
  path: IkePath,
  now: Instant,
): Phase1Step {
  const { choice, exchange, keys, credential, peerIdentity } = state;
  let chain = message.body;
  let phase1Iv = keys.initialIv;
  if (message.header.flags & Flag.ENCRYPTION) {
    const opened = decryptBody(context.crypto, keys, keys.initialIv, message.body);
    if (!opened) return { drop: 'ike_malformed' };
    chain = opened.payloads;
    phase1Iv = opened.nextIv;
  }
  const payloads = new PayloadSet(parsePayloads(message.header.nextPayload, chain).payloads);
  const idii = encodeId(peerIdentity).body;
  // in this order it takes as long as for a group that there is
  const proven = isProven(context, choice, keys, exchange, idii, payloads);
  if (!credential.known) return { refused: unknownGroup(credential, peerIdentity) };
  if (proven === false) return { refused: 'the group secrets differ' };
  if (proven !== true) return proven;
  // NAT-D hashes what the initiator saw of both: where message 3 went to, and where from
  const nat = detectNat(context, choice.suite.hash, path, payloads);
  const result = { choice, keys, phase1Iv, peerIdentity, credential, nat, path };
  const initialContact = hasInitialContact(payloads);
  return { next: establish(context, { ...result, initialContact, exchange: 'aggressive mode' }, now) };
}

function unknownGroup(credential: Credential, identity: Identification): string {
  return credential.unknownBecause ?? `no group is named ${identityText(identity)}; see 'groups'`;
}
