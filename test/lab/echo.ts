/**
 * Finds out which openings a way has, with plain packets and no IPsec: `Echo` answers on each of them in one namespace,
 * `openTo` asks it from another. This file is also the program that both run there: `echo.ts listen|ask ADDRESS OPENING...`
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { Block } from '../../src/ffi/block.ts';
import * as libc from '../../src/ffi/libc.ts';
import { Sockaddr } from '../../src/ffi/structs.ts';
import type { OpeningName } from './firewall.ts';
import type { Netns } from './netns.ts';
import { sleep } from './poll.ts';
import type { Program } from './run.ts';

const node = join(import.meta.dirname, '../../tools/node');
/** Milliseconds; what is open answers in a few. */
const PATIENCE = 700;
/** How often it is asked for what should be open. */
const MOST_ASKED = 6;
const IPV4_HEADER = 20;

export class Echo {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Answers on `openings` in `netns`. */
  static async start(netns: Netns, openings: readonly OpeningName[]): Promise<Echo> {
    const program = netns.start([node, import.meta.filename, 'listen', '0.0.0.0', ...openings]);
    await program.prints(/listening/);
    return new Echo(program);
  }

  async stop(): Promise<void> {
    await this.#program.stop('SIGTERM');
  }
}

/**
 * Those of `openings` over which an answer comes back from `address`. While some of `expected` lack, and nothing else answers, it
 * asks again: on a busy machine an answer may be late, but none comes through what is shut.
 */
export async function openTo(
  from: Netns,
  address: string,
  openings: readonly OpeningName[],
  expected: readonly OpeningName[] = [],
): Promise<readonly OpeningName[]> {
  for (let asked = 1; ; asked++) {
    const text = await from.must([node, import.meta.filename, 'ask', address, ...openings]);
    const open = JSON.parse(text) as OpeningName[];
    const isLate = open.length < expected.length && open.every((opening) => expected.includes(opening));
    if (!isLate || asked === MOST_ASKED) return open;
  }
}

async function main([verb, address = '', ...openings]: string[]): Promise<void> {
  if (verb === 'listen') {
    await Promise.all(openings.map((opening) => listen(opening)));
    console.log('listening');
  } else {
    const answers = await Promise.all(openings.map((opening) => ask(opening, address)));
    console.log(JSON.stringify(openings.filter((_, i) => answers[i])));
    process.exit(0);
  }
}

function listen(opening: string): Promise<void> {
  const [kind, number] = parse(opening);
  return new Promise((resolve, reject) => {
    if (kind === 'udp') {
      const socket = createSocket('udp4').on('error', reject);
      socket.on('message', (message, { port, address }) => socket.send(message, port, address));
      socket.bind(number, resolve);
    } else if (kind === 'tcp') {
      const server = createServer((connection) => connection.on('error', () => {}).end('echo'));
      server.on('error', reject).listen(number, '0.0.0.0', resolve);
    } else {
      const fd = rawSocket(number);
      setInterval(() => echoRaw(fd, number), 20);
      resolve();
    }
  });
}

function ask(opening: string, address: string): Promise<boolean> {
  const [kind, number] = parse(opening);
  if (kind === 'protocol') return askRaw(number, address);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE);
    const end = (answer: boolean) => {
      clearTimeout(timer);
      resolve(answer);
    };
    if (kind === 'udp') {
      const socket = createSocket('udp4').on('error', () => end(false));
      socket.on('message', () => end(true));
      // A firewall of the host's own refuses at once.
      socket.send('anybody there?', number, address, (error) => error && end(false));
    } else {
      connect({ host: address, port: number })
        .on('error', () => end(false))
        .on('data', () => end(true));
    }
  });
}

async function askRaw(protocol: number, address: string): Promise<boolean> {
  const fd = rawSocket(protocol);
  const to = sockaddr(address);
  if (libc.connect(fd, to.address, to.bytes.length) < 0) throw new Error('connect');
  const packet = new Block(64);
  if (libc.write(fd, packet.address, packet.bytes.length) < 0) return false;
  for (let waited = 0; waited < PATIENCE; waited += 20) {
    await sleep(20);
    if (libc.read(fd, packet.address, packet.bytes.length) > 0) return true;
  }
  return false;
}

/** A raw IPv4 socket gives the IP header too, and takes none. */
function echoRaw(fd: number, protocol: number): void {
  const packet = new Block(1500);
  for (;;) {
    const length = libc.read(fd, packet.address, packet.bytes.length);
    if (length < IPV4_HEADER) return;
    const back = rawSocket(protocol);
    const to = sockaddr(packet.bytes.subarray(12, 16).join('.'));
    libc.connect(back, to.address, to.bytes.length);
    libc.write(back, packet.address + IPV4_HEADER, length - IPV4_HEADER);
    libc.close(back);
  }
}

function rawSocket(protocol: number): number {
  const fd = libc.socket(libc.AF_INET, libc.SOCK_RAW | libc.SOCK_NONBLOCK, protocol);
  if (fd < 0) throw new Error('a raw socket needs root');
  return fd;
}

function sockaddr(address: string): Block {
  const block = new Block(Sockaddr.v4Size);
  block.view.setUint16(Sockaddr.family, libc.AF_INET, true);
  block.bytes.set(address.split('.').map(Number), Sockaddr.v4Address);
  return block;
}

function parse(opening: string): [kind: string, number: number] {
  const [kind = '', number] = opening.split('/');
  return [kind, Number(number)];
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2));
