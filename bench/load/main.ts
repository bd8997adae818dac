/** The load generator's process: reads its settings, then orders, from standard input; answers on standard output. */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account, Client } from './clients.ts';
import { Crowd, type Member } from './crowd.ts';
import { natPorts, sharedDoors } from './exits.ts';
import type { Answer, LoadSettings, Order } from './orders.ts';

/** A client that isn't in by then has failed, ms. */
const PATIENCE = 40_000;
/** Deletes that leave together. */
const LEAVE_TOGETHER = 20;
/** Of each client until one is answered; pings that leave together, with a pause behind them, and the wait for answers, ms. */
const PINGS = 5;
const PING_TOGETHER = 100;
const PING_PAUSE = 10;
const PING_WAIT = 300;

class Load {
  readonly #crowd: Crowd;
  readonly #accounts: readonly Account[];
  readonly #staying = new Set<Member>();
  #next = 0;
  #logins = 0;
  #roamed = 0;
  #died = 0;
  /** Of those who have gone. */
  #rekeys = 0;
  #echoes = 0;
  readonly #failed: Record<string, number> = {};

  constructor(crowd: Crowd, accounts: readonly Account[]) {
    this.#crowd = crowd;
    this.#accounts = accounts;
  }

  async obey(order: Order): Promise<Answer> {
    const began = performance.now();
    let answered = 0;
    if (order.does === 'logins') await this.#logInMany(order);
    else if (order.does === 'soak') await this.#soak(order);
    else if (order.does === 'leave') await this.#leaveAll();
    else if (order.does === 'traffic') answered = await this.#pingAll(order.rounds);
    else if (order.does === 'rekey') this.#rekeyAll(order.phase);
    return this.#answer((performance.now() - began) / 1000, answered);
  }

  #answer(seconds: number, answered: number): Answer {
    const clients = [...this.#crowd.members].map(({ client }) => client);
    const sum = (of: (client: Member['client']) => number) => clients.reduce((total, client) => total + of(client), 0);
    return {
      up: clients.filter(({ isUp }) => isUp).length,
      logins: this.#logins,
      failed: this.#failed,
      rekeys: this.#rekeys + sum(({ rekeys }) => rekeys),
      roamed: this.#roamed,
      died: this.#died,
      echoes: this.#echoes + sum(({ echoes }) => echoes),
      answered,
      seconds,
    };
  }

  async #logInMany({ count, seconds, atOnce, stay }: Extract<Order, { does: 'logins' }>): Promise<void> {
    const end = performance.now() + seconds * 1000;
    let begun = 0;
    const one = async () => {
      while (begun < count && performance.now() < end) {
        begun++;
        const member = await this.#logIn();
        if (member && stay) this.#staying.add(member);
        else if (member) this.#depart(member, 'hang up');
      }
    };
    await Promise.all(Array.from({ length: atOnce }, one));
  }

  async #logIn(): Promise<Member | undefined> {
    const member = this.#crowd.join(this.#accounts[this.#next++ % this.#accounts.length]!);
    const timer = new AbortController();
    const late = sleep(PATIENCE, undefined, { signal: timer.signal }).then(() => {
      throw new Error('it takes too long');
    });
    try {
      await Promise.race([member.up, late]);
      this.#logins++;
      return member;
    } catch (error) {
      this.#note((error as Error).message);
      this.#depart(member, 'die');
      return undefined;
    } finally {
      late.catch(() => undefined);
      timer.abort();
    }
  }

  #note(failure: string): void {
    this.#failed[failure] = (this.#failed[failure] ?? 0) + 1;
  }

  #depart(member: Member, how: 'hang up' | 'die'): void {
    this.#rekeys += member.client.rekeys;
    this.#echoes += member.client.echoes;
    if (how === 'hang up') member.client.hangUp(performance.now());
    else member.client.die();
    this.#crowd.leave(member);
    this.#staying.delete(member);
  }

  /** How many were answered: of those who came to stay. */
  async #pingAll(rounds = PINGS): Promise<number> {
    const waiting = new Map<Client, number>();
    for (const { client } of this.#staying) waiting.set(client, client.echoes);
    for (let round = 0; round < rounds && waiting.size > 0; round++) {
      let sent = 0;
      for (const [client, before] of waiting) {
        if (client.echoes > before) waiting.delete(client);
        else client.ping();
        if (++sent % PING_TOGETHER === 0) await sleep(PING_PAUSE);
      }
      await sleep(PING_WAIT);
      for (const [client, before] of waiting) if (client.echoes > before) waiting.delete(client);
    }
    return this.#staying.size - waiting.size;
  }

  #rekeyAll(phase: 1 | 2): void {
    const now = performance.now();
    for (const { client } of this.#crowd.members) phase === 1 ? client.begin(now) : client.rekey(now);
  }

  async #leaveAll(): Promise<void> {
    let left = 0;
    for (const member of [...this.#crowd.members]) {
      this.#depart(member, 'hang up');
      if (++left % LEAVE_TOGETHER === 0) await sleep(10);
    }
  }

  async #soak({ seconds, clients }: Extract<Order, { does: 'soak' }>): Promise<void> {
    const end = performance.now() + seconds * 1000;
    await Promise.all(Array.from({ length: clients }, () => this.#restlessLife(end)));
  }

  /** In, then something every few seconds, then out one way or the other; and again. */
  async #restlessLife(end: number): Promise<void> {
    await sleep(Math.random() * 20_000);
    while (performance.now() < end) {
      const member = await this.#logIn();
      const stays = performance.now() + (20 + Math.random() * 160) * 1000;
      while (member?.client.isUp && performance.now() < Math.min(stays, end)) {
        await sleep(1000 + Math.random() * 8000);
        this.#doSomething(member);
      }
      if (member) this.#endLife(member);
      await sleep(Math.random() * 5000);
    }
  }

  #doSomething(member: Member): void {
    const { client } = member;
    const dice = Math.random();
    if (dice < 0.1) {
      this.#roamed++;
      member.exit.move();
    } else if (dice < 0.25) client.rekey(performance.now());
    else if (dice < 0.3) client.begin(performance.now());
    client.ping();
  }

  #endLife(member: Member): void {
    const dies = Math.random() < 0.3;
    if (dies) this.#died++;
    if (member.failure !== undefined) this.#note(`later: ${member.failure}`);
    this.#depart(member, dies ? 'die' : 'hang up');
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings: LoadSettings = JSON.parse((await lines.next()).value ?? '{}');
const { gateway, exits } = settings;
const way = 'nat' in exits ? natPorts(gateway, exits.nat) : await sharedDoors(gateway, exits.doors);
const crowd = new Crowd(settings, way);
const load = new Load(crowd, settings.accounts);
console.log('ready');
for await (const line of lines) {
  const { id, order } = JSON.parse(line) as { id: number; order: Order };
  void load.obey(order).then((answer) => console.log(JSON.stringify({ id, answer })));
}
crowd.close();
process.exit();
