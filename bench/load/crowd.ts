/** Many clients in one process, each behind an address and port that it may share with a few others. */
import { createSocket, type Socket } from 'node:dgram';
import { readU32 } from '../../src/core/bytes/bytes.ts';
import { type Account, type ClientSettings, LoadClient } from './client.ts';

/** How often the clients' timers are looked at, ms. */
const TICK = 50;

interface Door {
  readonly socket: Socket;
  readonly members: Set<Member>;
}

export class Member {
  readonly client: LoadClient;
  /** The newest last; what was on its way to an older one still finds it. */
  readonly doors: Door[];
  readonly up: Promise<void>;
  /** Why its tunnel ended, or never began. */
  failure: string | undefined;

  constructor(account: Account, settings: ClientSettings, door: Door) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined);
    this.up = promise;
    this.doors = [door];
    door.members.add(this);
    const { gateway } = settings;
    this.client = new LoadClient(
      account,
      settings,
      (datagram, port) => this.doors.at(-1)!.socket.send(datagram, port, gateway),
      (error) => {
        this.failure = error;
        if (error === undefined) resolve();
        else reject(new Error(error));
      },
    );
  }

  /** From now on it speaks from elsewhere, and the gateway learns of it by its next packet. */
  moveTo(door: Door): void {
    door.members.add(this);
    this.doors.push(door);
    if (this.doors.length > 2) this.doors.shift()!.members.delete(this);
  }

  leave(): void {
    for (const door of this.doors) door.members.delete(this);
  }
}

export class Crowd {
  readonly #settings: ClientSettings;
  readonly #doors: Door[] = [];
  readonly members = new Set<Member>();
  readonly #timer: NodeJS.Timeout;
  #used = 0;

  private constructor(settings: ClientSettings) {
    this.#settings = settings;
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** A crowd with so many doors, over 250 addresses of 198.18.0.0/24. */
  static async open(settings: ClientSettings, doors: number): Promise<Crowd> {
    const crowd = new Crowd(settings);
    for (let i = 0; i < doors; i++) crowd.#doors.push(await crowd.#openDoor(`198.18.0.${1 + (i % 250)}`));
    return crowd;
  }

  /** A client who begins at once. */
  join(account: Account): Member {
    const member = new Member(account, this.#settings, this.#nextDoor());
    this.members.add(member);
    member.client.begin(performance.now());
    return member;
  }

  roam(member: Member): void {
    member.moveTo(this.#nextDoor());
  }

  leave(member: Member): void {
    this.members.delete(member);
    member.leave();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { socket } of this.#doors) socket.close();
  }

  #nextDoor(): Door {
    return this.#doors[this.#used++ % this.#doors.length]!;
  }

  #openDoor(address: string): Promise<Door> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    const door: Door = { socket, members: new Set() };
    socket.on('message', (datagram, { port }) => receive(door, datagram, port));
    socket.on('error', () => undefined);
    return new Promise((resolve) => socket.bind({ address, port: 0 }, () => resolve(door)));
  }

  #tick(): void {
    const now = performance.now();
    for (const { client } of this.members) {
      const at = client.pollTimeout();
      if (at !== undefined && at <= now) client.handleTimeout(now);
    }
  }
}

function receive(door: Door, datagram: Buffer, port: number): void {
  const now = performance.now();
  if (datagram.length < 12) return;
  if (port === 4500 && readU32(datagram) !== 0) {
    const spi = readU32(datagram);
    for (const { client } of door.members) if (client.handleEsp(spi, now)) return;
    return;
  }
  const message = new Uint8Array(port === 4500 ? datagram.subarray(4) : datagram);
  const cookie = Buffer.from(message.subarray(0, 8)).toString('hex');
  for (const { client } of door.members) if (client.knows(cookie)) return client.handleIke(message, port, now);
}
