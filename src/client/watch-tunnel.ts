/** Keeps a tunnel up by one carrier and watches it; routes and name servers of the host stay as they are. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Profile } from '../config/profile/profile.ts';
import type { EspCarrier } from '../core/esp/sa.ts';
import { openAside } from './aside.ts';
import type { Asker } from './asker.ts';
import type { Client } from './client.ts';
import { openCarrierMemory } from './locate.ts';
import { clientOptions } from './options.ts';
import { QUIET, TunnelWatch, type WatchNews } from './tunnel-watch.ts';

export interface WatchOptions {
  readonly profile: Profile;
  /** Where the carrier was seen to work. */
  readonly address: string;
  readonly carrier: EspCarrier;
  readonly asker: Asker;
  readonly learnt: (news: WatchNews) => void;
  /** Called once, when the tunnel stands: whether a NAT is before this host. */
  readonly stands: (isBehindNat: boolean) => void;
  /** Ends it early: what is known by then is told. */
  readonly signal: AbortSignal;
}

export interface Watched {
  readonly rows: ReturnType<TunnelWatch['summary']>;
  /** Nothing was lost, and nothing stayed unanswered. */
  readonly isWell: boolean;
}

const STEP = 250;

/** Settles when all has been seen, a day is over, the gateway wants no more, or it is ended. */
export async function watchTunnel(options: WatchOptions): Promise<Watched> {
  const { profile, address, carrier, asker, learnt, signal } = options;
  const whole = clientOptions(profile);
  const watch = new TunnelWatch(performance.now());
  const tellAll = () => {
    for (let news = watch.pollNews(); news; news = watch.pollNews()) learnt(news);
  };
  const client: Client = await openAside(profile, {
    // the gateway is to have its turn at asking
    options: { ...whole, carriers: [carrier], gateways: [address], idle: QUIET * 2 },
    asker,
    memory: openCarrierMemory(),
    keepalive: false,
    observe: (event) => watch.handle(event, client.sentAt, performance.now()),
  });
  const over = new AbortController();
  const ended = client.ended
    .then((failure) => watch.end(failure?.reason ?? 'ended', performance.now()))
    .finally(() => over.abort());
  // it is awaited below, but not while the client connects
  ended.catch(() => undefined);
  // a race with `ended` would leave something behind at each step of a whole day
  const stop = AbortSignal.any([signal, over.signal]);
  try {
    client.connect();
    let stands = false;
    for (let round = 1; !stop.aborted; ) {
      const { vitals, sentAt, traffic } = client;
      if (vitals && !stands) {
        stands = true;
        options.stands(vitals.isBehindNat);
      }
      const step = watch.step({ vitals, sentAt, packetsIn: traffic.packetsIn }, performance.now());
      if (step === 'ask') client.ask();
      else if (step === 'echo') client.sendEcho(round++);
      tellAll();
      if (step === 'end') break;
      await sleep(STEP, undefined, { signal: stop }).catch(() => undefined);
    }
    if (over.signal.aborted) await ended;
    tellAll();
    return { rows: watch.summary(performance.now()), isWell: watch.isWell };
  } finally {
    client.disconnect();
    await client.close();
  }
}
