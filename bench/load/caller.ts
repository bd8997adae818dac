/**
 * A client as Windows Vista is one: main mode by a secret, quick mode in transport mode for UDP 1701, L2TP, PPP with MS-CHAPv2.
 * All callers have the same private address behind the NAT and count their quick modes from the same message ID.
 */
import { type Bytes, readU32 } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import type { CryptoProvider, DhKeyPair } from '../../src/core/crypto/provider.ts';
import { openEsp } from '../../src/core/esp/open.ts';
import { ivLength } from '../../src/core/esp/packet.ts';
import { ReplayWindow } from '../../src/core/esp/replay.ts';
import { sealEsp } from '../../src/core/esp/seal.ts';
import { addressIdentity } from '../../src/core/ikev1/identity.ts';
import { udpTransportMode } from '../../src/core/ikev1/phase2-proposal.ts';
import { Ikev1Sa } from '../../src/core/ikev1/sa.ts';
import type { EspPair, Ikev1Environment, Ikev1Event } from '../../src/core/ikev1/types.ts';
import { type IpAddress, parseIp, prefixOf } from '../../src/core/net/address.ts';
import { earliest, type Instant } from '../../src/core/net/time.ts';
import { WINDOWS_VISTA } from '../../src/core/personas/windows.ts';
import { phase1Intent, phase2Intent } from '../../src/core/session/client/offer.ts';
import { Authentication } from '../../src/core/wire/ikev1.ts';
import { IpProtocol } from '../../src/core/wire/ip.ts';
import { L2TP_PORT, parseL2tp } from '../../src/core/wire/l2tp.ts';
import { encodePppFrame, PppProtocol, parsePppFrame } from '../../src/core/wire/ppp.ts';
import { encodeUdp, parseUdp } from '../../src/core/wire/udp.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import type { Account, CallerWho, Client, ClientSettings, Send, Settled } from './clients.ts';
import { echoRequest, isEchoReply } from './echo.ts';
import { Line } from './line.ts';
import { BEHIND_NAT, Phase1s } from './phase1s.ts';

const LAN_HOST = parseIp('10.1.0.1')!;

let lastSpi = 256;

/** One key pair for all callers and their secrets made of it one by one: half the work here, and none less at the gateway. */
const keyPairs = new Map<number, DhKeyPair>();
const crypto: CryptoProvider = {
  ...nodeCrypto,
  generateDh(group) {
    const pair = keyPairs.get(group) ?? nodeCrypto.generateDh(group);
    keyPairs.set(group, pair);
    return pair;
  },
};

interface Pair {
  readonly esp: EspPair;
  readonly window: ReplayWindow;
  sequence: number;
}

export class Caller implements Client {
  readonly #account: Account<CallerWho>;
  readonly #settings: ClientSettings;
  readonly #gateway: IpAddress;
  readonly #send: Send;
  readonly #settled: Settled;
  readonly #environment: Ikev1Environment;
  readonly #phase1s: Phase1s;
  readonly #line: Line;
  #current: Ikev1Sa | undefined;
  #pair: Pair | undefined;
  /** Still received on after a rekey. */
  #older: Pair | undefined;
  #address: IpAddress | undefined;
  #called = false;
  #lastEsp: Instant = 0;
  #pings = 0;
  echoes = 0;
  rekeys = 0;

  constructor(account: Account<CallerWho>, settings: ClientSettings, send: Send, settled: Settled) {
    this.#account = account;
    this.#settings = settings;
    this.#gateway = parseIp(settings.gateway)!;
    this.#send = send;
    this.#settled = settled;
    this.#phase1s = new Phase1s(this.#gateway, send, (sa, event, now) => this.#apply(sa, event, now));
    this.#line = new Line({
      crypto,
      user: account.who.caller,
      password: account.who.password,
      lastTraffic: () => this.#lastEsp,
      send: (message) => this.#sendUdp(message),
      up: (address) => {
        this.#address = address;
        settled();
      },
      down: settled,
    });
    const identity = addressIdentity(BEHIND_NAT);
    this.#environment = {
      crypto,
      policy: {
        side: 'client',
        legacy: true,
        natTraversal: true,
        phase1Lifetime: settings.phase1Lifetime,
        dpd: undefined,
        natTPort: 4500,
        authentications: [Authentication.PSK],
        credentials: () => [],
        certificate: undefined,
        verifier: undefined,
        ownIdentity: () => identity,
        authorizePhase2: (_, { path }) => ({
          spi: ++lastSpi,
          modes: path.carrier === 'nat-t' ? [udpTransportMode('rfc3947')] : [],
          lifetime: { seconds: settings.phase2Lifetime, kilobytes: undefined },
        }),
        lastTraffic: () => this.#lastEsp,
      },
    };
  }

  get isUp(): boolean {
    return this.#address !== undefined;
  }

  knows(initiatorCookie: string): boolean {
    return this.#phase1s.knows(initiatorCookie);
  }

  begin(now: Instant): void {
    const path = this.#phase1s.path(this.#current ? 4500 : 500);
    const wishes = { exchange: 'main', authentication: 'psk', xauth: false, legacy: true } as const;
    const offer = phase1Intent(WINDOWS_VISTA, { ...wishes, group: this.#settings.dhGroup })!;
    const credential = { psk: utf8(this.#account.psk), accepts: () => true, subject: undefined, known: true };
    const intent = { ...offer, credential, identity: addressIdentity(BEHIND_NAT) };
    this.#phase1s.add(Ikev1Sa.initiate(++lastSpi, this.#environment, 'main', intent, path, now), now);
  }

  rekey(now: Instant): void {
    const mode = udpTransportMode('rfc3947');
    const offer = phase2Intent(WINDOWS_VISTA, { mode, group: undefined, legacy: true })!;
    const l2tp = (address: IpAddress) => ({ prefix: prefixOf(address, 32), protocol: IpProtocol.UDP, port: L2TP_PORT });
    const [local, remote] = [l2tp(BEHIND_NAT), l2tp(this.#gateway)];
    this.#current?.beginQuickMode({ ...offer, local, remote, spi: ++lastSpi }, now);
    this.#phase1s.drain(now);
  }

  hangUp(now: Instant): void {
    this.#phase1s.hangUp(now);
    this.die();
  }

  die(): void {
    this.#phase1s.forget();
    this.#current = undefined;
    this.#pair = undefined;
    this.#older = undefined;
    this.#address = undefined;
  }

  pollTimeout(): Instant | undefined {
    const first = this.#phase1s.pollTimeout();
    return this.#called ? earliest(first, this.#line.pollTimeout()) : first;
  }

  handleTimeout(now: Instant): void {
    this.#phase1s.handleTimeout(now);
    if (this.#called && (this.#line.pollTimeout() ?? Number.POSITIVE_INFINITY) <= now) this.#line.handleTimeout(now);
    this.#call(now);
  }

  handleIke(message: Bytes, port: number, now: Instant): void {
    this.#phase1s.handleInput(message, port, now);
    this.#call(now);
  }

  handleEsp(packet: Bytes, now: Instant): boolean {
    const spi = readU32(packet);
    const pair = [this.#pair, this.#older].find((one) => one?.esp.inbound.spi === spi);
    if (!pair) return false;
    const { inbound, suite } = pair.esp;
    const opened = openEsp(crypto, { spi, suite: suite.esp, keys: inbound.keys }, pair.window, packet);
    if (!opened.ok || opened.nextHeader !== IpProtocol.UDP) return true;
    this.#lastEsp = now;
    this.#handleL2tp(parseUdp(opened.payload).payload, now);
    return true;
  }

  ping(): void {
    if (!this.#address) return;
    const information = echoRequest(this.#address, LAN_HOST, ++this.#pings & 0xffff);
    this.#line.sendFrame(encodePppFrame({ protocol: PppProtocol.IPV4, information }));
  }

  #handleL2tp(message: Bytes, now: Instant): void {
    const parsed = parseL2tp(message);
    const frame = parsed.kind === 'data' ? parsePppFrame(parsed.payload) : undefined;
    if (frame?.protocol !== PppProtocol.IPV4) this.#line.handleInput(message, now);
    else if (this.#address && isEchoReply(frame.information, this.#address)) this.echoes++;
  }

  /** Through the newest pair; without one, nowhere. */
  #sendUdp(payload: Bytes): void {
    const pair = this.#pair;
    if (!pair) return;
    const { outbound, suite } = pair.esp;
    const iv = crypto.random(ivLength(suite.esp));
    const datagram = encodeUdp({ source: L2TP_PORT, destination: L2TP_PORT, payload });
    const context = { spi: outbound.spi, suite: suite.esp, keys: outbound.keys };
    this.#send(sealEsp(crypto, context, ++pair.sequence, iv, datagram, IpProtocol.UDP), 4500);
  }

  /** Once, when the quick mode's last message has left, which lets the gateway answer. */
  #call(now: Instant): void {
    if (!this.#pair || this.#called) return;
    this.#called = true;
    this.#line.begin(now);
  }

  #apply(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    switch (event.type) {
      case 'established':
        if (this.#current) this.rekeys++;
        this.#current?.close('renewed');
        this.#current = sa;
        if (!this.#pair) this.rekey(now);
        return;
      case 'esp-established':
        return this.#tunnelIsUp(event.pair);
      case 'esp-abandoned':
      case 'esp-refused':
        return this.#settled(`quick mode: ${event.reason}`);
      case 'ended':
        if (sa !== this.#current && this.#current) return;
        this.#current = undefined;
        return this.#settled(`${event.reason}: ${event.detail}`);
      default:
    }
  }

  #tunnelIsUp(esp: EspPair): void {
    this.#older = this.#pair;
    this.#pair = { esp, window: new ReplayWindow(), sequence: 0 };
    if (this.#older) this.rekeys++;
  }
}
