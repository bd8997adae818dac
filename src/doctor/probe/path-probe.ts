/** What lies on the way to a gateway: NATs, as it sees our address and we see its, and whether large datagrams get through. */
import { type Bytes, bytesEqual } from '../../core/bytes/bytes.ts';
import { type HashName, isDhGroup } from '../../core/crypto/algorithms.ts';
import { groupNumber } from '../../core/diagnosis/algorithm-names.ts';
import { readVendorIds } from '../../core/ike/vendor-ids.ts';
import type { Endpoint } from '../../core/net/address.ts';
import { natDetectionHash } from '../../core/protection/ikev1-hashes.ts';
import { Ikev2Notify } from '../../core/wire/ikev2.ts';
import { PayloadType } from '../../core/wire/isakmp.ts';
import type { Asked } from './address-probe.ts';
import { type Answer, bodiesOf, notifyData } from './answer.ts';
import type { Ikev1Interview } from './ikev1-interview.ts';
import { ALL, mainModeQuestion, natDetectionQuestion } from './ikev1-questions.ts';
import type { Ikev2Interview } from './ikev2-interview.ts';
import { EVERYTHING_AND_UNWANTED, UNWANTED_GROUP } from './ikev2-questions.ts';
import type { Interview } from './interview.ts';
import type { LargeSight, NatSight } from './survey.ts';

/** More than an Ethernet frame holds, less than two. */
const LARGE = 2000;

const UNKNOWN: NatSight = { ours: 'unknown', theirs: 'unknown', packet: 0 };

export async function findNat(
  interview: Interview,
  ikev1: Ikev1Interview | undefined,
  ikev2: Ikev2Interview | undefined,
): Promise<NatSight> {
  const fromIkev2 = ikev2?.begun && natOfIkev2(interview, ikev2.begun);
  return fromIkev2 ?? (ikev1?.begun && (await natOfIkev1(interview, ikev1.begun))) ?? UNKNOWN;
}

/** RFC 7296 section 2.23: "source" is the gateway itself, "destination" are we. */
function natOfIkev2(interview: Interview, { question, outcome }: Asked): NatSight | undefined {
  if (outcome.kind !== 'answer') return undefined;
  const { answer, packet } = outcome;
  const ours = notifyData(answer, Ikev2Notify.NAT_DETECTION_DESTINATION_IP);
  const theirs = notifyData(answer, Ikev2Notify.NAT_DETECTION_SOURCE_IP);
  if (!ours || !theirs) return undefined;
  return judge(interview, 'sha1', question.initiatorCookie, answer, ours, [theirs], packet);
}

/** RFC 3947 section 3.2: the first hash is of us, the others are of the gateway. It takes main mode's third message. */
async function natOfIkev1(interview: Interview, { question, outcome }: Asked): Promise<NatSight | undefined> {
  if (outcome.kind !== 'answer' || outcome.answer.verdict.kind !== 'accepted') return undefined;
  const { answer } = outcome;
  const suite = outcome.answer.verdict.suite;
  const group = groupNumber(suite?.group[0] ?? '');
  const hash = HASHES.find((name) => suite?.integrity.includes(name));
  const { natTraversal } = readVendorIds(answer.vendorIds);
  const { local, remote } = interview.flow;
  if (group === undefined || !isDhGroup(group) || !hash || !natTraversal || !local) return undefined;
  const { crypto } = interview.context;
  const type = natTraversal === 'rfc3947' ? PayloadType.NAT_D : PayloadType.NAT_D_DRAFT;
  const { initiatorCookie } = question;
  const natDetection = [remote, local].map((endpoint) => ({
    type,
    body: natDetectionHash(crypto, hash, initiatorCookie, answer.responderCookie, endpoint),
  }));
  const next = await interview.askShy(
    natDetectionQuestion(crypto, { initiatorCookie, responderCookie: answer.responderCookie, group, natDetection }),
  );
  if (next?.kind !== 'answer') return undefined;
  const [ours, ...theirs] = bodiesOf(next.answer.payloads, type);
  return ours && judge(interview, hash, initiatorCookie, next.answer, ours, theirs, next.packet);
}

const HASHES: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];

function judge(
  { flow, context }: Interview,
  hash: HashName,
  initiatorCookie: Bytes,
  { responderCookie }: Answer,
  ours: Bytes,
  theirs: readonly Bytes[],
  packet: number,
): NatSight {
  const hashOf = (endpoint: Endpoint) =>
    natDetectionHash(context.crypto, hash, initiatorCookie, responderCookie, endpoint);
  const local = flow.local && hashOf(flow.local);
  return {
    ours: local && bytesEqual(ours, local) ? 'none' : 'present',
    theirs: theirs.some((seen) => bytesEqual(seen, hashOf(flow.remote))) ? 'none' : 'present',
    packet,
  };
}

/** The same question as one that was answered, but so large that IP cuts it in two. Undefined: there was none to compare with. */
export async function tryLarge(
  interview: Interview,
  ikev1: Ikev1Interview | undefined,
  ikev2: Ikev2Interview | undefined,
): Promise<LargeSight | undefined> {
  interview.context.progress('a datagram in two fragments');
  const { crypto } = interview.context;
  const group = ikev2?.leavesNothing ? UNWANTED_GROUP : groupNumber(ikev2?.sight.groups[0] ?? '');
  if (ikev2 && group !== undefined) {
    const asked = await interview.askInitShy(EVERYTHING_AND_UNWANTED, { group, padding: LARGE });
    return asked && { bytes: asked.question.bytes.length, ...passage(asked.outcome) };
  }
  if (!ikev1 || ikev1.sight.taken.length === 0) return undefined;
  const question = mainModeQuestion(crypto, ikev1.refused ?? ALL, LARGE);
  const outcome = await interview.askShy(question);
  return outcome && { bytes: question.bytes.length, ...passage(outcome) };
}

function passage(outcome: { readonly kind: string; readonly packet: number }) {
  return { passes: outcome.kind === 'answer', packet: outcome.packet };
}
