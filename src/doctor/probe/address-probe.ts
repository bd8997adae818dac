/** Which ports of one address answer, and to which kinds of IKE. */
import type { CryptoProvider } from '../../core/crypto/provider.ts';
import type { IpAddress } from '../../core/net/address.ts';
import { type FlowContext, IkeFlow, type Outcome, PATIENT, type Waits } from './ike-flow.ts';
import { ALL, mainModeQuestion } from './ikev1-questions.ts';
import {
  EVERYTHING,
  EVERYTHING_AND_UNWANTED,
  type Ikev2Offer,
  type InitOptions,
  type InitQuestion,
  initQuestion,
  UNWANTED_GROUP,
} from './ikev2-questions.ts';
import { pause } from './network.ts';
import { portText, stateText } from './port-text.ts';
import type { Question } from './question.ts';
import type { AddressSight, Port, PortSight } from './survey.ts';
import { askTcp, CTCP, IKE_OVER_TCP } from './tcp.ts';

/** Milliseconds that UDP 500 has for its answer before UDP 4500 is asked without knowing of it. */
const HEAD_START = 1200;
const USUAL_GROUP = 14;

export interface ProbeContext extends FlowContext {
  readonly crypto: CryptoProvider;
  readonly progress: (text: string) => void;
}

/** A question that was asked, and what came of it. */
export interface Asked {
  readonly flow: IkeFlow;
  readonly question: Question;
  readonly outcome: Outcome;
  /** It asked for a cookie first. */
  readonly cookie: boolean;
}

export interface Reached {
  readonly sight: AddressSight;
  /** The first port that answers, and the questions to it. Undefined: no UDP port answers. */
  readonly best:
    | { readonly flow: IkeFlow; readonly port: Port; readonly main: Asked; readonly init: Asked }
    | undefined;
  /** To be closed when all is done: later answers are evidence too. */
  readonly flows: readonly IkeFlow[];
}

export async function reachAddress(context: ProbeContext, address: IpAddress): Promise<Reached> {
  const { crypto, progress } = context;
  const tell = (sight: PortSight) => progress(`${address.text}: ${portText(sight.port)} ${stateText(sight)}`);
  const flow500 = await IkeFlow.open(context, { address, port: 500 }, false, 500);
  const flow4500 = await IkeFlow.open(context, { address, port: 4500 }, true);
  // one version that answers shows that the way is open: the other one's silence is worth less then
  const isHeard = () => flow500.heard > 0;
  const main500 = askMain(context, flow500, PATIENT, isHeard);
  const init500 = askInit(context, flow500, EVERYTHING, { group: USUAL_GROUP }, PATIENT, isHeard);
  const tcp = [
    askTcp(context, address, CTCP, mainModeQuestion(crypto, ALL)),
    askTcp(context, address, IKE_OVER_TCP, initQuestionOf(context, flow4500, EVERYTHING, { group: USUAL_GROUP })),
  ];
  const on4500 = reach4500(context, flow4500, main500, init500);
  // awaited one by one below: where the network ends, those that aren't yet must not end the program
  Promise.all([main500, init500, on4500, ...tcp]).catch(() => undefined);
  const first = { flow: flow500, port: 'udp/500' as const, main: await main500, init: await init500 };
  const sight500 = udpSight('udp/500', first.main, first.init);
  tell(sight500);
  const second = { flow: flow4500, port: 'udp/4500' as const, ...(await on4500) };
  const sight4500 = udpSight('udp/4500', second.main, second.init);
  tell(sight4500);
  const unmarked = sight4500.state === 'silent' ? await reachUnmarked(context, address, first) : undefined;
  const ports = [sight500, sight4500, ...(await Promise.all(tcp))];
  for (const sight of ports.slice(2)) tell(sight);
  return {
    sight: { address: address.text, ports, unmarked },
    best: sight500.state === 'answers' ? first : sight4500.state === 'answers' ? whole(second) : undefined,
    flows: [flow500, flow4500],
  };
}

interface On4500 {
  readonly main: Asked | undefined;
  readonly init: Asked | undefined;
}

/**
 * What answered on UDP 500 is asked of UDP 4500 too, and no more: each negotiation that a gateway begins counts against those
 * that it begins with us. In IKEv2 a KE payload of no use gets an answer that begins none.
 */
async function reach4500(
  context: ProbeContext,
  flow: IkeFlow,
  main500: Promise<Asked>,
  init500: Promise<Asked>,
): Promise<On4500> {
  const { network } = context;
  const answers = async (asked: Promise<Asked>) => {
    if ((await asked).outcome.kind !== 'answer') await new Promise(() => {});
  };
  await network.within(
    HEAD_START,
    Promise.race([answers(init500), Promise.all([answers(main500), pause(network, 300)])]),
  );
  const known = async (asked: Promise<Asked>) =>
    (await network.within(
      0,
      asked.then(({ outcome }) => outcome.kind === 'answer'),
    )) ?? false;
  if (await known(init500)) {
    const wanted = await askInit(
      context,
      flow,
      EVERYTHING_AND_UNWANTED,
      { group: UNWANTED_GROUP },
      PATIENT.slice(0, 1),
    );
    if (wanted.outcome.kind !== 'silent') return { main: undefined, init: wanted };
    const init = await askInit(context, flow, EVERYTHING, { group: USUAL_GROUP }, PATIENT.slice(1));
    return { main: undefined, init };
  }
  if (await known(main500)) return { main: await askMain(context, flow, PATIENT), init: undefined };
  const [main, init] = await Promise.all([
    askMain(context, flow, PATIENT),
    askInit(context, flow, EVERYTHING, { group: USUAL_GROUP }, PATIENT),
  ]);
  return { main, init };
}

function whole({ flow, port, main, init }: On4500 & { readonly flow: IkeFlow; readonly port: Port }): Reached['best'] {
  return main && init ? { flow, port, main, init } : undefined;
}

/** A port that answers only so leads to what expects IKE on UDP 500. */
async function reachUnmarked(
  context: ProbeContext,
  address: IpAddress,
  on500: { readonly main: Asked; readonly init: Asked },
): Promise<PortSight> {
  const flow = await IkeFlow.open(context, { address, port: 4500 }, false);
  const waits = PATIENT.slice(0, 2);
  const main = on500.init.outcome.kind === 'answer' ? undefined : await askMain(context, flow, waits);
  const init = main
    ? undefined
    : await askInit(context, flow, EVERYTHING_AND_UNWANTED, { group: UNWANTED_GROUP }, waits);
  flow.close();
  return udpSight('udp/4500', main, init);
}

async function askMain(
  { crypto }: ProbeContext,
  flow: IkeFlow,
  waits: Waits,
  isEnough?: () => boolean,
): Promise<Asked> {
  const question = mainModeQuestion(crypto, ALL);
  return { flow, question, outcome: await flow.ask(question, waits, isEnough), cookie: false };
}

/** A gateway that asks for a cookie gets it. */
export async function askInit(
  context: ProbeContext,
  flow: IkeFlow,
  offer: Ikev2Offer,
  options: Pick<InitOptions, 'group' | 'padding'>,
  waits: Waits,
  isEnough?: () => boolean,
): Promise<Asked> {
  const question = initQuestionOf(context, flow, offer, options);
  const outcome = await flow.ask(question, waits, isEnough);
  const verdict = outcome.kind === 'answer' ? outcome.answer.verdict : undefined;
  if (verdict?.kind !== 'wants-cookie') return { flow, question, outcome, cookie: false };
  const again = question.withCookie(verdict.cookie);
  const better = await flow.ask(again, waits);
  return { flow, question: again, outcome: better.kind === 'answer' ? better : outcome, cookie: true };
}

function initQuestionOf(
  { crypto }: ProbeContext,
  flow: IkeFlow,
  offer: Ikev2Offer,
  options: Pick<InitOptions, 'group' | 'padding'>,
): InitQuestion {
  // without a socket nothing is sent, so that any address does
  return initQuestion(crypto, offer, { ...options, local: flow.local ?? flow.remote, remote: flow.remote });
}

function udpSight(port: 'udp/500' | 'udp/4500', main: Asked | undefined, init: Asked | undefined): PortSight {
  const outcomes = [main?.outcome, init?.outcome].filter((outcome) => outcome !== undefined);
  const answers = outcomes.filter((outcome) => outcome.kind === 'answer');
  const [first] = answers;
  const sight = { port, code: undefined, after: undefined, speaks: [] };
  if (first) {
    const speaks = [...(isServed(main) ? ['IKEv1 main mode'] : []), ...(isServed(init) ? ['IKEv2'] : [])];
    return { ...sight, state: 'answers', speaks, after: first.after, packet: first.packet };
  }
  const refused = outcomes.find(({ kind }) => kind === 'refused');
  if (refused) return { ...sight, state: 'refused', packet: refused.packet };
  const failed = outcomes.find((outcome) => outcome.kind === 'failed');
  if (failed) return { ...sight, state: 'failed', code: failed.code, packet: failed.packet };
  return { ...sight, state: 'silent', packet: outcomes[0]!.packet };
}

/** It goes into the negotiation, or says how it would. */
export function isServed(asked: Asked | undefined): boolean {
  return asked?.outcome.kind === 'answer' && asked.outcome.answer.verdict.kind !== 'refused';
}
