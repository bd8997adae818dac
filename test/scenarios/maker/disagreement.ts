/** They don't agree: on algorithms, groups, networks. */
import { ping } from '../../lab/traffic.ts';
import { afterAnother, swansMeet } from './meetings.ts';
import {
  AT_CLIENT,
  AT_GATEWAY,
  CISCO_NOTES,
  IKE_SCAN,
  OUR_CLIENT,
  OUR_GATEWAY,
  type Scenario,
  STRONGSWAN_INITIATOR,
  STRONGSWAN_RESPONDER,
  swans,
  VPNC,
} from './scenario.ts';

const phase1: readonly Scenario[] = [
  {
    name: 'phase1-no-proposal-ikev2-cipher',
    peers: swans,
    fault: 'the client offers AES-GCM-128 with ECP-256, the gateway wants AES-CBC-256 with MODP-2048',
    seenFrom: AT_CLIENT,
    cause: 'phase1-no-proposal',
    play: swansMeet('v2-psk', {
      gateway: { ike: 'aes256-sha256-modp2048' },
      client: { ike: 'aes128gcm16-prfsha256-ecp256' },
      seconds: 15,
    }),
  },
  {
    name: 'phase1-no-proposal-main-hash',
    peers: swans,
    fault:
      'the client offers SHA-1, the gateway wants SHA-256; all else is equal, as a client with SHA-256 shows that gets in',
    seenFrom: AT_GATEWAY,
    cause: 'phase1-no-proposal',
    play: afterAnother('v1-main-xauth', { ike: 'aes256-sha256-modp2048' }, async (stage) =>
      (await stage.swanClient('v1-main-xauth', { ike: 'aes256-sha1-modp2048' })).initiate(10),
    ),
  },
  {
    name: 'phase1-no-proposal-main-many',
    peers: swans,
    fault: 'the client offers six old transforms, the gateway wants AES-256, SHA-512 and ECP-521',
    seenFrom: AT_CLIENT,
    cause: 'phase1-no-proposal',
    alsoFine: ['weak-algorithms'],
    play: swansMeet('v1-main', {
      gateway: { ike: 'aes256-sha512-ecp521' },
      client: {
        ike: '3des-sha1-modp1024,3des-md5-modp1024,aes128-sha1-modp1536,aes128-sha1-modp2048,aes256-sha1-modp2048,aes256-sha256-modp2048',
      },
      seconds: 10,
    }),
  },
  {
    name: 'phase1-no-proposal-vpnc-strongswan',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'vpnc knows no SHA-2 in phase 1, the gateway wants it',
    seenFrom: AT_CLIENT,
    cause: 'phase1-no-proposal',
    asGood: ['group-mismatch'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.swanGateway('v1-xauth', { ike: 'aes256-sha384-modp2048' });
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ patience: 15_000 });
    },
  },
  {
    name: 'phase1-no-proposal-main-sallyport',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'the client offers 3DES and MD5, which the gateway lets in only with "legacy"',
    seenFrom: AT_CLIENT,
    cause: 'phase1-no-proposal',
    alsoFine: ['weak-algorithms'],
    play: async (stage) => {
      await stage.gateway({ config: { legacy: false } });
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v1-main', { ike: '3des-md5-modp2048' })).initiate(12);
    },
  },
  {
    name: 'phase1-no-proposal-aggressive-sallyport-client',
    peers: [OUR_CLIENT, STRONGSWAN_RESPONDER],
    fault: 'the gateway wants Camellia, which nobody offers',
    seenFrom: AT_GATEWAY,
    cause: 'phase1-no-proposal',
    asGood: ['group-mismatch'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth', { ike: 'camellia256-sha256-modp2048' });
      await stage.watch(stage.net.gw, 'direct');
      await stage.dial({ profile: { carrier: 'nat-t' } });
    },
  },
  {
    name: 'group-retried-ikev2',
    peers: swans,
    fault: "the client's first guess of a group is refused by INVALID_KE_PAYLOAD, its second is taken",
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['group-mismatch', 'phase1-no-proposal'],
    play: swansMeet('v2-psk', {
      gateway: { ike: 'aes256-sha256-modp2048' },
      client: { ike: 'aes256-sha256-ecp256-modp2048' },
      afterwards: ({ at }) => ping(at, { count: 5 }),
    }),
  },
  {
    name: 'second-proposal-taken-main',
    peers: swans,
    fault: 'of three offers the third is taken',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: ['weak-algorithms'],
    nearMissOf: ['phase1-no-proposal'],
    play: swansMeet('v1-main-xauth', {
      gateway: { ike: 'aes256-sha256-modp2048' },
      client: { ike: 'aes128-sha384-ecp384,aes192-sha256-ecp256,aes256-sha256-modp2048' },
      afterwards: ({ at }) => ping(at, { count: 5 }),
    }),
  },
  {
    name: 'refused-then-changed-ikev2',
    peers: swans,
    fault: 'the first try is refused; the administrator mends the proposal, and the same client gets in',
    seenFrom: AT_CLIENT,
    cause: 'phase1-no-proposal',
    play: async (stage) => {
      await stage.swanGateway('v2-psk', { ike: 'aes256-sha256-modp2048' });
      await stage.watch(stage.net.cl, 'eth0');
      const before = await stage.swanClient('v2-psk', { ike: 'aes128-sha1-modp2048' });
      await before.initiate(10);
      await before.stop();
      await (await stage.swanClient('v2-psk')).connect();
      await ping(stage.net.cl, { count: 5 });
    },
  },
];

const groups: readonly Scenario[] = [
  {
    name: 'group-mismatch-vpnc-strongswan',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'vpnc asks with group 2 (its default) and is refused; another vpnc asks with group 14 and gets in',
    seenFrom: AT_GATEWAY,
    cause: 'group-mismatch',
    asGood: ['phase1-no-proposal'],
    alsoFine: [...CISCO_NOTES, 'weak-algorithms'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth', { ike: 'aes256-sha1-modp2048' });
      const other = await stage.net.addClient();
      await stage.watch(stage.net.gw, 'any', 'udp');
      await stage.vpnc({ netns: other, gateway: '192.0.2.1', mode: 'force-natt' });
      await stage.vpnc({ dhGroup: 'dh2', patience: 12_000 });
    },
  },
  {
    name: 'group-mismatch-vpnc-sallyport',
    peers: [VPNC, OUR_GATEWAY],
    fault:
      'vpnc asks with group 2 (its default), which the gateway lets in only with "legacy"; another vpnc asks with group 14',
    seenFrom: AT_GATEWAY,
    cause: 'group-mismatch',
    asGood: ['phase1-no-proposal'],
    alsoFine: [...CISCO_NOTES, 'weak-algorithms'],
    play: async (stage) => {
      await stage.gateway({ config: { legacy: false } });
      const other = await stage.net.addClient();
      await stage.watch(stage.net.gw, 'any', 'udp');
      await stage.vpnc({ netns: other, gateway: '192.0.2.1', mode: 'force-natt' });
      await stage.vpnc({ dhGroup: 'dh2', patience: 12_000 });
    },
  },
  {
    name: 'group-mismatch-strongswan-aggressive',
    peers: swans,
    fault:
      'in aggressive mode the client has to guess the group: it takes ECP-256, the gateway wants MODP-2048; another client guesses right',
    seenFrom: AT_GATEWAY,
    cause: 'group-mismatch',
    asGood: ['phase1-no-proposal'],
    alsoFine: CISCO_NOTES,
    play: afterAnother('v1-xauth', { ike: 'aes256-sha256-modp2048' }, async (stage) =>
      (await stage.swanClient('v1-xauth', { ike: 'aes256-sha256-ecp256' })).initiate(10),
    ),
  },
  {
    name: 'group-mismatch-windows-groups-ike-scan',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault:
      "Windows' old L2TP offer (AES-256, SHA-1, groups 20, 19, 14, 2) meets a gateway that wants group 15; the same offer with group 15 is taken",
    seenFrom: AT_CLIENT,
    cause: 'group-mismatch',
    asGood: ['phase1-no-proposal', 'scanner'],
    alsoFine: ['weak-algorithms'],
    made: 'synthetic',
    play: async (stage) => {
      await stage.swanGateway('v1-main', { ike: 'aes256-sha1-modp3072' });
      await stage.watch(stage.net.cl, 'eth0');
      const offer = (groups: readonly number[]) => groups.map((group) => `--trans=(1=7,14=256,2=2,3=1,4=${group})`);
      // Windows 10's vendor ID, and those of its NAT traversal and fragmentation
      const vendor = [
        '1e2b516905991c7d7c96fcbfb587e46100000009',
        '4a131c81070358455c5728f20e95452f',
        '4048b7d56ebce88525e7de7f00d6c2d3',
      ];
      const argv = ['ike-scan', '--sport=500', '--retry=1', '-M', ...vendor.map((id) => `--vendor=${id}`)];
      await stage.net.cl.run([...argv, ...offer([20, 19, 14, 2]), '192.0.2.1']);
      await stage.net.cl.run([...argv, ...offer([15]), '192.0.2.1']);
    },
  },
  {
    name: 'group-mismatch-ikev2-alone',
    peers: swans,
    fault: 'the client offers MODP-1024 alone (an old Android), the gateway wants MODP-2048 or ECP-256',
    seenFrom: AT_CLIENT,
    cause: 'group-mismatch',
    asGood: ['phase1-no-proposal'],
    alsoFine: ['weak-algorithms'],
    play: afterAnother('v2-psk', { ike: 'aes256-sha256-modp2048,aes256-sha256-ecp256' }, async (stage) =>
      (await stage.swanClient('v2-psk', { ike: 'aes256-sha256-modp1024' })).initiate(10),
    ),
  },
];

const phase2: readonly Scenario[] = [
  {
    name: 'phase2-no-proposal-ikev2',
    peers: swans,
    fault: 'the client offers ESP with AES-CBC-128 and SHA-1, the gateway wants AES-GCM-256',
    seenFrom: AT_CLIENT,
    cause: 'phase2-no-proposal',
    play: swansMeet('v2-psk', {
      keys: true,
      gateway: { esp: 'aes256gcm16' },
      client: { esp: 'aes128-sha1' },
      seconds: 15,
    }),
  },
  {
    name: 'phase2-no-proposal-quick-mode',
    peers: swans,
    fault: 'the client offers ESP with AES-CBC-128 and SHA-1, the gateway wants AES-CBC-256 and SHA-256',
    seenFrom: AT_CLIENT,
    cause: 'phase2-no-proposal',
    play: swansMeet('v1-main-xauth', {
      keys: true,
      gateway: { esp: 'aes256-sha256' },
      client: { esp: 'aes128-sha1' },
      seconds: 15,
    }),
  },
  {
    name: 'phase2-no-proposal-quick-mode-no-keys',
    peers: swans,
    fault: 'the client offers ESP with 3DES and MD5, the gateway wants AES-CBC-256 and SHA-256; no keys',
    seenFrom: AT_CLIENT,
    cause: 'phase2-no-proposal',
    asGood: ['selectors-refused'],
    play: swansMeet('v1-main', {
      gateway: { esp: 'aes256-sha256' },
      client: { esp: '3des-md5', child: { local_ts: '10.88.0.0/24' } },
      seconds: 15,
    }),
  },
  {
    name: 'phase2-no-proposal-pfs',
    peers: swans,
    fault: 'the gateway wants PFS with group 14, the client has none; ESP is the same else',
    seenFrom: AT_CLIENT,
    cause: 'phase2-no-proposal',
    play: swansMeet('v1-main', {
      keys: true,
      gateway: { esp: 'aes256-sha256-modp2048' },
      client: { esp: 'aes256-sha256', child: { local_ts: '10.88.0.0/24' } },
      seconds: 15,
    }),
  },
  {
    name: 'phase2-no-proposal-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'the gateway wants AES-GCM for ESP, which vpnc does not know',
    seenFrom: AT_CLIENT,
    cause: 'phase2-no-proposal',
    alsoFine: [...CISCO_NOTES, 'weak-algorithms'],
    play: async (stage) => {
      stage.keepKeys();
      await stage.swanGateway('v1-xauth', { esp: 'aes256gcm16' });
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'force-natt', patience: 20_000 });
    },
  },
  {
    name: 'phase2-no-proposal-sallyport',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'the client offers ESP with Camellia, which the gateway does not know',
    seenFrom: AT_CLIENT,
    cause: 'phase2-no-proposal',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      stage.keepKeys();
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v1-xauth', { esp: 'camellia256-sha256' })).initiate(15);
    },
  },
];

const networks: readonly Scenario[] = [
  {
    name: 'selectors-refused-ikev2',
    peers: swans,
    fault: 'the client wants 172.16.0.0/16, the gateway has 10.1.0.0/24',
    seenFrom: AT_CLIENT,
    cause: 'selectors-refused',
    play: swansMeet('v2-psk', { keys: true, client: { child: { remote_ts: '172.16.0.0/16' } }, seconds: 15 }),
  },
  {
    name: 'selectors-refused-quick-mode',
    peers: swans,
    fault: 'the client says that 10.99.0.0/24 is behind it, the gateway awaits 10.88.0.0/24',
    seenFrom: AT_CLIENT,
    cause: 'selectors-refused',
    play: swansMeet('v1-main', { keys: true, client: { child: { local_ts: '10.99.0.0/24' } }, seconds: 15 }),
  },
  {
    name: 'selectors-refused-sallyport',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'a site says that 10.99.0.0/24 is behind it, the gateway has 10.88.0.0/24 for it',
    seenFrom: AT_CLIENT,
    cause: 'selectors-refused',
    play: async (stage) => {
      stage.keepKeys();
      const peers = [{ id: '10.88.0.1', psk: 'correct horse battery', inner: '10.88.0.0/24' }];
      await stage.gateway({ config: { peers } });
      await stage.watch(stage.net.cl, 'eth0');
      const own = { id: '10.88.0.1' };
      await (await stage.swanClient('v1-main', { own, child: { local_ts: '10.99.0.0/24' } })).initiate(15);
    },
  },
  {
    name: 'selectors-narrowed-ikev2',
    peers: swans,
    fault: 'the client asks for everything and is given 10.1.0.0/24: that is agreement',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['selectors-refused'],
    play: swansMeet('v2-psk', {
      keys: true,
      client: { child: { remote_ts: '0.0.0.0/0' } },
      afterwards: ({ at }) => ping(at, { count: 5 }),
    }),
  },
];

export const disagreement = [...phase1, ...groups, ...phase2, ...networks];
