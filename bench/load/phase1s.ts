/** The phase 1s of one client, which believes to have an address that a NAT hides, and what every kind of client does with them. */
import { type Bytes, concat, u32 } from '../../src/core/bytes/bytes.ts';
import type { IkePath } from '../../src/core/carrier/ike-path.ts';
import type { Ikev1Sa } from '../../src/core/ikev1/sa.ts';
import type { Ikev1Event } from '../../src/core/ikev1/types.ts';
import { type IpAddress, parseIp } from '../../src/core/net/address.ts';
import { earliest, type Instant } from '../../src/core/net/time.ts';
import type { Send } from './clients.ts';

export const BEHIND_NAT = parseIp('192.168.1.2')!;
/** Old SAs that a peer's late message may still name. */
const MAX_SAS = 4;

type Apply = (sa: Ikev1Sa, event: Ikev1Event, now: Instant) => void;

export class Phase1s {
  readonly #gateway: IpAddress;
  readonly #send: Send;
  readonly #apply: Apply;
  readonly #sas = new Set<Ikev1Sa>();

  constructor(gateway: IpAddress, send: Send, apply: Apply) {
    this.#gateway = gateway;
    this.#send = send;
    this.#apply = apply;
  }

  path(port: number): IkePath {
    const carrier = port === 4500 ? 'nat-t' : 'udp';
    return { carrier, local: { address: BEHIND_NAT, port }, remote: { address: this.#gateway, port } };
  }

  add(sa: Ikev1Sa, now: Instant): void {
    this.#sas.add(sa);
    this.drain(now);
  }

  knows(initiatorCookie: string): boolean {
    return [...this.#sas].some((sa) => Buffer.from(sa.initiatorCookie).toString('hex') === initiatorCookie);
  }

  handleInput(message: Bytes, port: number, now: Instant): void {
    const cookie = Buffer.from(message.subarray(0, 8));
    for (const sa of this.#sas) if (cookie.equals(sa.initiatorCookie)) sa.handleInput(message, this.path(port), now);
    this.drain(now);
  }

  handleTimeout(now: Instant): void {
    for (const sa of this.#sas) sa.handleTimeout(now);
    this.drain(now);
  }

  pollTimeout(): Instant | undefined {
    let first: Instant | undefined;
    for (const sa of this.#sas) first = earliest(first, sa.pollTimeout());
    return first;
  }

  hangUp(now: Instant): void {
    for (const sa of this.#sas) sa.close('the user hangs up');
    this.drain(now);
  }

  forget(): void {
    this.#sas.clear();
  }

  /** Call after anything that was asked of one of them. */
  drain(now: Instant): void {
    for (const sa of this.#sas) {
      for (let event = sa.pollEvent(); event; event = sa.pollEvent()) this.#apply(sa, event, now);
      for (let out = sa.pollTransmit(); out; out = sa.pollTransmit()) {
        const { path, message } = out;
        this.#send(path.carrier === 'nat-t' ? concat(u32(0), message) : message, path.remote.port);
      }
      if (sa.ended) this.#sas.delete(sa);
    }
    if (this.#sas.size > MAX_SAS) this.#sas.delete(this.#sas.values().next().value!);
  }
}
