/**
 * The IKEv1 engine as a client on real sockets, in a process of its own so that it can live in a namespace. It is told what to do
 * and tells its events over Node's channel; it logs in, configures itself and begins a quick mode without being told.
 */
import { createSocket, type Socket } from 'node:dgram';
import { concat } from '../../src/core/bytes/bytes.ts';
import { toHex, utf8 } from '../../src/core/bytes/text.ts';
import type { IkePath } from '../../src/core/carrier/ike-path.ts';
import { openEsp } from '../../src/core/esp/open.ts';
import { ivLength } from '../../src/core/esp/packet.ts';
import { ReplayWindow } from '../../src/core/esp/replay.ts';
import { sealEsp } from '../../src/core/esp/seal.ts';
import { begunByGateway } from '../../src/core/ikev1/authentication.ts';
import { addressIdentity, identityFromText, identityText, keyIdentity } from '../../src/core/ikev1/identity.ts';
import { udpTunnelMode } from '../../src/core/ikev1/phase2-proposal.ts';
import { Ikev1Sa } from '../../src/core/ikev1/sa.ts';
import { hostSelector } from '../../src/core/ikev1/selector.ts';
import type { EspPair, Ikev1Event, Ikev1Policy } from '../../src/core/ikev1/types.ts';
import { parseIp, parsePrefix } from '../../src/core/net/address.ts';
import { earliest } from '../../src/core/net/time.ts';
import { PERSONAS } from '../../src/core/personas/personas.ts';
import { configurationRequest, readConfiguration } from '../../src/core/session/client/configuration.ts';
import { phase1Intent, phase2Intent } from '../../src/core/session/client/offer.ts';
import { echoRequests } from '../../src/core/session/client/proof.ts';
import { XauthDialogue } from '../../src/core/session/client/xauth-dialogue.ts';
import { EncapsulationMode, IdType } from '../../src/core/wire/ikev1.ts';
import { parseMessage } from '../../src/core/wire/isakmp.ts';
import { nodeCrypto } from '../../src/host/crypto/node-crypto.ts';
import { openCertificate } from '../../src/host/pki/own-certificate.ts';
import { certificateVerifier } from '../../src/host/pki/verifier.ts';
import type { InitiatorCommand, InitiatorOptions } from './initiator.ts';

const IKE = 500;
const NAT_T = 4500;
/** Of probes: another mapping, as after a change of network. */
const OTHER = 4501;

const o = JSON.parse(process.argv[2]!) as InitiatorOptions;
const persona = PERSONAS[o.persona ?? 'sallyport'];
const [local, remote] = [parseIp(o.local)!, parseIp(o.remote)!];
const legacy = o.legacy ?? true;
const certificate =
  o.certificate && openCertificate({ certificate: [o.certificate.file], key: o.certificate.key }, new Date());
const wishes = {
  exchange: o.exchange,
  authentication: o.authentication ?? 'psk',
  xauth: o.login !== undefined,
  group: o.group,
  legacy,
  certificate: certificate?.kind,
} as const;
const credential = {
  psk: utf8(o.psk ?? ''),
  accepts: (identity: Parameters<typeof identityText>[0]) => !o.gatewayName || identityText(identity) === o.gatewayName,
  subject: undefined,
  known: true,
};
const offer = phase1Intent(persona, wishes)!;
const intent = { ...offer, credential, identity: ownIdentity(), initialContact: o.initialContact ?? false };

const policy: Ikev1Policy = {
  side: 'client',
  legacy,
  natTraversal: o.natTraversal ?? true,
  encapsulation: o.encapsulation ?? 'detect',
  phase1Lifetime: 86_400,
  dpd: o.dpd,
  natTPort: NAT_T,
  authentications: [...new Set(intent.suites.map(({ authentication }) => begunByGateway(authentication)))],
  credentials: () => [credential],
  certificate,
  verifier: o.authorities && certificateVerifier({ authorities: o.authorities, now: () => new Date() }),
  ownIdentity: () => intent.identity,
  authorizePhase2: () => ({ spi: newSpi(), modes: [mode()], lifetime: persona.phase2.lifetime }),
  lastTraffic: () => 0,
};
const environment = { crypto: nodeCrypto, policy };

let sas: Ikev1Sa[] = [];
let pair: EspPair | undefined;
let inner = o.inner ? parsePrefix(o.inner)! : undefined;
let sequence = 0;
let lastId = 0;
let timer: NodeJS.Timeout | undefined;
let dialogue = newDialogue();
const sockets = new Map<number, Socket>();
for (const port of [IKE, NAT_T, OTHER]) sockets.set(port, await bound(port));

process.on('message', (command: InitiatorCommand) => {
  obey(command);
  settle();
});
process.on('disconnect', () => process.exit());
process.send!({ type: 'ready' });

function ownIdentity() {
  if (o.identity !== undefined)
    return o.exchange === 'aggressive' && !certificate ? keyIdentity(o.identity) : identityFromText(o.identity);
  if (certificate) return { type: IdType.DER_ASN1_DN, protocol: 0, port: 0, data: certificate.subject };
  return addressIdentity(local);
}

async function bound(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (datagram, { port: from }) => {
    receive(new Uint8Array(datagram), port, from);
    settle();
  });
  await new Promise<void>((resolve) => socket.bind(port, o.local, resolve));
  return socket;
}

function obey(command: InitiatorCommand): void {
  const [sa] = sas;
  const now = Date.now();
  switch (command.do) {
    case 'dial':
      return dial();
    case 'rekey phase 1':
      dialogue = newDialogue();
      return dial();
    case 'rekey phase 2':
      return beginQuickMode(sa!);
    case 'probe':
      return sa!.probePath(pathOf(OTHER, NAT_T));
    case 'follow':
      return sa!.followPath(pathOf(OTHER, NAT_T));
    case 'dpd':
      return sa!.probePath(sa!.path);
    case 'ping':
      return ping(command.target);
    case 'close':
      for (const one of sas) one.close('closed by the test');
      return;
    case 'configure':
      return sa!.requestConfiguration(request(), now);
  }
}

function dial(): void {
  const from = o.from === 'nat-t' ? pathOf(NAT_T, NAT_T) : pathOf(IKE, IKE);
  sas.unshift(Ikev1Sa.initiate(++lastId, environment, o.exchange, intent, from, Date.now()));
}

function pathOf(own: number, theirs: number): IkePath {
  const carrier = theirs === NAT_T ? 'nat-t' : 'udp';
  return { carrier, local: { address: local, port: own }, remote: { address: remote, port: theirs } };
}

function receive(datagram: Uint8Array, port: number, from: number): void {
  const natT = port !== IKE;
  if (natT && datagram.length === 1) return;
  if (natT && datagram.subarray(0, 4).some((byte) => byte !== 0)) return receiveEsp(datagram);
  const message = natT ? datagram.subarray(4) : datagram;
  const path: IkePath = { ...pathOf(port, from), carrier: natT ? 'nat-t' : 'udp' };
  const cookie = toHex(message.subarray(0, 8));
  let sa = sas.find((one) => toHex(one.initiatorCookie) === cookie);
  if (!sa) {
    dialogue = newDialogue();
    sa = Ikev1Sa.respond(++lastId, environment, parseMessage(message), path, Date.now());
    sas.unshift(sa);
  }
  sa.handleInput(message, path, Date.now());
}

function settle(): void {
  for (const sa of [...sas]) {
    for (let event = sa.pollEvent(); event; event = sa.pollEvent()) {
      process.send!(
        JSON.parse(JSON.stringify(event, (_, value) => (value instanceof Uint8Array ? toHex(value) : value))),
      );
      handle(sa, event);
    }
    for (let out = sa.pollTransmit(); out; out = sa.pollTransmit()) {
      const { carrier, local: own, remote: to } = out.path;
      const bytes = carrier === 'nat-t' ? concat(new Uint8Array(4), out.message) : out.message;
      sockets.get(own.port)!.send(bytes, to.port, to.address.text);
    }
  }
  sas = sas.filter((sa) => !sa.ended);
  clearTimeout(timer);
  const at = earliest(...sas.map((sa) => sa.pollTimeout()));
  if (at === undefined) return;
  timer = setTimeout(
    () => {
      for (const sa of sas) sa.handleTimeout(Date.now());
      settle();
    },
    Math.max(0, at - Date.now()),
  );
}

function handle(sa: Ikev1Sa, event: Ikev1Event): void {
  switch (event.type) {
    case 'established':
      if (sa.role === 'initiator' && !o.login && !pair && inner) beginQuickMode(sa);
      return;
    case 'xauth-requested': {
      const step = dialogue.handleRequest(event.attributes);
      const answers = 'questions' in step ? step.questions.map(() => 'wrong') : [];
      return sa.answerRequest(event.messageId, dialogue.reply(answers), Date.now());
    }
    case 'xauth-result':
      if (event.succeeded) sa.requestConfiguration(request(), Date.now());
      return;
    case 'configuration-received': {
      const read = readConfiguration(event.attributes, [remote]);
      if ('refused' in read) throw new Error(read.refused);
      const { address, dns, routes } = read.given;
      process.send!({
        type: 'configured',
        address: address.text,
        dns: dns.map(({ text }) => text),
        routes: routes === 'all' ? routes : routes.length,
      });
      inner = hostSelector(address).prefix;
      if (!pair) beginQuickMode(sa);
      return;
    }
    case 'esp-established':
      pair = event.pair;
      sequence = 0;
      return;
  }
}

function newDialogue(): XauthDialogue {
  return new XauthDialogue({ user: o.login?.user, password: o.login?.password, domain: undefined });
}

function request() {
  return configurationRequest({ persona, address: undefined, ciscoUdp: false, applicationVersion: undefined });
}

/** UDP-encapsulated where a NAT was found or claimed. */
function mode(): number {
  const { nat, traits } = sas.find((sa) => sa.established)!.established!;
  const encapsulated = (nat.local || nat.remote) && traits.natTraversal;
  return encapsulated ? udpTunnelMode(encapsulated) : EncapsulationMode.TUNNEL;
}

function beginQuickMode(sa: Ikev1Sa): void {
  const phase2 = phase2Intent(persona, { mode: mode(), group: o.pfs, legacy })!;
  const [ours, theirs] = [inner!, parsePrefix(o.target ?? '0.0.0.0/0')!].map((prefix) => ({
    prefix,
    protocol: 0,
    port: 0,
  }));
  sa.beginQuickMode({ ...phase2, spi: newSpi(), local: ours!, remote: theirs! }, Date.now());
}

function newSpi(): number {
  return 0x1000 + Math.floor(Math.random() * 0x7fff_0000);
}

/** One echo request through the tunnel: what comes back proves the keys of both directions. */
function ping(target: string): void {
  const { outbound, suite } = pair!;
  const [packet] = echoRequests(inner!.address, [parseIp(target)!], 1);
  packet![8] = 64;
  refreshChecksum(packet!);
  const length = ivLength(suite.esp);
  const iv = suite.esp.cipher === 'aes-gcm' ? counter(++sequence) : nodeCrypto.random(length);
  const number = suite.esp.cipher === 'aes-gcm' ? sequence : ++sequence;
  const sealed = sealEsp(nodeCrypto, { ...outbound, suite: suite.esp }, number, iv, packet!, 4);
  sockets.get(NAT_T)!.send(sealed, NAT_T, o.remote);
}

function receiveEsp(packet: Uint8Array): void {
  const spi = new DataView(packet.buffer, packet.byteOffset).getUint32(0);
  if (!pair || spi !== pair.inbound.spi) return void process.send!({ type: 'esp', opened: false, why: 'another pair' });
  const opened = openEsp(nodeCrypto, { ...pair.inbound, suite: pair.suite.esp }, new ReplayWindow(), packet);
  const reply = opened.ok && opened.payload[9] === 1 && opened.payload[20] === 0;
  process.send!({ type: 'esp', opened: opened.ok, reply });
}

function counter(value: number): Uint8Array {
  const iv = new Uint8Array(8);
  new DataView(iv.buffer).setUint32(4, value);
  return iv;
}

function refreshChecksum(packet: Uint8Array): void {
  packet.set([0, 0], 10);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += packet[i]! * 256 + packet[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.set([(~sum >>> 8) & 255, ~sum & 255], 10);
}
