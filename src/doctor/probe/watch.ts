/**
 * How long a NAT on the way keeps a silent UDP mapping. Only what comes in without our having sent anything can tell, so a second
 * socket makes the gateway speak to the first one: it repeats the first one's question, and a gateway that answers repetitions to where it
 * answered before (strongSwan in IKEv1) sends through the old mapping.
 *
 *     A --- question ---> gateway          A <--- answer ---
 *              (pause)
 *     B --- the same ---> gateway          A <--- answer: the mapping of A lives
 *                                          B <--- answer: this gateway answers whoever asks, and nothing is learnt
 *                                          silence, though the gateway still knows the question: it was gone
 *
 * That works for as long as a gateway remembers a negotiation that isn't gone on with, mostly half a minute.
 */
import { toHex } from '../../core/bytes/text.ts';
import { parseIp } from '../../core/net/address.ts';
import { SECOND } from '../../core/net/time.ts';
import { BRISK, IkeFlow, type Outcome, Pace } from './ike-flow.ts';
import { ALL, mainModeQuestion } from './ikev1-questions.ts';
import { pause } from './network.ts';
import { PacketLog } from './packet-log.ts';
import type { ProbeTools } from './probe.ts';
import type { Survey } from './survey.ts';

/** Milliseconds; what a client's keepalive of 20 s needs lies among them. */
const PAUSES: readonly number[] = [5, 10, 15, 20, 25, 40, 60, 120].map((seconds) => seconds * SECOND);

/** Gateways count the negotiations that one address has begun: strongSwan takes five within its 30 seconds, and no more. */
const REST = 31 * SECOND;

/** What is learnt, as it is. */
export interface Learnt {
  readonly watch: 'nat-mapping';
  readonly state: 'alive' | 'gone' | 'unknown';
  /** Of silence. */
  readonly seconds: number;
  readonly text: string;
}

export async function* watchMapping(survey: Survey, tools: ProbeTools): AsyncGenerator<Learnt> {
  const { gateway } = survey;
  if (!gateway?.ikev1?.main) {
    yield learnt(
      'unknown',
      0,
      'NAT mapping: it takes a gateway that answers IKEv1 main mode to find out how long one lives.',
    );
    return;
  }
  if (gateway.nat.ours === 'none') {
    yield learnt('unknown', 0, 'NAT mapping: there is no NAT between here and the gateway, so none that forgets.');
    return;
  }
  tools.progress('waiting until the gateway has forgotten the questions before');
  await pause(tools.network, REST);
  // without a pause the mapping lives for sure: so this tells whether the gateway is of the kind that serves
  const control = await tryPause(survey, tools, 0);
  if (control !== 'alive') {
    yield learnt(
      'unknown',
      0,
      `NAT mapping: cannot be measured here: ${control === 'gone' ? IGNORES : REASONS[control === 'forgotten' ? 'follows' : control]}`,
    );
    return;
  }
  let alive = 0;
  for (const milliseconds of PAUSES) {
    const seconds = milliseconds / SECOND;
    tools.progress(`${seconds} s of silence`);
    const result = await tryPause(survey, tools, milliseconds);
    if (result === 'alive') {
      alive = seconds;
      yield learnt('alive', seconds, `NAT mapping: alive after ${seconds} s of silence.`);
    } else if (result === 'gone') {
      yield learnt('gone', seconds, goneText(alive, seconds));
      return;
    } else {
      yield learnt('unknown', seconds, `NAT mapping: not known beyond ${alive} s of silence: ${REASONS[result]}`);
      return;
    }
  }
}

/** Seconds: what clients of NAT-T do without being told (RFC 3948 section 4). */
const USUAL_KEEPALIVE = 20;

function goneText(alive: number, gone: number): string {
  const between = alive > 0 ? `between ${alive} and ${gone} s` : `less than ${gone} s`;
  // it is among the pauses: who outlived it is known to, and who didn't was gone by then
  const advice =
    alive >= USUAL_KEEPALIVE
      ? 'The usual keepalive each 20 s keeps it.'
      : `The usual keepalive each 20 s comes too late: set one of ${Math.floor(alive / 2) || 2} s.`;
  return `NAT mapping: gone; it lives ${between} of silence. ${advice}`;
}

type Result = 'alive' | 'gone' | keyof typeof REASONS;

const REASONS = {
  silent: 'the gateway gave no answer any more.',
  follows: 'this gateway answers whoever repeats a question, which says nothing of the NAT.',
  forgotten:
    "the gateway itself has forgotten the question by then. A tunnel tells more: 'sallyport doctor PROFILE --watch'.",
} as const;

const IGNORES = 'this gateway passes over a question that comes again from elsewhere.';

/** How long an answer to a repetition may take, twice. */
const LISTEN = [SECOND, SECOND];

async function tryPause(survey: Survey, tools: ProbeTools, milliseconds: number): Promise<Result> {
  const { network, crypto } = tools;
  const context = { network, log: new PacketLog(network), pace: new Pace(network) };
  const { address, port } = survey.gateway!;
  const remote = { address: parseIp(address)!, port: port === 'udp/500' ? 500 : 4500 };
  const isMarked = port === 'udp/4500';
  const question = mainModeQuestion(crypto, ALL);
  const a = await IkeFlow.open(context, remote, isMarked);
  const b = await IkeFlow.open(context, remote, isMarked);
  try {
    const first = await a.ask(question, BRISK);
    const cookie = cookieOf(first);
    if (cookie === undefined) return 'silent';
    await pause(network, milliseconds);
    const before = a.heard;
    const toB = await b.ask(question, LISTEN);
    if (a.heard > before) return 'alive';
    if (toB.kind === 'answer') return cookieOf(toB) === cookie ? 'follows' : 'forgotten';
    // who has forgotten it begins anew; who knows it answers here, or once more through the mapping that is gone
    const again = await a.ask(question, LISTEN);
    if (again.kind === 'answer') return cookieOf(again) === cookie ? 'gone' : 'forgotten';
    return (await a.ask(mainModeQuestion(crypto, ALL), BRISK)).kind === 'answer' ? 'gone' : 'silent';
  } finally {
    a.close();
    b.close();
  }
}

function cookieOf(outcome: Outcome): string | undefined {
  if (outcome.kind !== 'answer' || outcome.answer.verdict.kind !== 'accepted') return undefined;
  return toHex(outcome.answer.responderCookie);
}

function learnt(state: Learnt['state'], seconds: number, text: string): Learnt {
  return { watch: 'nat-mapping', state, seconds, text };
}
