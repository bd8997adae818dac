/** Two clients' tunnels in the dataplane, on arena bytes: what an attacker or one client sends, and what the other still may. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EspSuite } from '../../src/core/crypto/algorithms.ts';
import { ivLength } from '../../src/core/esp/packet.ts';
import { sealEsp } from '../../src/core/esp/seal.ts';
import { writeTransport } from '../../src/core/l2tp/data.ts';
import { IpProtocol } from '../../src/core/wire/ip.ts';
import { L2TP_PORT, type PppCall } from '../../src/core/wire/l2tp.ts';
import { encodeUdp } from '../../src/core/wire/udp.ts';
import { Arena } from '../../src/dataplane/arena.ts';
import { createSum } from '../../src/dataplane/checksum.ts';
import { TunWriter } from '../../src/dataplane/coalesce.ts';
import { CommandHandler } from '../../src/dataplane/commands.ts';
import { COUNTER_NAMES, Counter, type CounterName } from '../../src/dataplane/counters.ts';
import { Inbound } from '../../src/dataplane/inbound.ts';
import { messageAt, type Report } from '../../src/dataplane/messages.ts';
import { OpensslCiphers } from '../../src/dataplane/openssl-ciphers.ts';
import { Outbound } from '../../src/dataplane/outbound.ts';
import { flowOf } from '../../src/dataplane/path.ts';
import { Reports } from '../../src/dataplane/reports.ts';
import { SessionTable } from '../../src/dataplane/session-table.ts';
import { Shared } from '../../src/dataplane/shared.ts';
import { Transmit } from '../../src/dataplane/transmit.ts';
import type { WorkerSocket } from '../../src/dataplane/worker-socket.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import { keysOf, spiOf } from '../dataplane/lab/keys.ts';
import { ip4, u16 } from '../dataplane/packets.ts';

export const US = '10.8.0.1';
export const INNER = ['', '10.8.0.2', '10.8.0.3'] as const;
const ATTACKER = '203.0.113.66';

export type Client = 1 | 2;

export function callOf(client: Client): PppCall {
  const peer = { port: 1701, peerTunnel: 1, peerSession: 1, mru: 1400, acfc: true, pfc: true };
  return { ...peer, localTunnel: 100 + client, localSession: 200 + client };
}

export class Tunnels {
  readonly suite: EspSuite;
  readonly #l2tp: boolean;
  readonly #folder = mkdtempSync(join(tmpdir(), 'sallyport-hostile-'));
  /** A file stands for the TUN, and for the sockets. */
  readonly #fd = openSync(join(this.#folder, 'tun'), 'w');
  readonly #arena = new Arena();
  readonly #shared = new Shared();
  readonly #table = new SessionTable();
  readonly #socket: WorkerSocket;
  readonly #tun: TunWriter;
  readonly #inbound: Inbound;
  readonly #reports: Reports;
  readonly #commands: CommandHandler;
  readonly #at: number;
  readonly #sequences = [0, 0, 0];

  /** @param l2tp both clients come by L2TP, each with a call */
  constructor(suite: EspSuite, l2tp = false) {
    this.suite = suite;
    this.#l2tp = l2tp;
    const arena = this.#arena;
    const { counters, sessions, up } = this.#shared;
    const at = { fd: this.#fd, role: 'nat-t', family: 2, address: '0.0.0.0', port: 4500 } as const;
    this.#socket = { ...at, wildcard: true, gso: true };
    const sum = createSum(arena);
    const reports = new Reports(up, arena, counters);
    this.#reports = reports;
    this.#tun = new TunWriter(arena, sum, counters, this.#fd, true);
    const transmit = new Transmit(arena, counters, () => {});
    const outbound = new Outbound(arena, sum, this.#table, transmit, this.#tun, reports, counters, sessions);
    this.#inbound = new Inbound(arena, this.#table, this.#tun, outbound, reports, counters, sessions, false);
    this.#commands = new CommandHandler(
      arena,
      this.#table,
      new OpensslCiphers(arena),
      [this.#socket],
      sessions,
      false,
      undefined,
    );
    this.#at = arena.allocate(70_000) + 128;
    for (const client of [1, 2] as const) this.#open(client);
  }

  close(): void {
    this.#commands.freeAll();
    closeSync(this.#fd);
    rmSync(this.#folder, { recursive: true });
  }

  /** An authentic packet of `client`; without a sequence number the next one. */
  seal(client: Client, payload: Uint8Array, next = 4, sequence = ++this.#sequences[client]!): Uint8Array {
    const sa = { spi: spiOf(client, 1), suite: this.suite, keys: keysOf(this.suite, client, 1) };
    const iv = new Uint8Array(ivLength(this.suite));
    new DataView(iv.buffer).setUint32(iv.length - 4, sequence);
    return sealEsp(nodeCrypto, sa, sequence, iv, payload, next);
  }

  /** An authentic packet of `client`'s call, or of one that it only names. */
  sealCall(client: Client, packet: Uint8Array, call: PppCall = callOf(client)): Uint8Array {
    const { localTunnel: peerTunnel, localSession: peerSession } = call;
    const payload = writeTransport(packet, { ...call, peerTunnel, peerSession, port: L2TP_PORT });
    return this.seal(client, payload, IpProtocol.UDP);
  }

  /** An authentic L2TP message of `client`. */
  sealMessage(client: Client, message: Uint8Array, destination: number = L2TP_PORT): Uint8Array {
    return this.seal(client, encodeUdp({ source: 1701, destination, payload: message }), IpProtocol.UDP);
  }

  /** An authentic packet whose plaintext is `plaintext` as it is: with whatever trailer. Whole blocks. */
  sealRaw(client: Client, plaintext: Uint8Array): Uint8Array {
    const { suite } = this;
    const keys = keysOf(suite, client, 1);
    const header = new Uint8Array(8);
    const view = new DataView(header.buffer);
    view.setUint32(0, spiOf(client, 1));
    view.setUint32(4, ++this.#sequences[client]!);
    const iv = new Uint8Array(ivLength(suite)).fill(this.#sequences[client]!);
    if (suite.cipher === 'aes-gcm') {
      const sealed = nodeCrypto.gcmSeal(keys.encryption, Uint8Array.of(...keys.salt, ...iv), header, plaintext);
      return Uint8Array.of(...header, ...iv, ...sealed);
    }
    const encrypted = nodeCrypto.cbcEncrypt(suite.cipher, keys.encryption, iv, plaintext);
    const covered = Uint8Array.of(...header, ...iv, ...encrypted);
    return Uint8Array.of(...covered, ...nodeCrypto.hmac(suite.integrity!, keys.integrity, covered).subarray(0, 16));
  }

  /** From the client's own address, or from the attacker's. */
  receive(packet: Uint8Array, from: Client | 'attacker' = 'attacker'): void {
    const address = from === 'attacker' ? ATTACKER : `198.51.100.${from}`;
    const flow = flowOf({ socket: 0, local: '192.0.2.1', remote: { address, port: 4500 } });
    this.#arena.u8.set(packet, this.#at);
    this.#inbound.handleEsp(this.#at, packet.length, flow, this.#socket, 1234);
    this.#tun.flush();
  }

  /** An IKE message from the attacker, on its way to the main thread, which doesn't come to read it. */
  receiveIke(length: number): void {
    const flow = flowOf({ socket: 0, local: '192.0.2.1', remote: { address: ATTACKER, port: 4500 } });
    this.#reports.ike('nat-t', flow, this.#socket, this.#at, length);
  }

  /** Receives `packet` and checks that it raised that counter alone and got nowhere. */
  expectDrop(counter: CounterName, what: string, packet: Uint8Array, from: Client | 'attacker' = 'attacker'): void {
    const before = this.counted();
    const delivered = this.delivered().length;
    this.receive(packet, from);
    assert.deepEqual(this.counted(), { ...before, [counter]: (before[counter] ?? 0) + 1 }, what);
    assert.equal(this.delivered().length, delivered, what);
  }

  /** The other client's packets still pass, and nobody's path has moved. */
  checkOther(client: Client = 2): void {
    const packet = ip4(
      { source: INNER[client], destination: US },
      new Uint8Array(60).fill(this.#sequences[client]! & 255),
    );
    const before = this.counted();
    this.receive(this.#l2tp ? this.sealCall(client, packet) : this.seal(client, packet), client);
    assert.deepEqual(this.delivered().at(-1), packet);
    assert.deepEqual(this.counted(), before);
    assert.equal(before.path_changes, undefined, 'nobody has moved');
  }

  /** All counters that aren't zero, but those of plain traffic. */
  counted(): Record<string, number> {
    const { counters } = this.#shared;
    const names = COUNTER_NAMES.filter((name) => !/^(esp|tun)_/.test(name) && counters[Counter[name]] !== 0);
    return Object.fromEntries(names.map((name) => [name, counters[Counter[name]]!]));
  }

  /** The packets that went to the TUN. */
  delivered(): Uint8Array[] {
    const bytes = readFileSync(join(this.#folder, 'tun'));
    const packets: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = u16(bytes, at + 12);
      packets.push(Uint8Array.from(bytes.subarray(at + 10, at + 10 + length)));
      at += 10 + length;
    }
    return packets;
  }

  reports(): Report[] {
    const reports: Report[] = [];
    const { up } = this.#shared;
    for (let at = up.peek(); at >= 0; at = up.peek()) {
      reports.push(messageAt<Report>(up, at).head);
      up.release(at);
    }
    return reports;
  }

  #open(client: Client): void {
    const path = { socket: 0, local: '192.0.2.1', remote: { address: `198.51.100.${client}`, port: 4500 } };
    const inner = `${INNER[client]}/32`;
    const common = { type: 'open-session', slot: client, generation: 1, id: client, path } as const;
    this.#commands.handle({ ...common, inner: this.#l2tp ? undefined : inner }, new Uint8Array(0), 0);
    const bind = { type: 'bind-call', slot: client, generation: 1, inner, call: callOf(client) } as const;
    if (this.#l2tp) this.#commands.handle(bind, new Uint8Array(0), 0);
    const keys = keysOf(this.suite, client, 1);
    const install = {
      type: 'install-sa',
      transport: this.#l2tp,
      slot: client,
      direction: 'in',
      spi: spiOf(client, 1),
      suite: this.suite,
      localSelector: '10.8.0.0/24',
      // wider than the session: that has the last word
      remoteSelector: '0.0.0.0/0',
      softBytes: undefined,
      lengths: [keys.encryption.length, keys.salt.length, keys.integrity.length],
    } as const;
    this.#commands.handle(install, Uint8Array.of(...keys.encryption, ...keys.salt, ...keys.integrity), 0);
  }
}
