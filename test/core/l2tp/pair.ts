/** Our LAC and our LNS on a line, with PPP on both sides if wished. */
import type { Bytes } from '../../../src/core/bytes/bytes.ts';
import { utf8 } from '../../../src/core/bytes/text.ts';
import { Lac, type LacEvent } from '../../../src/core/l2tp/lac.ts';
import { Lns, type LnsEvent } from '../../../src/core/l2tp/lns.ts';
import type { CallIds } from '../../../src/core/wire/l2tp.ts';
import { Seeded } from '../../seeded.ts';
import { seededCrypto } from '../../seeded-crypto.ts';
import { Line, type LineEnd, type LineOptions } from '../line.ts';
import { newestCall } from './lac.ts';

export interface TunnelPairOptions extends LineOptions {
  /** The tunnel's secret, as each end has it. */
  readonly lac?: string | undefined;
  readonly lns?: string | undefined;
}

export class TunnelPair {
  readonly lac: Lac;
  readonly lns: Lns;
  readonly line: Line;
  readonly lacEvents: LacEvent[] = [];
  readonly lnsEvents: LnsEvent[] = [];
  readonly client: LineEnd;
  readonly gateway: LineEnd;
  traffic = 0;

  constructor(options: TunnelPairOptions = {}) {
    const secret = (text: string | undefined) => (text === undefined ? undefined : utf8(text));
    const random = new Seeded((options.seed ?? 3) + 1);
    this.lac = new Lac(seededCrypto(random), () => this.traffic, secret(options.lac));
    this.lns = new Lns(seededCrypto(random), () => this.traffic, secret(options.lns));
    this.client = this.#end(this.lac, this.lacEvents, (bytes, now) => this.lac.handleInput(bytes, now));
    this.gateway = this.#end(this.lns, this.lnsEvents, (bytes, now) => this.lns.handleInput(bytes, 1701, now));
    this.line = new Line([this.client, this.gateway], options);
  }

  get lnsCall(): CallIds | undefined {
    return newestCall(this.lns, this.lnsEvents);
  }

  dial(milliseconds = 1000): this {
    this.lac.begin(this.line.now);
    return this.advance(milliseconds);
  }

  advance(milliseconds: number): this {
    this.line.advance(milliseconds);
    this.#collect(this.lac, this.lacEvents);
    this.#collect(this.lns, this.lnsEvents);
    return this;
  }

  #end<Event>(
    end: Pick<Lac | Lns, 'handleTimeout' | 'pollTimeout' | 'pollTransmit'> & { pollEvent(): Event | undefined },
    events: Event[],
    receive: (bytes: Bytes, now: number) => void,
  ): LineEnd {
    return {
      receive: (bytes, now) => {
        receive(bytes, now);
        this.#collect(end, events);
      },
      handleTimeout: (now) => {
        end.handleTimeout(now);
        this.#collect(end, events);
      },
      pollTimeout: () => end.pollTimeout(),
      pollTransmit: () => end.pollTransmit()?.message,
    };
  }

  #collect<Event>(end: { pollEvent(): Event | undefined }, events: Event[]): void {
    for (let event = end.pollEvent(); event; event = end.pollEvent()) events.push(event);
  }
}

export function told(events: readonly (LacEvent | LnsEvent)[]): string[] {
  return events.map((event) => (event.type === 'dropped' ? event.reason : event.type));
}

export function closedBy(events: readonly (LacEvent | LnsEvent)[]): string | undefined {
  return events.flatMap((event) => (event.type === 'closed' ? [event.reason] : []))[0];
}
