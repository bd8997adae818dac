/** Who else is there: floods, scanners; and how safe what was agreed on is. */
import { sleep } from '../../lab/poll.ts';
import { ping } from '../../lab/traffic.ts';
import { swansMeet } from './meetings.ts';
import {
  AT_CLIENT,
  AT_GATEWAY,
  CISCO_NOTES,
  IKE_SCAN,
  OUR_GATEWAY,
  type Scenario,
  STRONGSWAN_RESPONDER,
  swans,
  VPNC,
} from './scenario.ts';
import type { Stage } from './stage.ts';

const GATEWAY = '192.0.2.1';
const AES = '--trans=(1=7,14=256,2=4,3=1,4=14)';

/** ike-scan `count` times at once, each from another address that isn't its own. */
async function flood(stage: Stage, count: number, ...options: readonly string[]): Promise<void> {
  // what the gateway answers has to go somewhere
  await stage.net.gw.ip('route', 'add', 'default', 'via', '192.0.2.2');
  const argv = ['ike-scan', '-f', '-', '--sourceip=random', '--sport=500', '--retry=1', '--interval=30', '--nodns'];
  await stage.net.cl.run([...argv, ...options], { input: `${GATEWAY}\n`.repeat(count), timeout: 40_000 });
  await sleep(1000);
}

/** Aggressive mode with AES-256 and group 14, for the hash alone. `hash`: phase 1's. */
function takeHash(stage: Stage, hash: number): Promise<unknown> {
  const transform = `--trans=(1=7,14=256,2=${hash},3=65001,4=14)`;
  const asked = ['--aggressive', '--id=labgroup', '--idtype=11', '--dhgroup=14', '--pskcrack', transform];
  return scan(stage, ...asked, GATEWAY);
}

function scan(stage: Stage, ...options: readonly string[]) {
  return stage.net.cl.run(['ike-scan', '--sport=500', '--retry=1', '--timeout=300', '-M', ...options], {
    timeout: 30_000,
  });
}

const floods: readonly Scenario[] = [
  {
    name: 'half-open-flood-main',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault: '150 first messages of main mode from random addresses; nobody goes on',
    seenFrom: AT_GATEWAY,
    cause: 'half-open-flood',
    asGood: ['scanner'],
    play: async (stage) => {
      await stage.swanGateway('v1-main');
      await stage.watch(stage.net.gw, 'direct');
      await flood(stage, 150, AES);
    },
  },
  {
    name: 'half-open-flood-aggressive',
    peers: [IKE_SCAN, OUR_GATEWAY, VPNC],
    fault:
      '110 first messages of aggressive mode from random addresses; nobody goes on; an honest vpnc meanwhile gets in',
    seenFrom: AT_GATEWAY,
    cause: 'half-open-flood',
    alsoFine: [...CISCO_NOTES, 'scanner'],
    play: async (stage) => {
      await stage.gateway();
      const other = await stage.net.addClient();
      await stage.watch(stage.net.gw, 'any', 'udp');
      const flooding = flood(stage, 110, '--aggressive', '--id=labgroup', '--idtype=11', '--dhgroup=14', AES);
      await sleep(500);
      await stage.vpnc({ netns: other, mode: 'force-natt' });
      await flooding;
    },
  },
  {
    name: 'half-open-flood-ikev2',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault: '150 IKE_SA_INIT from random addresses; nobody goes on',
    seenFrom: AT_GATEWAY,
    cause: 'half-open-flood',
    asGood: ['scanner'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk', { ike: 'default,aes128-sha1-modp1024' });
      await stage.watch(stage.net.gw, 'direct');
      await flood(stage, 150, '--ikev2');
    },
  },
  {
    name: 'many-clients-at-once',
    peers: [...swans],
    fault: 'none; six clients come at the same moment, and all get in',
    seenFrom: AT_GATEWAY,
    cause: null,
    nearMissOf: ['half-open-flood', 'scanner'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      const clients = [];
      for (let number = 1; number <= 6; number++) {
        const netns = await stage.net.addClient();
        const own = { id: `client${number}.example.org` };
        clients.push(await stage.swanClient('v2-psk', { netns, local: `10.8.${number}.2`, own }));
      }
      await stage.watch(stage.net.gw, 'any', 'udp');
      await Promise.all(clients.map((client) => client.initiate(30)));
      await Promise.all(clients.map(({ netns }) => ping(netns, { count: 3 })));
    },
  },
];

const scanners: readonly Scenario[] = [
  {
    name: 'scanner-transforms-strongswan',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault: 'forty transforms, one after the other',
    seenFrom: AT_GATEWAY,
    cause: 'scanner',
    alsoFine: ['weak-algorithms', 'half-open-flood'],
    play: async (stage) => {
      await stage.swanGateway('v1-main', { ike: 'aes256-sha256-modp2048' });
      await stage.watch(stage.net.gw, 'direct');
      for (const cipher of ['1=1', '1=5', '1=7,14=128', '1=7,14=256'])
        for (const hash of [1, 2])
          for (const group of [1, 2, 5, 14, 15])
            await scan(stage, `--trans=(${cipher},2=${hash},3=1,4=${group})`, GATEWAY);
    },
  },
  {
    name: 'scanner-transforms-sallyport',
    peers: [IKE_SCAN, OUR_GATEWAY],
    fault: 'sixteen transforms, one after the other, then aggressive mode and IKEv2',
    seenFrom: AT_CLIENT,
    cause: 'scanner',
    alsoFine: ['weak-algorithms', 'half-open-flood', 'aggressive-psk-hash', 'ikev2-to-ikev1'],
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      for (const cipher of ['1=5', '1=7,14=256'])
        for (const method of [1, 65001])
          for (const group of [2, 5, 14, 19])
            await scan(stage, `--trans=(${cipher},2=2,3=${method},4=${group})`, GATEWAY);
      await scan(stage, '--aggressive', '--id=labgroup', '--idtype=11', '--dhgroup=14', AES, GATEWAY);
      await scan(stage, '--ikev2', GATEWAY);
    },
  },
  {
    name: 'scanner-addresses',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault: 'sixty addresses of a network are asked, one of which has a gateway',
    seenFrom: AT_CLIENT,
    cause: 'scanner',
    alsoFine: ['icmp-unreachable', 'no-answer-500', 'phase1-no-proposal'],
    play: async (stage) => {
      await stage.swanGateway('v1-main');
      await stage.watch(stage.net.cl, 'eth0');
      const targets = Array.from({ length: 60 }, (_, index) => `198.51.100.${index + 1}`).join('\n');
      const argv = [
        'ike-scan',
        '-f',
        '-',
        '--sport=500',
        '--retry=1',
        '--timeout=300',
        '--interval=20',
        '--nodns',
        AES,
      ];
      await stage.net.cl.run(argv, { input: `${targets}\n`, timeout: 40_000 });
      await sleep(3000);
    },
  },
  {
    name: 'scanner-group-names',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault: 'twenty group names are guessed in aggressive mode',
    seenFrom: AT_GATEWAY,
    cause: 'scanner',
    asGood: ['aggressive-psk-hash'],
    alsoFine: ['identity-mismatch', 'phase1-no-proposal', 'half-open-flood', 'group-secret-impersonation'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth', { ike: 'aes256-sha256-modp2048' });
      await stage.watch(stage.net.gw, 'direct');
      const names =
        'vpn VPN sales admin staff it remote cisco labgroup users guest test corp hq office mobile ra default group1 vpnclient';
      const transform = '--trans=(1=7,14=256,2=4,3=65001,4=14)';
      for (const name of names.split(' '))
        await scan(stage, '--aggressive', `--id=${name}`, '--idtype=11', '--dhgroup=14', transform, GATEWAY);
    },
  },
];

const safety: readonly Scenario[] = [
  {
    name: 'aggressive-psk-hash-taken-strongswan',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault: 'somebody begins aggressive mode, takes the hash and goes, to guess the secret at home',
    seenFrom: AT_GATEWAY,
    cause: 'aggressive-psk-hash',
    asGood: ['scanner'],
    alsoFine: ['group-secret-impersonation', 'psk-mismatch'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth', { ike: 'aes256-sha256-modp2048' });
      await stage.watch(stage.net.gw, 'direct');
      await takeHash(stage, 4);
      await sleep(8000);
    },
  },
  {
    name: 'aggressive-psk-hash-taken-sallyport',
    peers: [IKE_SCAN, OUR_GATEWAY],
    fault: 'somebody begins aggressive mode, takes the hash and goes, to guess the secret at home',
    seenFrom: AT_CLIENT,
    cause: 'aggressive-psk-hash',
    asGood: ['scanner'],
    alsoFine: ['group-secret-impersonation', 'psk-mismatch'],
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      await takeHash(stage, 2);
      await sleep(8000);
    },
  },
  {
    name: 'group-secret-impersonation-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'a group secret that all know, and the password asked under it: it works, and is not safe',
    seenFrom: AT_CLIENT,
    cause: 'group-secret-impersonation',
    asGood: ['aggressive-psk-hash'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'force-natt' });
      await ping(stage.net.cl, { count: 5 });
    },
  },
  {
    name: 'group-secret-impersonation-main',
    peers: swans,
    fault: 'main mode with a secret that all know, and the password asked under it: it works, and is not safe',
    seenFrom: AT_CLIENT,
    cause: 'group-secret-impersonation',
    play: swansMeet('v1-main-xauth', { afterwards: ({ at }) => ping(at, { count: 5 }) }),
  },
  {
    name: 'weak-algorithms-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'the gateway takes 3DES, MD5 and group 2 of what vpnc offers',
    seenFrom: AT_CLIENT,
    cause: 'weak-algorithms',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.swanGateway('v1-xauth', { ike: '3des-md5-modp1024', esp: '3des-md5' });
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({
        mode: 'force-natt',
        dhGroup: 'dh2',
        extra: ['Enable weak encryption', 'Enable weak authentication'],
      });
      await ping(stage.net.cl, { count: 5 });
    },
  },
  {
    name: 'weak-algorithms-ikev2-group-2',
    peers: swans,
    fault: 'AES with group 2',
    seenFrom: AT_CLIENT,
    cause: 'weak-algorithms',
    play: swansMeet('v2-psk', {
      gateway: { ike: 'aes256-sha256-modp1024' },
      client: { ike: 'aes256-sha256-modp1024' },
      afterwards: ({ at }) => ping(at, { count: 5 }),
    }),
  },
  {
    name: 'weak-algorithms-esp-3des-keys',
    peers: swans,
    fault: 'IKE is strong, ESP has 3DES and MD5',
    seenFrom: AT_CLIENT,
    cause: 'weak-algorithms',
    play: swansMeet('v2-psk', {
      keys: true,
      gateway: { esp: '3des-md5' },
      client: { esp: '3des-md5' },
      afterwards: ({ at }) => ping(at, { count: 5 }),
    }),
  },
  {
    name: 'weak-offered-strong-taken',
    peers: swans,
    fault: 'none; the client offers 3DES with group 2 too, the gateway takes AES with group 14',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['weak-algorithms', 'group-mismatch'],
    play: swansMeet('v2-psk', {
      gateway: { ike: 'aes256-sha256-modp2048' },
      client: { ike: 'aes256-sha256-modp2048,3des-sha1-modp1024' },
      afterwards: ({ at }) => ping(at, { count: 5 }),
    }),
  },
];

export const strangers = [...floods, ...scanners, ...safety];
