/** How clients' datagrams leave: by doors that several share, or behind a NAT that gives each client ports of its own. */
import { createSocket, type Socket } from 'node:dgram';
import { type Bytes, readU32 } from '../../src/core/bytes/bytes.ts';
import type { Client } from './clients.ts';

export interface Exit {
  /** To that port of the gateway. */
  send(datagram: Bytes, port: number): void;
  /** From now on the client speaks from elsewhere, and the gateway learns of it by its next packet. */
  move(): void;
  close(): void;
}

export interface Exits {
  /** @param client whom what comes in may be for */
  open(client: () => Client): Exit;
  close(): void;
}

interface Door {
  readonly socket: Socket;
  readonly clients: Set<() => Client>;
}

/** So many doors, over 250 addresses of 198.18.0.0/24. */
export async function sharedDoors(gateway: string, count: number): Promise<Exits> {
  const doors: Door[] = [];
  for (let i = 0; i < count; i++) {
    const door: Door = { socket: newSocket(), clients: new Set() };
    door.socket.on('message', (datagram, { port }) => receive(door.clients, datagram, port));
    doors.push(door);
    await new Promise<void>((resolve) => door.socket.bind({ address: `198.18.0.${1 + (i % 250)}` }, resolve));
  }
  let used = 0;
  const next = () => doors[used++ % doors.length]!;
  return {
    open: (client) => new SharedExit(client, gateway, next),
    close: () => {
      for (const { socket } of doors) socket.close();
    },
  };
}

class SharedExit implements Exit {
  readonly #client: () => Client;
  readonly #gateway: string;
  readonly #next: () => Door;
  /** The newest last; what was on its way to an older one still finds the client. */
  readonly #doors: Door[] = [];

  constructor(client: () => Client, gateway: string, next: () => Door) {
    this.#client = client;
    this.#gateway = gateway;
    this.#next = next;
    this.move();
  }

  send(datagram: Bytes, port: number): void {
    this.#doors.at(-1)!.socket.send(datagram, port, this.#gateway);
  }

  move(): void {
    const door = this.#next();
    door.clients.add(this.#client);
    this.#doors.push(door);
    if (this.#doors.length > 2) this.#doors.shift()!.clients.delete(this.#client);
  }

  close(): void {
    for (const { clients } of this.#doors) clients.delete(this.#client);
  }
}

/** One address for all; each client's ports 500 and 4500 become whatever ports are free. */
export function natPorts(gateway: string, address: string): Exits {
  return { open: (client) => new NatExit(client, gateway, address), close: () => undefined };
}

class NatExit implements Exit {
  readonly #client: () => Client;
  readonly #gateway: string;
  readonly #address: string;
  /** By the port that they lead to. */
  readonly #mappings = new Map<number, Socket>();

  constructor(client: () => Client, gateway: string, address: string) {
    this.#client = client;
    this.#gateway = gateway;
    this.#address = address;
  }

  send(datagram: Bytes, port: number): void {
    const socket = this.#mappings.get(port) ?? this.#map(port);
    socket.send(datagram, port, this.#gateway);
  }

  /** As when the NAT has forgotten it. */
  move(): void {
    this.close();
  }

  close(): void {
    for (const socket of this.#mappings.values()) socket.close();
    this.#mappings.clear();
  }

  #map(port: number): Socket {
    // who has floated doesn't need the port that it began with any more
    this.close();
    const socket = newSocket();
    const clients = [this.#client];
    socket.on('message', (datagram) => receive(clients, datagram, port));
    socket.bind({ address: this.#address });
    this.#mappings.set(port, socket);
    return socket;
  }
}

function newSocket(): Socket {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20, lookup: asItIs });
  return socket.on('error', () => undefined);
}

/** Addresses all of them: what is sent leaves at once, also before a socket is closed. */
function asItIs(address: string, _: unknown, found: (error: null, address: string, family: number) => void): void {
  found(null, address, 4);
}

function receive(clients: Iterable<() => Client>, datagram: Buffer, port: number): void {
  const now = performance.now();
  if (datagram.length < 12) return;
  if (port === 4500 && readU32(datagram) !== 0) {
    for (const client of clients) if (client().handleEsp(datagram, now)) return;
    return;
  }
  const message = new Uint8Array(port === 4500 ? datagram.subarray(4) : datagram);
  const cookie = Buffer.from(message.subarray(0, 8)).toString('hex');
  for (const client of clients) if (client().knows(cookie)) return client().handleIke(message, port, now);
}
