/** Our PPP client and our gateway's link on a line. */
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { PppClient, type PppClientEvent, type PppClientOptions } from '../../../src/core/ppp/client.ts';
import { type PppEvent, PppLink, type PppVerdict } from '../../../src/core/ppp/link.ts';
import type { PppProof } from '../../../src/core/ppp/login.ts';
import type { PppMethod } from '../../../src/core/ppp/methods.ts';
import { nodeCrypto } from '../../../src/host/crypto/node-crypto.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';
import { Line, type LineEnd, type LineOptions } from '../line.ts';
import { checkChap } from './check.ts';
import { GIVEN } from './peer.ts';

const METHODS = ['ms-chap-v2', 'chap-md5', 'pap'] as const;
export const ANN: PppClientOptions = { user: 'ann', password: 'secret', methods: METHODS };

export interface PppPairOptions extends LineOptions {
  readonly client?: Partial<PppClientOptions>;
  readonly offered?: readonly PppMethod[];
  /** What the gateway holds for the password. */
  readonly password?: string;
}

export class PppPair {
  readonly client: PppClient;
  readonly link: PppLink;
  readonly line: Line;
  readonly clientEvents: PppClientEvent[] = [];
  readonly linkEvents: PppEvent[] = [];
  readonly clientEnd: LineEnd;
  readonly linkEnd: LineEnd;
  traffic = 0;
  verdict: (proof: PppProof) => PppVerdict;

  constructor({ client, offered = ['ms-chap-v2', 'pap'], password = 'secret', ...line }: PppPairOptions = {}) {
    const crypto = seededCrypto(new Seeded((line.seed ?? 3) + 1));
    this.verdict = (proof) => verdictOn(proof, password);
    this.client = new PppClient(crypto, { ...ANN, ...client }, () => this.traffic, 1_000_000);
    this.link = new PppLink(crypto, offered, () => this.traffic, 1_000_000);
    this.clientEnd = end(this.client, (event) => this.clientEvents.push(event));
    this.linkEnd = end(this.link, (event) => {
      this.linkEvents.push(event);
      if (event.type === 'authenticate') this.link.answer(this.verdict(event.proof), this.line.now);
    });
    this.line = new Line([this.clientEnd, this.linkEnd], line);
  }

  /** Until `milliseconds` have passed. */
  run(milliseconds = 20_000): this {
    this.line.advance(milliseconds);
    // what a call from outside left to be told
    for (const one of [this.clientEnd, this.linkEnd]) one.handleTimeout(this.line.now);
    return this;
  }

  get up(): Extract<PppClientEvent, { type: 'up' }> | undefined {
    return this.clientEvents.find((event) => event.type === 'up');
  }

  get down(): Extract<PppClientEvent, { type: 'down' }> | undefined {
    return this.clientEvents.find((event) => event.type === 'down');
  }
}

function verdictOn(proof: PppProof, password: string): PppVerdict {
  const { ok, response } =
    proof.method === 'pap'
      ? { ok: proof.password === password, response: undefined }
      : checkChap(nodeCrypto, proof, password);
  return ok && proof.name === 'ann' ? { ok, given: GIVEN, response } : { ok: false, reason: 'wrong password' };
}

function end<Event>(
  engine: Pick<PppClient | PppLink, 'handleInput' | 'handleTimeout' | 'pollTimeout' | 'pollTransmit'> & {
    pollEvent(): Event | undefined;
  },
  tell: (event: Event) => void,
): LineEnd {
  const collect = () => {
    for (let event = engine.pollEvent(); event; event = engine.pollEvent()) tell(event);
  };
  return {
    receive(bytes: Bytes, now: number) {
      engine.handleInput(bytes, now);
      collect();
    },
    handleTimeout(now: number) {
      engine.handleTimeout(now);
      collect();
    },
    pollTimeout: () => engine.pollTimeout(),
    pollTransmit: () => engine.pollTransmit(),
  };
}
