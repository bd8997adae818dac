/**
 * One UDP flow to a port of the gateway, on which several questions may be out at once: cookies tell the answers apart. It asks
 * few times, with growing waits, and never faster than its pace.
 */
import { type Bytes, bytesEqual, concat, isZero } from '../../core/bytes/bytes.ts';
import { toHex } from '../../core/bytes/text.ts';
import { suiteText } from '../../core/diagnosis/offer.ts';
import { type Endpoint, sameEndpoint } from '../../core/net/address.ts';
import { type Answer, readAnswer } from './answer.ts';
import { type ProbeNetwork, pause, type UdpFlow } from './network.ts';
import type { PacketLog } from './packet-log.ts';
import type { Question } from './question.ts';

export type Outcome =
  /** `packet`: the number of the answer; `after`: milliseconds since it was last asked. */
  | { readonly kind: 'answer'; readonly answer: Answer; readonly packet: number; readonly after: number }
  /** ICMP "port unreachable". */
  | { readonly kind: 'refused'; readonly packet: number }
  /** Another error of ICMP's or of this host: its code. */
  | { readonly kind: 'failed'; readonly packet: number; readonly code: string }
  /** `packet`: of the last time that it was asked. */
  | { readonly kind: 'silent'; readonly packet: number };

/** Milliseconds from one attempt to the next, and from the last one to giving up. */
export type Waits = readonly number[];
/** For who may be far away, or not there. */
export const PATIENT: Waits = [900, 1300, 1800];
/** For who has answered before. */
export const BRISK: Waits = [800, 1200];

/** Milliseconds between any two datagrams to one address. */
const PACE = 40;

const MARKER = new Uint8Array(4);

/** Spaces the datagrams of several flows to one address. */
export class Pace {
  readonly #network: ProbeNetwork;
  #next = 0;

  constructor(network: ProbeNetwork) {
    this.#network = network;
  }

  async turn(): Promise<void> {
    const now = this.#network.now();
    const at = Math.max(now, this.#next);
    this.#next = at + PACE;
    if (at > now) await pause(this.#network, at - now);
  }
}

export interface FlowContext {
  readonly network: ProbeNetwork;
  readonly log: PacketLog;
  readonly pace: Pace;
}

interface Pending {
  readonly settle: (outcome: Outcome) => void;
  asked: number;
}

/** The first answer to a question, and when the same came again. */
interface Answered {
  readonly bytes: Bytes;
  readonly at: number;
  readonly again: number[];
}

export class IkeFlow {
  readonly remote: Endpoint;
  readonly #context: FlowContext;
  readonly #marker: boolean;
  readonly #name: string;
  readonly #pending = new Map<string, Pending>();
  readonly #answered = new Map<string, Answered>();
  #flow: UdpFlow | undefined;
  #failure: string | undefined;
  #heard = 0;

  private constructor(context: FlowContext, remote: Endpoint, marker: boolean) {
    this.remote = remote;
    this.#context = context;
    this.#marker = marker;
    this.#name = `${remote.address.text} udp/${remote.port}`;
  }

  /**
   * @param marker the non-ESP marker stands in front of each message (RFC 3948 section 2.2)
   * @param localPort wished for; any other when the host doesn't give it
   */
  static async open(context: FlowContext, remote: Endpoint, marker: boolean, localPort = 0): Promise<IkeFlow> {
    const flow = new IkeFlow(context, remote, marker);
    for (const port of localPort === 0 ? [0] : [localPort, 0]) {
      try {
        const opened = await context.network.openUdp(remote, port, {
          datagram: (bytes) => flow.#handleDatagram(bytes),
          failed: (code) => flow.#handleFailure(code),
        });
        // where nobody else is there, our own socket would be the one that answers
        if (!sameEndpoint(opened.local, remote)) {
          flow.#flow = opened;
          return flow;
        }
        opened.close();
      } catch (error) {
        flow.#failure = (error as NodeJS.ErrnoException).code ?? 'unknown';
      }
    }
    return flow;
  }

  /** Undefined: this host couldn't even open a socket to there. */
  get local(): Endpoint | undefined {
    return this.#flow?.local;
  }

  /** Datagrams that came, whatever they were. */
  get heard(): number {
    return this.#heard;
  }

  /** Milliseconds from the first answer to each repetition that the gateway sent by itself. */
  resends(question: Question): readonly number[] {
    const answered = this.#answered.get(toHex(question.initiatorCookie));
    return answered ? answered.again.map((at) => Math.round(at - answered.at)) : [];
  }

  /** @param isEnough asked before the third attempt: whoever hears something else of the gateway needn't wait as long */
  async ask(question: Question, waits: Waits, isEnough = () => false): Promise<Outcome> {
    let last = 0;
    if (!this.#flow) {
      last = this.#context.log.add('out', this.#name, `${question.says}: not sent`);
      return { kind: 'failed', packet: last, code: this.#failure ?? 'unknown' };
    }
    const name = toHex(question.initiatorCookie);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const pending: Pending = { settle: resolve, asked: 0 };
    this.#pending.set(name, pending);
    try {
      for (const [attempt, wait] of waits.entries()) {
        if (attempt === 2 && isEnough()) break;
        await this.#context.pace.turn();
        const again = attempt === 0 ? '' : ', again';
        last = this.#context.log.add('out', this.#name, `${question.says}, ${question.bytes.length} bytes${again}`);
        pending.asked = this.#context.network.now();
        this.#flow.send(this.#marker ? concat(MARKER, question.bytes) : question.bytes);
        const outcome = await this.#context.network.within(wait, promise);
        if (outcome) return outcome;
      }
      return { kind: 'silent', packet: last };
    } finally {
      this.#pending.delete(name);
    }
  }

  close(): void {
    this.#flow?.close();
  }

  #handleDatagram(bytes: Bytes): void {
    this.#heard++;
    const isMarked = bytes.length > MARKER.length && isZero(bytes.subarray(0, MARKER.length));
    const message = isMarked ? bytes.slice(MARKER.length) : bytes;
    const answer = readAnswer(message);
    const packet = this.#context.log.add('in', this.#name, answer ? answerText(answer) : 'what is no IKE in clear');
    const name = toHex(message.subarray(0, 8));
    const now = this.#context.network.now();
    const answered = this.#answered.get(name);
    if (answered && answered.again.length < MAX_RESENDS && bytesEqual(answered.bytes, message))
      answered.again.push(now);
    const pending = this.#pending.get(name);
    if (!pending || !answer) return;
    if (!answered) this.#answered.set(name, { bytes: message, at: now, again: [] });
    pending.settle({ kind: 'answer', answer, packet, after: Math.round(now - pending.asked) });
  }

  /** An ICMP error doesn't say which of our datagrams it is about. */
  #handleFailure(code: string): void {
    const packet = this.#context.log.add('in', this.#name, FAILURES[code] ?? code);
    const isRefused = REFUSALS.includes(code);
    for (const { settle } of this.#pending.values())
      settle(isRefused ? { kind: 'refused', packet } : { kind: 'failed', packet, code });
  }
}

/** Our own limit on what is remembered of a gateway that repeats itself. */
export const MAX_RESENDS = 16;

/** Windows says the second. */
const REFUSALS: readonly string[] = ['ECONNREFUSED', 'ECONNRESET'];

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'ICMP: port unreachable',
  ECONNRESET: 'ICMP: port unreachable',
  EHOSTUNREACH: 'ICMP: host unreachable',
  ENETUNREACH: 'no route to the network',
  EACCES: 'ICMP: administratively prohibited, or forbidden by this host',
  EPERM: 'forbidden by the firewall of this host',
  EMSGSIZE: 'too large for the path',
};

function answerText({ version, verdict, vendorIds }: Answer): string {
  const head = `IKEv${version}`;
  switch (verdict.kind) {
    case 'accepted':
      return `${head} takes ${verdict.suite ? suiteText(verdict.suite) : 'it'}, ${vendorIds.length} vendor IDs`;
    case 'wants-group':
      return `${head} INVALID_KE_PAYLOAD, wants group ${verdict.group}`;
    case 'wants-cookie':
      return `${head} COOKIE`;
    case 'refused':
      return `${head} ${verdict.notify}`;
  }
}
