/** A caller's L2TP and PPP: dials when its ESP pair is there, until its user has an address. */
import type { Bytes } from '../../src/core/bytes/bytes.ts';
import type { CryptoProvider } from '../../src/core/crypto/provider.ts';
import { Lac } from '../../src/core/l2tp/lac.ts';
import type { IpAddress } from '../../src/core/net/address.ts';
import { earliest, type Instant } from '../../src/core/net/time.ts';
import { PppClient } from '../../src/core/ppp/client.ts';
import type { Credentials } from '../../src/core/ppp/proof.ts';

export interface LineOptions extends Credentials {
  readonly crypto: CryptoProvider;
  readonly lastTraffic: () => Instant;
  /** An L2TP message for port 1701 of the gateway. */
  readonly send: (message: Bytes) => void;
  readonly up: (address: IpAddress) => void;
  readonly down: (reason: string) => void;
}

export class Line {
  readonly #options: LineOptions;
  readonly #lac: Lac;
  #ppp: PppClient | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#lac = new Lac(options.crypto, options.lastTraffic);
  }

  begin(now: Instant): void {
    this.#lac.begin(now);
    this.#drain(now);
  }

  /** A frame of data. */
  sendFrame(frame: Bytes): void {
    this.#lac.sendPpp(frame);
    this.#transmit();
  }

  handleInput(message: Bytes, now: Instant): void {
    this.#lac.handleInput(message, now);
    this.#drain(now);
  }

  pollTimeout(): Instant | undefined {
    return earliest(this.#lac.pollTimeout(), this.#ppp?.pollTimeout());
  }

  handleTimeout(now: Instant): void {
    this.#lac.handleTimeout(now);
    this.#ppp?.handleTimeout(now);
    this.#drain(now);
  }

  #drain(now: Instant): void {
    for (let event = this.#lac.pollEvent(); event; event = this.#lac.pollEvent()) {
      if (event.type === 'call-up') this.#ppp = this.#newLink(now);
      else if (event.type === 'ppp') this.#ppp?.handleInput(event.frame, now);
      else if (event.type === 'closed') this.#options.down(event.reason);
    }
    for (let event = this.#ppp?.pollEvent(); event; event = this.#ppp?.pollEvent()) {
      if (event.type === 'up') this.#options.up(event.address);
      else if (event.type === 'down') this.#options.down(event.reason);
    }
    for (let frame = this.#ppp?.pollTransmit(); frame; frame = this.#ppp?.pollTransmit()) this.#lac.sendPpp(frame);
    this.#transmit();
  }

  #newLink(now: Instant): PppClient {
    const { crypto, user, password, lastTraffic } = this.#options;
    return new PppClient(crypto, { user, password, methods: ['ms-chap-v2'] }, lastTraffic, now);
  }

  #transmit(): void {
    for (let sent = this.#lac.pollTransmit(); sent; sent = this.#lac.pollTransmit()) this.#options.send(sent.message);
  }
}
