/**
 * L2TP in IPsec, by real kernels; and what only a real kernel shows: ESP as it is.
 *
 * Long because it is a list: one scenario after another, none of which knows the next.
 */
import { ExchangeType } from '../../../src/core/wire/isakmp.ts';
import * as lab from '../../lab/gateway.ts';
import type { Netns } from '../../lab/netns.ts';
import { sleep } from '../../lab/poll.ts';
import { SoftEther, softEtherSecret } from '../../lab/softether.ts';
import { gatewayPublicAddress, natPublicAddress } from '../../lab/topology.ts';
import { ping } from '../../lab/traffic.ts';
import { ikeExchange, interfere } from './faults.ts';
import {
  type CallOptions,
  call,
  GUESTS,
  KERNEL_GATEWAY_ADDRESS,
  kernelGateway,
  outcome,
  transportGateway,
} from './guests.ts';
import {
  AT_CLIENT,
  AT_GATEWAY,
  KERNEL_GATEWAY,
  L2TP_CLIENT,
  OUR_GATEWAY,
  type Scenario,
  SOFTETHER,
  STRONGSWAN_INITIATOR,
  STRONGSWAN_RESPONDER,
} from './scenario.ts';
import type { Stage } from './stage.ts';

const INSIDE_NAT = "the client's network, behind a NAT";

interface Called {
  readonly keys?: boolean;
  /** What is done to the network once the gateway serves. */
  readonly fault?: (stage: Stage) => Promise<unknown>;
  readonly call?: CallOptions;
  /** Milliseconds after which who isn't up is given up. */
  readonly patience?: number;
}

/** Somebody serves, somebody watches, and a client calls. */
function called(
  serve: (stage: Stage) => Promise<unknown>,
  watched: (stage: Stage) => readonly [netns: Netns, device: string],
  { keys, fault, call = {}, patience = 60_000 }: Called,
): Scenario['play'] {
  return async (stage) => {
    if (keys) stage.keepKeys();
    await serve(stage);
    await fault?.(stage);
    await stage.watch(...watched(stage));
    await callsAndLeaves(stage, call, patience);
  };
}

const amongGuests = ({ net }: Stage) => [net.gw, GUESTS] as const;
const insideNat = ({ net }: Stage) => [net.nat, 'inside'] as const;

function oursIsCalled({ config = { l2tp: true }, ...how }: Called & { readonly config?: lab.Config } = {}) {
  const serve = async (stage: Stage) => {
    await stage.gateway({ config });
    await stage.net.bridgeForVms();
  };
  return called(serve, amongGuests, how);
}

/** From behind the NAT. */
function softEtherIsCalled({ call, ...how }: Called = {}) {
  return called(softEther, insideNat, { ...how, call: { behindNat: true, ipsec: { psk: softEtherSecret }, ...call } });
}

function kernelIsCalled({ call, serving, ...how }: Called & { readonly serving?: { readonly l2tp: boolean } } = {}) {
  const serve = (stage: Stage) => kernelGateway(stage, transportGateway(), serving);
  return called(serve, amongGuests, { ...how, call: { gateway: KERNEL_GATEWAY_ADDRESS, ...call } });
}

async function softEther(stage: Stage): Promise<SoftEther> {
  const server = await SoftEther.start(stage.net.gw);
  stage.defer(() => server.crash());
  return server;
}

/** Calls, waits for the outcome, and pings once more if it is up. */
async function callsAndLeaves(stage: Stage, options: CallOptions, patience: number): Promise<void> {
  const vm = await call(stage, options);
  if ((await outcome(vm, patience)) !== 'up') return;
  vm.tell('ping');
  await sleep(2500);
  vm.tell('leave');
  await sleep(2000);
}

const calls: readonly Scenario[] = [
  {
    name: 'healthy-l2tp-native-esp-keys',
    peers: [L2TP_CLIENT, OUR_GATEWAY],
    fault: 'none; ESP as it is',
    seenFrom: AT_GATEWAY,
    cause: null,
    nearMissOf: ['ppp-refused', 'l2tp-refused', 'l2tp-in-clear', 'esp-one-way'],
    packets: 150,
    play: oursIsCalled({ keys: true }),
  },
  {
    name: 'healthy-l2tp-nat-softether',
    peers: [L2TP_CLIENT, SOFTETHER],
    fault: 'none; from behind a NAT',
    seenFrom: INSIDE_NAT,
    cause: null,
    nearMissOf: ['l2tp-second-client-starves', 'silence-on-4500', 'psk-mismatch'],
    packets: 150,
    play: softEtherIsCalled(),
  },
  {
    name: 'ppp-refused-pap-keys',
    peers: [L2TP_CLIENT, OUR_GATEWAY],
    fault: 'a wrong password, by PAP',
    seenFrom: AT_GATEWAY,
    cause: 'ppp-refused',
    alsoFine: ['l2tp-refused'],
    packets: 200,
    play: oursIsCalled({ keys: true, call: { password: 'wrong' }, patience: 40_000 }),
  },
  {
    name: 'ppp-refused-ms-chap-v2-keys',
    peers: [L2TP_CLIENT, OUR_GATEWAY],
    fault: 'a user that the gateway does not know, by MS-CHAPv2',
    seenFrom: AT_GATEWAY,
    cause: 'ppp-refused',
    alsoFine: ['l2tp-refused'],
    packets: 200,
    play: oursIsCalled({ keys: true, call: { method: 'ms-chap-v2', user: 'mallory' }, patience: 40_000 }),
  },
  {
    name: 'ppp-refused-softether-keys',
    peers: [L2TP_CLIENT, SOFTETHER],
    fault: 'a wrong password',
    seenFrom: INSIDE_NAT,
    cause: 'ppp-refused',
    alsoFine: ['l2tp-refused'],
    packets: 200,
    play: softEtherIsCalled({ keys: true, call: { password: 'wrong' }, patience: 40_000 }),
  },
  {
    name: 'ppp-disagreed-method-keys',
    peers: [L2TP_CLIENT, OUR_GATEWAY],
    fault: 'the gateway wants MS-CHAPv2 alone, the client has PAP alone',
    seenFrom: AT_GATEWAY,
    cause: 'ppp-disagreed',
    asGood: ['ppp-refused'],
    alsoFine: ['l2tp-refused'],
    packets: 200,
    play: oursIsCalled({ keys: true, config: { l2tp: { authentication: ['ms-chap-v2'] } }, patience: 40_000 }),
  },
  {
    name: 'l2tp-refused-nobody-serves-keys',
    peers: [L2TP_CLIENT, KERNEL_GATEWAY],
    fault: 'IPsec is up, but no L2TP server runs: inside ESP only ICMP comes back',
    seenFrom: AT_CLIENT,
    cause: 'l2tp-refused',
    packets: 200,
    play: kernelIsCalled({ keys: true, serving: { l2tp: false }, patience: 40_000 }),
  },
  {
    name: 'l2tp-in-clear-softether',
    peers: [L2TP_CLIENT, SOFTETHER],
    fault:
      "the client's IPsec was never begun, and the server takes L2TP in clear: it works, and everybody can read it",
    seenFrom: INSIDE_NAT,
    cause: 'l2tp-in-clear',
    packets: 120,
    play: called(
      async (stage) => {
        const server = await softEther(stage);
        await server.configure([
          `IPsecEnable /L2TP:yes /L2TPRAW:yes /ETHERIP:no /PSK:${softEtherSecret} /DEFAULTHUB:LAB`,
        ]);
      },
      insideNat,
      { call: { behindNat: true, ipsec: false } },
    ),
  },
  {
    name: 'l2tp-in-clear-unanswered',
    peers: [L2TP_CLIENT, OUR_GATEWAY],
    fault: "the client's IPsec was never begun; the gateway answers no L2TP in clear",
    seenFrom: AT_GATEWAY,
    cause: 'l2tp-in-clear',
    alsoFine: ['icmp-unreachable', 'l2tp-refused'],
    play: oursIsCalled({ call: { ipsec: false }, patience: 30_000 }),
  },
  {
    name: 'psk-mismatch-l2tp-softether',
    peers: [L2TP_CLIENT, SOFTETHER],
    fault: 'the secrets differ',
    seenFrom: INSIDE_NAT,
    cause: 'psk-mismatch',
    play: softEtherIsCalled({ call: { ipsec: { psk: 'another' } }, patience: 30_000 }),
  },
  {
    name: 'psk-mismatch-main-softether',
    peers: [STRONGSWAN_INITIATOR, SOFTETHER],
    fault: 'the secrets differ',
    seenFrom: AT_CLIENT,
    cause: 'psk-mismatch',
    play: async (stage) => {
      await softEther(stage);
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v1-main', { ike: 'aes256-sha1-modp2048' })).initiate(22);
    },
  },
  {
    name: 'phase1-no-proposal-softether',
    peers: [STRONGSWAN_INITIATOR, SOFTETHER],
    fault: 'the client offers AES-GCM and ECP-384, which the server does not know',
    seenFrom: AT_CLIENT,
    cause: 'phase1-no-proposal',
    asGood: ['no-answer-500'],
    play: async (stage) => {
      await softEther(stage);
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v1-main', { ike: 'aes256-sha384-ecp384' })).initiate(18);
    },
  },
  {
    name: 'phase1-no-proposal-l2tp-sallyport',
    peers: [L2TP_CLIENT, OUR_GATEWAY],
    fault: 'an old client offers 3DES with group 2, which the gateway lets in only with "legacy"',
    seenFrom: AT_GATEWAY,
    cause: 'phase1-no-proposal',
    asGood: ['group-mismatch'],
    alsoFine: ['weak-algorithms'],
    play: oursIsCalled({
      config: { l2tp: true, legacy: false },
      call: { ipsec: { ike: '3des-sha1-modp1024' } },
      patience: 20_000,
    }),
  },
  {
    name: 'esp-one-way-l2tp-kernel',
    peers: [L2TP_CLIENT, OUR_GATEWAY],
    fault: 'a firewall before the gateway drops protocol 50: the call is asked for again and again inside ESP',
    seenFrom: AT_GATEWAY,
    cause: 'esp-one-way',
    packets: 100,
    play: oursIsCalled({
      fault: (stage) => interfere(stage.net.gw, 'input', 'meta l4proto 50 drop'),
      patience: 40_000,
    }),
  },
  {
    name: 'esp-one-way-two-kernels',
    peers: [L2TP_CLIENT, KERNEL_GATEWAY],
    fault: 'protocol 50 is dropped between two kernels, from the gateway to the client',
    seenFrom: AT_CLIENT,
    cause: 'esp-one-way',
    packets: 100,
    play: kernelIsCalled({
      // the guests' cables end in one bridge: dropped where the gateway's comes in
      fault: (stage) =>
        stage.net.gw.nft(
          'table bridge fault { chain in { type filter hook prerouting priority -300; iifname "t-gateway" ip protocol 50 drop; }; }',
        ),
      patience: 40_000,
    }),
  },
  {
    name: 'nat-without-nat-t-kernel',
    peers: [L2TP_CLIENT, OUR_GATEWAY],
    fault:
      'the gateway has NAT traversal turned off, the client is behind a NAT, whose router drops protocol 50 from outside',
    seenFrom: INSIDE_NAT,
    cause: 'nat-without-nat-t',
    asGood: ['esp-one-way'],
    packets: 100,
    play: called(
      (stage) => stage.gateway({ config: { l2tp: true, carriers: { 'nat-t': false, esp: true } } }),
      insideNat,
      {
        fault: (stage) => interfere(stage.net.nat, 'forward', 'iifname "outside" meta l4proto 50 drop'),
        call: { behindNat: true },
        patience: 40_000,
      },
    ),
  },
  {
    name: 'healthy-l2tp-two-kernels',
    peers: [L2TP_CLIENT, KERNEL_GATEWAY],
    fault: 'none; two kernels, ESP as it is',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['esp-one-way', 'l2tp-refused'],
    packets: 150,
    play: kernelIsCalled(),
  },
];

const neighbours: readonly Scenario[] = [
  {
    name: 'l2tp-second-client-starves-kernel',
    peers: [L2TP_CLIENT, L2TP_CLIENT, KERNEL_GATEWAY],
    fault: 'two clients behind one NAT, before a gateway whose kernel knows transport mode by addresses and ports',
    seenFrom: "the gateway's device, beyond the NAT",
    cause: 'l2tp-second-client-starves',
    asGood: ['esp-one-way'],
    alsoFine: ['dpd-death', 'l2tp-refused', 'loss'],
    play: (stage) => neighboursCall(stage),
  },
  {
    name: 'l2tp-second-client-starves-keys',
    peers: [L2TP_CLIENT, L2TP_CLIENT, KERNEL_GATEWAY],
    fault: 'the same, seen before the NAT and with the keys of both clients',
    seenFrom: INSIDE_NAT,
    cause: 'l2tp-second-client-starves',
    asGood: ['esp-one-way'],
    alsoFine: ['dpd-death', 'l2tp-refused', 'loss'],
    play: (stage) => {
      stage.keepKeys();
      return neighboursCall(stage, { seenFrom: 'inside' });
    },
  },
  {
    name: 'healthy-l2tp-two-behind-one-nat',
    peers: [L2TP_CLIENT, L2TP_CLIENT, OUR_GATEWAY],
    fault: 'none; two clients behind one NAT, both served; of each packet only the first 96 bytes were kept',
    seenFrom: AT_GATEWAY,
    cause: null,
    nearMissOf: ['l2tp-second-client-starves', 'message-id-shared'],
    snap: 96,
    play: async (stage) => {
      await stage.gateway({ config: { l2tp: true }, users: { alice: 'alicepass', bob: 'bobpass' } });
      // else the capture has frames of several datagrams, which the device is to cut
      await stage.net.gw.must(['ethtool', '-K', 'public', 'tx-udp-segmentation', 'off']);
      await stage.watch(stage.net.gw, 'public');
      const vms = [];
      for (const [user, address] of [
        ['alice', '10.9.0.21'],
        ['bob', '10.9.0.22'],
      ] as const) {
        const vm = await call(stage, { behindNat: true, name: user, user, password: `${user}pass`, address });
        vms.push(vm);
        await outcome(vm, 60_000);
      }
      for (const vm of vms) vm.tell('ping');
      await sleep(3000);
    },
  },
];

async function neighboursCall(stage: Stage, { seenFrom = GUESTS } = {}): Promise<void> {
  await kernelGateway(stage, transportGateway());
  await stage.watch(seenFrom === GUESTS ? stage.net.gw : stage.net.nat, seenFrom);
  const [first, second] = [
    { name: 'alice', user: 'alice', password: 'alicepass', address: '10.9.0.21' },
    { name: 'bob', user: 'bob', password: 'bobpass', address: '10.9.0.22' },
  ];
  const where = { behindNat: true, gateway: KERNEL_GATEWAY_ADDRESS };
  const vm = await call(stage, { ...where, ...first });
  await outcome(vm, 60_000);
  const other = await call(stage, { ...where, ...second });
  await outcome(other, 45_000);
  vm.tell('ping');
  await sleep(8000);
}

const windows: readonly Scenario[] = [
  {
    name: 'message-id-shared-vistas-one-nat',
    peers: ['Sallyport as Windows Vista (three initiators)', 'Sallyport with the fault of KB942429 (responder)'],
    fault: 'a gateway that knows a quick mode by its message ID alone; three clients begin with the same one',
    seenFrom: AT_GATEWAY,
    cause: 'message-id-shared',
    made: 'synthetic',
    alsoFine: ['l2tp-second-client-starves', 'weak-algorithms', 'loss'],
    play: (stage) => vistas(stage, 'wrong-gateway'),
  },
  {
    name: 'message-id-shared-vistas-keys',
    peers: ['Sallyport as Windows Vista (three initiators)', 'Sallyport with the fault of KB942429 (responder)'],
    fault: 'the same, with keys',
    seenFrom: AT_GATEWAY,
    cause: 'message-id-shared',
    made: 'synthetic',
    alsoFine: ['l2tp-second-client-starves', 'weak-algorithms', 'loss'],
    play: (stage) => {
      stage.keepKeys();
      return vistas(stage, 'wrong-gateway');
    },
  },
  {
    name: 'message-id-shared-vistas-own-addresses',
    peers: ['Sallyport as Windows Vista (two initiators)', 'Sallyport with the fault of KB942429 (responder)'],
    fault: 'a gateway that knows a quick mode by its message ID alone; two clients with addresses of their own',
    seenFrom: AT_GATEWAY,
    cause: 'message-id-shared',
    made: 'synthetic',
    alsoFine: ['weak-algorithms', 'loss'],
    play: async (stage) => {
      await stage.gateway({
        program: WRONG_GATEWAY,
        config: { l2tp: true },
        users: { first: lab.password, second: lab.password },
      });
      const others = [stage.net.cl, await stage.net.addClient()];
      await stage.watch(stage.net.gw, 'any', 'udp');
      for (const [index, netns] of others.entries()) {
        await stage.dial(
          { netns, profile: vista({ gateway: '192.0.2.1', user: index === 0 ? 'first' : 'second' }) },
          35_000,
        );
        if (index === 0) await ping(netns, { count: 3 });
      }
    },
  },
  {
    name: 'vistas-served',
    peers: ['Sallyport as Windows Vista (three initiators)', OUR_GATEWAY],
    fault: 'none; three clients begin quick mode with the same message ID, and all are served',
    seenFrom: AT_GATEWAY,
    cause: null,
    made: 'synthetic',
    nearMissOf: ['message-id-shared', 'l2tp-second-client-starves'],
    play: (stage) => vistas(stage, undefined),
  },
  {
    name: 'gateway-behind-nat-windows',
    peers: ['Sallyport as Windows Vista (initiator)', OUR_GATEWAY],
    fault:
      'a NAT before the gateway; as Windows does without its registry value, the client proves itself and then begins no quick mode (they were taken out)',
    seenFrom: AT_CLIENT,
    cause: 'gateway-behind-nat',
    made: 'synthetic',
    alsoFine: ['weak-algorithms'],
    play: async (stage) => {
      await publishGateway(stage);
      await stage.gateway({ netns: stage.net.c1, config: { l2tp: true } });
      await interfere(stage.net.gw, 'output', `udp dport 4500 ${ikeExchange(ExchangeType.QUICK_MODE)} drop`);
      await stage.watch(stage.net.gw, 'public');
      await stage.dial({ netns: stage.net.gw, profile: vista({ gateway: natPublicAddress }) }, 35_000);
    },
  },
  {
    name: 'gateway-behind-nat-both',
    peers: ['Sallyport as Windows 11 (initiator)', OUR_GATEWAY],
    fault:
      'a NAT before the gateway and one before the client; after phase 1 the client begins no quick mode (they were taken out)',
    seenFrom: 'between the two NATs',
    cause: 'gateway-behind-nat',
    made: 'synthetic',
    alsoFine: ['weak-algorithms'],
    play: async (stage) => {
      await publishGateway(stage);
      await stage.gateway({ netns: stage.net.c1, config: { l2tp: true } });
      await stage.net.gw.nft(
        'table ip nat { chain out { type nat hook postrouting priority 100; oifname "public" masquerade; }; }',
      );
      await interfere(stage.net.cl, 'output', `udp dport 4500 ${ikeExchange(ExchangeType.QUICK_MODE)} drop`);
      await stage.watch(stage.net.gw, 'public');
      await stage.dial({ profile: { ...vista({ gateway: natPublicAddress }), persona: 'windows-11' } }, 35_000);
    },
  },
  {
    name: 'healthy-gateway-behind-nat',
    peers: [STRONGSWAN_INITIATOR, STRONGSWAN_RESPONDER],
    fault: 'none; a NAT before the gateway, which strongSwan does not mind',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: ['gateway-behind-nat'],
    play: async (stage) => {
      await publishGateway(stage);
      await stage.swanGateway('v2-psk', { netns: stage.net.c1, local: '10.9.0.11' });
      await stage.net.c1.ip('address', 'add', '10.1.0.1/24', 'dev', 'lo');
      await stage.watch(stage.net.gw, 'public');
      const client = await stage.swanClient('v2-psk', {
        netns: stage.net.gw,
        local: gatewayPublicAddress,
        remote: natPublicAddress,
        connection: { encap: 'no' },
      });
      await client.initiate(20);
      await sleep(3000);
    },
  },
];

const WRONG_GATEWAY = new URL('../../../demo/wrong-gateway', import.meta.url).pathname;

function vista(changes: lab.Config): lab.Config {
  return { l2tp: true, persona: 'windows-vista', group: undefined, psk: lab.mainSecret, ...changes };
}

/** Three laptops, each from a home of its own behind one provider's NAT, all with one private address. */
async function vistas(stage: Stage, program: 'wrong-gateway' | undefined): Promise<void> {
  const names = ['first', 'second', 'third'];
  const laptops: Netns[] = [];
  for (const _ of names) laptops.push(await stage.net.addHome());
  const users = Object.fromEntries(names.map((name) => [name, lab.password]));
  await stage.gateway({ config: { l2tp: true }, users, ...(program && { program: WRONG_GATEWAY }) });
  await stage.watch(stage.net.gw, 'public');
  const dial = (index: number) =>
    stage.dial(
      { netns: laptops[index]!, profile: vista({ gateway: gatewayPublicAddress, user: names[index] }) },
      40_000,
    );
  await dial(0);
  await Promise.all([dial(1), dial(2)]);
  await Promise.all(laptops.map((netns) => ping(netns, { count: 3 })));
}

/** The NAT gives UDP 500 and 4500 to what is behind it: the first home, as a gateway's. */
async function publishGateway(stage: Stage): Promise<void> {
  await stage.net.nat.nft(
    'table ip publish { chain in { type nat hook prerouting priority -100; iifname "outside" udp dport { 500, 4500 } dnat to 10.9.0.11; }; }',
  );
}

export const l2tp = [...calls, ...neighbours, ...windows];
