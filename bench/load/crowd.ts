/** Many clients in one process, and their time. */
import { Caller } from './caller.ts';
import { LoadClient } from './client.ts';
import type { Account, Client, ClientSettings, Send, Settled } from './clients.ts';
import type { Exit, Exits } from './exits.ts';

/** How often some of the clients' timers are looked at, ms, and in how many turns all are. */
const TICK = 50;
const TURNS = 8;

export class Member {
  readonly client: Client;
  readonly exit: Exit;
  readonly up: Promise<void>;
  /** Why its tunnel ended, or never began. */
  failure: string | undefined;

  constructor(account: Account, settings: ClientSettings, exits: Exits) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined);
    this.up = promise;
    this.exit = exits.open(() => this.client);
    const send: Send = (datagram, port) => this.exit.send(datagram, port);
    const settled: Settled = (error) => {
      this.failure = error;
      if (error === undefined) resolve();
      else reject(new Error(error));
    };
    this.client = newClient(account, settings, send, settled);
  }
}

function newClient({ psk, who }: Account, settings: ClientSettings, send: Send, settled: Settled): Client {
  return 'caller' in who
    ? new Caller({ psk, who }, settings, send, settled)
    : new LoadClient({ psk, who }, settings, send, settled);
}

export class Crowd {
  readonly #settings: ClientSettings;
  readonly #exits: Exits;
  readonly members = new Set<Member>();
  readonly #timer: NodeJS.Timeout;
  #looked: Iterator<Member> | undefined;

  constructor(settings: ClientSettings, exits: Exits) {
    this.#settings = settings;
    this.#exits = exits;
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** A client who begins at once. */
  join(account: Account): Member {
    const member = new Member(account, this.#settings, this.#exits);
    this.members.add(member);
    member.client.begin(performance.now());
    return member;
  }

  leave(member: Member): void {
    this.members.delete(member);
    member.exit.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#exits.close();
  }

  /** Some members a turn: to look at ten thousand at once would take too long. */
  #tick(): void {
    const now = performance.now();
    for (let left = Math.ceil(this.members.size / TURNS); left > 0; left--) {
      this.#looked ??= this.members.values();
      const { done, value } = this.#looked.next();
      if (done) this.#looked = undefined;
      const at = value?.client.pollTimeout();
      if (at !== undefined && at <= now) value!.client.handleTimeout(now);
    }
  }
}
