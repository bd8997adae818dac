/**
 * One client as vpnc is one: phase 1, login, configuration, one tunnel. It sits behind a pretended NAT, so it floats to the
 * NAT-T port. The owner gives it datagrams and time, and takes what it sends.
 */
import { type Bytes, readU32 } from '../../src/core/bytes/bytes.ts';
import { utf8 } from '../../src/core/bytes/text.ts';
import { ivLength } from '../../src/core/esp/packet.ts';
import { sealEsp } from '../../src/core/esp/seal.ts';
import { addressIdentity, keyIdentity } from '../../src/core/ikev1/identity.ts';
import { Ikev1Sa } from '../../src/core/ikev1/sa.ts';
import { hostSelector } from '../../src/core/ikev1/selector.ts';
import type { EspPair, Ikev1Environment, Ikev1Event } from '../../src/core/ikev1/types.ts';
import { type IpAddress, ipFromBytes, parseIp, parsePrefix } from '../../src/core/net/address.ts';
import type { Instant } from '../../src/core/net/time.ts';
import {
  type Attribute,
  Authentication,
  ConfigurationAttribute,
  EncapsulationMode,
} from '../../src/core/wire/ikev1.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import type { Account, CiscoWho, Client, ClientSettings, Send, Settled } from './clients.ts';
import { echoRequest } from './echo.ts';
import { Phase1s } from './phase1s.ts';

const ANYWHERE = { prefix: parsePrefix('0.0.0.0/0')!, protocol: 0, port: 0 };
/** What the user-space stacks of that time take. */
const ESP = { cipher: 'aes-cbc', keyBits: 128, integrity: 'sha1' } as const;
const LAN_HOST = parseIp('10.1.0.1')!;
const DPD = { idle: 20_000, timeout: 60_000 };

let lastSpi = 256;

export class LoadClient implements Client {
  readonly #account: Account<CiscoWho>;
  readonly #settings: ClientSettings;
  readonly #environment: Ikev1Environment;
  readonly #phase1s: Phase1s;
  #current: Ikev1Sa | undefined;
  #next: Ikev1Sa | undefined;
  #pair: EspPair | undefined;
  #address: IpAddress | undefined;
  #sequence = 0;
  #lastEsp: Instant = 0;
  readonly #send: Send;
  readonly #settled: Settled;
  echoes = 0;
  rekeys = 0;

  constructor(account: Account<CiscoWho>, settings: ClientSettings, send: Send, settled: Settled) {
    this.#account = account;
    this.#settings = settings;
    this.#send = send;
    this.#settled = settled;
    this.#phase1s = new Phase1s(parseIp(settings.gateway)!, send, (sa, event, now) => this.#apply(sa, event, now));
    const { who } = account;
    const identity = 'peer' in who ? addressIdentity(parseIp(who.peer)!) : keyIdentity(who.group);
    this.#environment = {
      crypto: nodeCrypto,
      policy: {
        side: 'client',
        legacy: true,
        natTraversal: true,
        phase1Lifetime: settings.phase1Lifetime,
        dpd: DPD,
        natTPort: 4500,
        authentications: [Authentication.XAUTH_INIT_PSK, Authentication.PSK],
        credentials: () => [],
        certificate: undefined,
        verifier: undefined,
        ownIdentity: () => identity,
        authorizePhase2: () => ({
          spi: ++lastSpi,
          modes: [EncapsulationMode.TUNNEL, EncapsulationMode.UDP_TUNNEL],
          lifetime: this.#lifetime,
        }),
        lastTraffic: () => this.#lastEsp,
      },
    };
  }

  get isUp(): boolean {
    return this.#pair !== undefined;
  }

  knows(initiatorCookie: string): boolean {
    return this.#phase1s.knows(initiatorCookie);
  }

  begin(now: Instant): void {
    if (this.#next) return;
    const { who, psk } = this.#account;
    const path = this.#phase1s.path(this.#current ? 4500 : 500);
    const credential = { psk: utf8(psk), accepts: () => true, subject: undefined, known: true };
    const peer = 'peer' in who;
    const suite = {
      cipher: 'aes-cbc',
      keyBits: 128,
      hash: 'sha256',
      group: this.#settings.dhGroup,
      authentication: peer ? Authentication.PSK : Authentication.XAUTH_INIT_PSK,
    } as const;
    const identity = this.#environment.policy.ownIdentity('psk', path);
    const intent = { suites: [suite], credential, identity, lifetime: this.#settings.phase1Lifetime };
    const mode = peer ? 'main' : 'aggressive';
    this.#next = Ikev1Sa.initiate(++lastSpi, this.#environment, mode, intent, path, now);
    this.#phase1s.add(this.#next, now);
  }

  rekey(now: Instant): void {
    const sa = this.#current;
    if (!sa) return;
    const { who } = this.#account;
    const address = 'peer' in who ? parseIp(who.peer) : this.#address;
    if (!address) return;
    const suite = { esp: ESP, group: undefined, mode: EncapsulationMode.UDP_TUNNEL };
    const intent = { suites: [suite], local: hostSelector(address), remote: ANYWHERE, lifetime: this.#lifetime };
    sa.beginQuickMode({ ...intent, spi: ++lastSpi }, now);
    this.#phase1s.drain(now);
  }

  hangUp(now: Instant): void {
    if (this.#pair) this.#current?.deleteEsp([this.#pair.inbound.spi]);
    this.#phase1s.hangUp(now);
    this.die();
  }

  die(): void {
    this.#phase1s.forget();
    this.#current = undefined;
    this.#next = undefined;
    this.#pair = undefined;
    this.#address = undefined;
  }

  pollTimeout(): Instant | undefined {
    return this.#phase1s.pollTimeout();
  }

  handleTimeout(now: Instant): void {
    this.#phase1s.handleTimeout(now);
  }

  handleIke(message: Bytes, port: number, now: Instant): void {
    this.#phase1s.handleInput(message, port, now);
  }

  handleEsp(packet: Bytes, now: Instant): boolean {
    if (this.#pair?.inbound.spi !== readU32(packet)) return false;
    this.#lastEsp = now;
    this.echoes++;
    return true;
  }

  ping(): void {
    const pair = this.#pair;
    const address = 'peer' in this.#account.who ? parseIp(this.#account.who.peer) : this.#address;
    if (!pair || !address) return;
    const { spi, keys } = pair.outbound;
    const iv = nodeCrypto.random(ivLength(pair.suite.esp));
    const packet = echoRequest(address, LAN_HOST, ++this.#sequence & 0xffff);
    this.#send(sealEsp(nodeCrypto, { spi, suite: pair.suite.esp, keys }, this.#sequence, iv, packet, 4), 4500);
  }

  #apply(sa: Ikev1Sa, event: Ikev1Event, now: Instant): void {
    switch (event.type) {
      case 'established':
        if ('peer' in this.#account.who) this.#moveOver(sa, now);
        return;
      case 'xauth-requested':
        return sa.answerRequest(event.messageId, this.#login(), now);
      case 'xauth-result':
        if (event.succeeded) sa.requestConfiguration(this.#wishes(), now);
        else this.#fail('login refused');
        return;
      case 'configuration-received':
        return this.#configure(sa, event.attributes, now);
      case 'esp-established':
        return this.#tunnelIsUp(event.pair);
      case 'esp-deleted':
        if (this.#pair && event.spis.includes(this.#pair.outbound.spi)) this.#pair = undefined;
        return;
      case 'esp-abandoned':
      case 'esp-refused':
        return this.#fail(`quick mode: ${event.reason}`);
      case 'rekey-due':
        if (sa === this.#current) this.begin(now);
        return;
      case 'ended':
        if (sa === this.#next) this.#next = undefined;
        else if (sa === this.#current) this.#current = undefined;
        else return;
        return this.#fail(`${event.reason}: ${event.detail}`);
    }
  }

  #configure(sa: Ikev1Sa, attributes: readonly Attribute[], now: Instant): void {
    const value = attributes.find(({ type }) => type === ConfigurationAttribute.INTERNAL_IP4_ADDRESS)?.value;
    if (typeof value !== 'object' || value.length !== 4) return this.#fail('no address came');
    this.#address = ipFromBytes(value);
    this.#moveOver(sa, now);
  }

  /** A renewed phase 1 takes the tunnel over from the old one; the first begins it. */
  #moveOver(sa: Ikev1Sa, now: Instant): void {
    const old = this.#current;
    this.#current = sa;
    this.#next = undefined;
    if (old) this.rekeys++;
    old?.close('renewed');
    if (!this.#pair) this.rekey(now);
  }

  #tunnelIsUp(pair: EspPair): void {
    const old = this.#pair;
    this.#pair = pair;
    this.#sequence = 0;
    if (!old) return this.#settled();
    this.rekeys++;
    this.#current?.deleteEsp([old.inbound.spi]);
  }

  #fail(reason: string): void {
    this.#settled(reason);
  }

  #login(): Attribute[] {
    const { who } = this.#account;
    if ('peer' in who) return [];
    return [
      { type: ConfigurationAttribute.XAUTH_USER_NAME, value: utf8(who.user) },
      { type: ConfigurationAttribute.XAUTH_USER_PASSWORD, value: utf8(who.password) },
    ];
  }

  /** While a tunnel is up, its address is what a renewal wants to keep. */
  #wishes(): Attribute[] {
    const value = this.#address?.bytes ?? new Uint8Array(0);
    return [{ type: ConfigurationAttribute.INTERNAL_IP4_ADDRESS, value }];
  }

  get #lifetime() {
    return { seconds: this.#settings.phase2Lifetime, kilobytes: undefined };
  }
}
