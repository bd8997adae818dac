/** TCP 10000 and TCP 4500 by plain sockets: does the port answer, and does it speak IPsec over TCP, Cisco's or RFC 9329's? */
import { type Bytes, concat, isZero, readU16, u16 } from '../../core/bytes/bytes.ts';
import { utf8 } from '../../core/bytes/text.ts';
import { CtcpStream } from '../../core/carrier/ctcp-stream.ts';
import type { IpAddress } from '../../core/net/address.ts';
import {
  CTCP_TRAILER,
  CTCP_UDP_HEADER,
  CtcpProtocol,
  ikeLength,
  TO_SERVER,
  writeTrailer,
  writeUdpHeader,
} from '../../core/wire/ctcp.ts';
import { type Answer, readAnswer } from './answer.ts';
import type { FlowContext } from './ike-flow.ts';
import type { TcpFlow } from './network.ts';
import type { Question } from './question.ts';
import type { PortSight } from './survey.ts';

/** Milliseconds: a SYN and its second and third repetition; and for an answer once it stands. */
const CONNECT_PATIENCE = 4000;
const ANSWER_PATIENCE = 2000;

/** How a question goes through a TCP connection, and how answers come back. */
interface Framing {
  readonly port: 4500 | 10000;
  readonly name: string;
  encode(question: Bytes): Bytes;
  /** Called with each piece of the stream. */
  decoder(found: (message: Bytes) => void): (bytes: Bytes) => void;
}

/**
 * By a kernel's socket a cTCP flow works as long as nothing is lost: one write is one segment. That is enough for one question.
 */
export const CTCP: Framing = {
  port: 10000,
  name: 'Cisco IPsec over TCP',
  encode(question) {
    const bytes = new Uint8Array(CTCP_UDP_HEADER + question.length + CTCP_TRAILER);
    writeUdpHeader(bytes, 0, question.length);
    bytes.set(question, CTCP_UDP_HEADER);
    writeTrailer(bytes, CTCP_UDP_HEADER + question.length, CtcpProtocol.IKE, 1, TO_SERVER);
    return bytes;
  },
  decoder(found) {
    const stream = new CtcpStream({
      packet(bytes, at, length, protocol) {
        const ike = protocol === CtcpProtocol.IKE ? ikeLength(bytes, at, length) : 0;
        if (ike > 0) found(bytes.slice(at + CTCP_UDP_HEADER, at + CTCP_UDP_HEADER + ike));
      },
    });
    return (bytes) => void stream.handlePayload('next', bytes, 0, bytes.length);
  },
};

/** RFC 9329 section 4: the stream's prefix, then each message behind its length, which counts itself; IKE behind four zeros. */
export const IKE_OVER_TCP: Framing = {
  port: 4500,
  name: 'IKEv2 over TCP',
  encode(question) {
    const length = LENGTH + MARKER + question.length;
    return concat(utf8('IKETCP'), u16(length), new Uint8Array(MARKER), question);
  },
  decoder(found) {
    let held: Bytes = new Uint8Array(0);
    return (bytes) => {
      held = concat(held, bytes);
      for (;;) {
        const length = held.length < LENGTH ? 0 : readU16(held);
        if (length < LENGTH || held.length < length) break;
        const message = held.subarray(LENGTH, length);
        if (isZero(message.subarray(0, MARKER))) found(message.slice(MARKER));
        held = held.subarray(length);
      }
      // no message is longer than its length field can say
      if (held.length > MAX_HELD) held = new Uint8Array(0);
    };
  },
};

const LENGTH = 2;
const MARKER = 4;
/** Our own limit on what waits for its end. */
export const MAX_HELD = 0xffff;

export async function askTcp(
  context: FlowContext,
  address: IpAddress,
  framing: Framing,
  question: Question,
): Promise<PortSight> {
  const { network, log } = context;
  const peer = `${address.text} tcp/${framing.port}`;
  const port = `tcp/${framing.port}` as const;
  const sight = { port, speaks: [], after: undefined, code: undefined };
  const { promise: answered, resolve } = Promise.withResolvers<Answer | undefined>();
  const decode = framing.decoder((message) => resolve(readAnswer(message)));
  const give = new AbortController();
  let flow: TcpFlow | undefined;
  await context.pace.turn();
  const asked = log.add('out', peer, 'TCP connection');
  try {
    const listener = { data: decode, closed: () => resolve(undefined) };
    const opening = network.openTcp({ address, port: framing.port }, listener, give.signal);
    flow = await network.within(CONNECT_PATIENCE, opening);
    if (!flow) {
      // what it says when it is given up is nobody's any more
      opening.catch(() => {});
      return { ...sight, state: 'silent', packet: asked };
    }
    const opened = log.add('in', peer, 'TCP connection stands');
    log.add('out', peer, `${framing.name}: ${question.says}`);
    const began = network.now();
    flow.send(framing.encode(question.bytes));
    const answer = await network.within(ANSWER_PATIENCE, answered);
    if (!answer) return { ...sight, state: 'open', packet: opened };
    const packet = log.add('in', peer, `${framing.name}: an IKEv${answer.version} answer`);
    return { ...sight, state: 'answers', speaks: [framing.name], after: Math.round(network.now() - began), packet };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const packet = log.add('in', peer, code === 'ECONNREFUSED' ? 'TCP reset: nobody listens' : code);
    return { ...sight, state: code === 'ECONNREFUSED' ? 'refused' : 'failed', code, packet };
  } finally {
    flow?.close();
    give.abort();
  }
}
